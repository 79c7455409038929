// What a page was sent without, because it takes long: asked for, and the page shown anew when it is there.

import { ask } from "./source.js";

export async function waiting() {
  const place = document.querySelector("[data-waits]");
  if (!place) return;
  try {
    await ask(place.dataset.waits);
    location.reload();
  } catch (error) {
    place.textContent = error.message;
  }
}
