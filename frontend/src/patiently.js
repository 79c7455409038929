// What takes longer than a second says so, how far it is, and how to end it.

import { ask } from "./source.js";
import { progressText } from "./waiting.js";

const PATIENCE_MS = 1000, LOOK_MS = 700;
const now = new WeakMap();

// `work` itself; while it lasts, the page's part "asking" is shown, with a way out if there is a `stop`.
export function patiently(root, work, stop) {
  const part = root.querySelector('[data-part="asking"]');
  if (!part) return work;
  const mine = {};
  now.set(root, mine);
  const over = () => now.get(root) !== mine;
  const [text, button] = [part.querySelector("span"), part.querySelector("button")];
  const look = async () => {
    if (over()) return;
    const { preparing } = await ask("/api/v1/state").catch(() => ({}));
    if (over()) return;
    if (preparing) text.textContent = progressText(preparing);
    timer = setTimeout(look, LOOK_MS);
  };
  let timer = setTimeout(() => {
    if (over()) return;
    text.textContent = "Asking the engine…";
    button.hidden = !stop;
    button.onclick = stop;
    part.hidden = false;
    look();
  }, PATIENCE_MS);
  part.hidden = true;
  return work.finally(() => {
    clearTimeout(timer);
    if (!over()) part.hidden = true;
  });
}
