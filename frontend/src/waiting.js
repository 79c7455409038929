// What a page was sent without, because it takes long: asked for, and the page shown anew when it is there.

import { ask } from "./source.js";

const LOOK_MS = 500;

// How often a page is shown anew for what it was sent without: a ledger that changes all the time is judged all the time.
const MOST_RELOADS = 3;
const RELOADS = `farthing-reloads-${location.pathname}`;

function reloads(count) {
  try {
    if (count === undefined) return Number(sessionStorage.getItem(RELOADS) || 0);
    if (count) sessionStorage.setItem(RELOADS, count);
    else sessionStorage.removeItem(RELOADS);
  } catch {
    // Without storage nothing is counted, and the page is not shown anew by itself.
  }
  return count ?? MOST_RELOADS;
}

export async function waiting() {
  const page = document.querySelector("[data-page=waiting]");
  if (page) return whole(page);
  const place = document.querySelector("[data-waits]");
  if (!place) return void reloads(0);
  const before = reloads();
  if (before >= MOST_RELOADS) {
    place.textContent = "The ledger is changing while it is judged: load this page again in a while.";
    return;
  }
  try {
    await Promise.all(place.dataset.waits.split(" ").map((url) => ask(url)));
    reloads(before + 1);
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
