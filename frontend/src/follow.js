// Live pages look now and then whether the ledger has changed, and offer the new figures; they never move by themselves.

import { ask } from "./source.js";

const SECONDS = 30;

export function follow(meta) {
  if (meta.mode !== "live") return;
  const note = document.getElementById("new-data");
  note?.querySelector("button").addEventListener("click", () => location.reload());
  setInterval(async () => {
    if (document.hidden || !note.hidden) return;
    try {
      const now = await ask("/api/v1/state");
      if (now.version !== meta.version) note.hidden = false;
    } catch {
      // The server may be starting again; the next look tells.
    }
  }, SECONDS * 1000);
}
