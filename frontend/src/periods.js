// Periods as people choose them, for every page that has some: presets, or a dialog for any days.

import * as days from "./days.js";

export const PRESETS = [
  ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["90d", "Last 90 days"], ["mtd", "This month"],
  ["last-month", "Last month"], ["3m", "Last 3 months"], ["12m", "Last 12 months"], ["ytd", "This year"],
];

// [first day, day after the last], or null where the text is no period.
export function span(text, today) {
  const range = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(text || "");
  const month = /^(\d{4}-\d\d)$/.exec(text || "");
  let found = days.preset(text, today);
  if (range) found = [days.parse(range[1]), days.parse(range[2])];
  if (month) { const first = days.parse(`${month[1]}-01`); found = first === null ? null : [first, days.addMonths(first, 1)]; }
  return found && found[0] !== null && found[1] !== null && found[0] < found[1] ? found : null;
}

export const rangeText = ([from, to]) => `${days.iso(from)}..${days.iso(to)}`;

// The period to begin with: `wanted`, or the newest days that there are where it has none of them (an export of long ago).
export function beginning(wanted, today, [low, high], length = 30) {
  const [from, to] = span(wanted, today);
  return from < high && low < to ? wanted : rangeText([Math.max(low, high - length), high]);
}

// The same for two periods one after the other: the newest days in halves where the ledger has none of one of them. null: too few.
export function beginningOfTwo(wanted, today, [low, high], length = 30) {
  const [from, to] = span(wanted, today), [before, until] = days.previous(from, to);
  if (from < high && low < to && before < high && low < until) return wanted;
  const half = Math.min(length, Math.floor((high - low) / 2));
  return half ? rangeText([high - half, high]) : null;
}

export class PeriodDialog {
  constructor(dialog, bounds) {
    this.dialog = dialog;
    this.bounds = bounds;
    dialog.addEventListener("close", () => this.closed());
    dialog.querySelector("[data-part=custom-cancel]").addEventListener("click", () => dialog.close("cancel"));
    dialog.querySelector("form").addEventListener("submit", () => (dialog.returnValue = "ok"));
  }

  // `done` gets the range as text, or null when the dialog was left.
  ask(title, [from, to], done) {
    const [first, last] = this.dialog.querySelectorAll("input"), [low, high] = this.bounds;
    this.dialog.querySelector("h2").textContent = title;
    for (const input of [first, last]) [input.min, input.max] = [days.iso(low), days.iso(high - 1)];
    first.value = days.iso(from);
    last.value = days.iso(to - 1);
    this.done = done;
    this.dialog.returnValue = "";
    this.dialog.showModal();
  }

  closed() {
    const [first, last] = [...this.dialog.querySelectorAll("input")].map((one) => days.parse(one.value));
    const fine = this.dialog.returnValue === "ok" && first !== null && last !== null;
    this.done(fine ? rangeText([Math.min(first, last), Math.max(first, last) + 1]) : null);
  }
}
