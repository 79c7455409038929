// What a page was sent without, because it takes long: asked for, and the page shown anew when it is there.

import { ask } from "./source.js";

const LOOK_MS = 500;

export async function waiting() {
  const page = document.querySelector("[data-page=waiting]");
  if (page) return whole(page);
  const place = document.querySelector("[data-waits]");
  if (!place) return;
  try {
    await Promise.all(place.dataset.waits.split(" ").map((url) => ask(url)));
    location.reload();
  } catch (error) {
    place.textContent = error.message;
  }
}

// A page whose figures are still read: says how far that is, and makes way when they are there.
function whole(root) {
  const find = (name) => root.querySelector(`[data-part="${name}"]`);
  const look = async () => {
    try {
      const answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
      // The page itself, or the one that says what is wrong: both are shown as they come.
      if (answer.status !== 202) return location.reload();
      const text = progressText((await ask("/api/v1/state")).preparing);
      if (text) find("progress").textContent = text;
    } catch {
      root.dataset.state = "error";
      find("error-text").textContent = "farthing's server does not answer: start it again with farthing dashboard";
      return;
    }
    setTimeout(look, LOOK_MS);
  };
  setTimeout(look, LOOK_MS);
}

export const progressText = (preparing) => preparing && `Reading the ledger for the first time: ${preparing.done} of ${preparing.of} months…`;
