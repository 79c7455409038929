// Why: what led from one period's cost to another's, as a waterfall whose bars add up to the cent.

import * as days from "./days.js";
import { announce, download, h, json } from "./dom.js";
import { ask } from "./source.js";
import { choose, fields } from "./controls.js";
import { crumbs } from "./crumbs.js";
import { csvOf } from "./csv.js";
import { nextColumn, putFilters, whereOf } from "./filtering.js";
import { cents, exact, fromText, inCents, plain, share } from "./money.js";
import { beginningOfTwo, PeriodDialog, PRESETS, rangeText, span } from "./periods.js";
import { fromCube, inCentsThatAddUp, largest } from "./waterfall.js";
import { nameAndId } from "./cube.js";
import { patiently } from "./patiently.js";
import * as state from "./state.js";
import { View } from "./view.js";

const BARS = 12;
const defaults = { period: "last-month", against: "previous", by: "ServiceName", metric: "BilledCost", equalise: "" };
const MEANINGS = { calendar: "another number of days", new: "what was not there before", gone: "what is no longer there", price: "the same quantity at another price", volume: "more or less of the same", mix: "another blend of what is used", change: "no quantities to tell price from volume" };

export class Why extends View {
  constructor(root, source, page) {
    super(root, source, page, defaults);
  }

  async start() {
    try {
      const cube = await patiently(this.root, this.source.base());
      if (!cube.cells.length) return this.say("empty");
      const start = beginningOfTwo(this.defaults.period, cube.today, this.source.bounds());
      if (!start) return this.say("error", "The ledger has one day, and a change needs two: farthing backfill or farthing import brings more.");
      this.defaults.period = start;
      this.columns = this.source.columns();
      const options = {
        period: choose("Period", [...PRESETS, ["custom", "Custom…"]], (value) => this.choose("period", value)),
        against: choose("Against", [["previous", "The one before"], ["custom", "Another…"]], (value) => this.choose("against", value)),
        by: choose("Bars are", this.columns.map((one) => [one.value, one.label]), (value) => this.set({ by: value })),
        metric: choose("Cost", this.source.metrics().map((one) => [one.value, one.label]), (value) => this.set({ metric: value })),
      };
      if (this.source.live) options.equalise = choose("Take out", [["", "Nothing"], ["days", "Number of days"], ["weekdays", "Weekdays"]], (value) => this.set({ equalise: value }));
      fields(this.find("controls"), options);
      this.dialog = new PeriodDialog(this.find("custom"), this.source.bounds());
      this.find("csv").addEventListener("click", () => this.csv());
      await this.render();
    } catch (error) {
      return this.say("error", error.message);
    }
    // On a large ledger what accounts are called comes afterwards.
    if (await this.source.apart().catch(() => false)) await this.render();
  }

  get() {
    const now = this.asked();
    now.after = span(now.period, this.source.cube.today) || span(this.defaults.period, this.source.cube.today);
    now.before = span(now.against, this.source.cube.today) || days.previous(...now.after);
    return now;
  }

  choose(key, value) {
    if (value !== "custom") return this.set({ [key]: value });
    const now = this.get();
    return this.dialog.ask(key === "period" ? "Period" : "Against", key === "period" ? now.after : now.before, (text) => (text ? this.set({ [key]: text }) : this.render()));
  }

  async render() {
    if (!this.source.cube) return;
    const now = this.get();
    this.stop?.abort();
    const { signal } = (this.stop = new AbortController());
    this.root.setAttribute("aria-busy", "true");
    const period = PRESETS.some(([value]) => value === now.period) ? now.period : "custom";
    this.select({ ...now, period, against: now.against === "previous" ? "previous" : "custom" });
    try {
      const told = this.source.live ? await patiently(this.root, this.answered(now, signal), () => this.halt()) : await this.own(now);
      if (signal.aborted) return;
      this.show(now, told);
      this.say("ready");
      this.before = state.read();
    } catch (error) {
      if (error.name !== "AbortError") this.say("error", error.message);
    } finally {
      if (!signal.aborted) this.root.removeAttribute("aria-busy");
    }
  }

  async answered(now, signal) {
    const query = new URLSearchParams({ period: rangeText(now.after), against: rangeText(now.before), by: now.by, metric: now.metric });
    if (now.equalise) query.set("equalise", now.equalise);
    whereOf(now.filters).forEach((term) => query.append("where", term));
    return this.worded(now, await ask(`/api/v1/explain?${query}`, signal));
  }

  // An answer of the server, with names.
  worded(now, told) {
    const dim = this.source.known().dims.find((one) => one.column === now.by);
    const called = (value) => {
      const place = dim ? dim.values.indexOf(value) : -1;
      const [name, id] = place >= 0 ? nameAndId(dim, place) : [value ?? "(no name)", ""];
      return { name, id };
    };
    const amounts = (one) => ({ before: fromText(one.before), after: fromText(one.after), change: fromText(one.change), effects: Object.fromEntries(Object.entries(one.effects).map(([name, text]) => [name, fromText(text)])) });
    return { ...amounts(told), currency: told.currency || "", notes: told.notes, drivers: told.drivers.map((one) => ({ ...amounts(one), value: one[now.by], ...called(one[now.by]) })) };
  }

  // A copy has no server: what it begins with was asked when it was made, all else comes from the page's own figures.
  async own(now) {
    const ahead = json("why-told") || [];
    const [after, before] = [rangeText(now.after), rangeText(now.before)];
    const range = (told) => `${told.start}..${told.end}`;
    const found = ahead.find((one) => one.by === now.by && one.metric === now.metric && range(one.period) === after && range(one.against) === before);
    if (found && !now.filters.length) return this.worded(now, found);
    const told = await this.counted(now);
    const quantities = ahead.some((one) => ["price", "volume", "mix"].some((name) => name in one.effects));
    const parts = quantities ? `price, volume and mix are told for ${days.spanText(...span(range(ahead[0].period), 0))} against the period before it; for other comparisons` : "to take out the number of days or weekdays";
    return { ...told, apart: !quantities, notes: [...told.notes, `This is a copy of the dashboard: ${parts} look at the live one (farthing dashboard).`] };
  }

  async counted(now) {
    const [from, to] = [Math.min(now.after[0], now.before[0]), Math.max(now.after[1], now.before[1])];
    const cube = await this.source.cubeFor({ metric: now.metric, by: now.by, filters: now.filters, from, to });
    return fromCube(cube, now);
  }

  show(now, told) {
    this.told = { now, ...told };
    this.find("total").textContent = cents(told.change, true);
    this.find("currency").textContent = told.currency;
    this.find("span").textContent = `${share(told.change, told.before, true)} · from ${cents(told.before)} in ${days.spanText(...now.before)} to ${cents(told.after)} in ${days.spanText(...now.after)}`;
    announce(`${cents(told.change, true)} ${told.currency}`);
    crumbs(this.find("crumbs"), this.source.known(), now.filters, (changes) => this.set(changes));
    this.table();
    const effects = Object.entries(told.effects || {}).filter(([, amount]) => amount);
    const notes = [...told.notes, ...(effects.length ? [`In all: ${effects.map(([name, amount]) => `${name} ${cents(amount, true)} (${name === "change" && told.apart === false ? "not told apart in this copy" : MEANINGS[name]})`).join(", ")}.`] : [])];
    this.find("notes").replaceChildren(...notes.map((text) => h("li", {}, text)));
    const params = new URLSearchParams({ period: rangeText(now.after), compare: rangeText(now.before), by: now.by, metric: now.metric });
    putFilters(params, now.filters);
    const link = this.find("explorer");
    link.href = `${link.getAttribute("href").split(/[?#](?=[^#]*=)/)[0]}${this.page ? "?" : "#"}${params}`;
  }

  table() {
    const { now, before, after, drivers, currency } = this.told;
    const shown = largest(drivers, BARS);
    const changes = inCentsThatAddUp(before, after, shown.map((one) => one.change));
    const levels = [Number(inCents(before))];
    changes.forEach((change) => levels.push(levels[levels.length - 1] + Number(change)));
    const low = Math.min(...levels), high = Math.max(...levels), pad = (high - low) * 0.06 || Math.abs(high) || 1;
    const floor = low >= 0 ? Math.max(0, low - pad) : low - pad;
    const at = (level) => ((level - floor) / (high + pad - floor)) * 100;
    const bar = (from, to, kind) => {
      const inner = h("i", { class: kind });
      inner.style.left = `${Math.min(at(from), at(to))}%`;
      inner.style.width = `${Math.max(0.25, Math.abs(at(to) - at(from)))}%`;
      return h("td", { class: "track" }, h("div", {}, inner));
    };
    const talks = shown.some((one) => Object.keys(one.effects).some((name) => name !== "change"));
    const label = this.columns.find((one) => one.value === now.by)?.label || now.by;
    const body = shown.map((one, place) => {
      const change = changes[place], way = change > 0n ? "up" : change < 0n ? "down" : "";
      const told = Object.entries(one.effects).filter(([, amount]) => amount).map(([name, amount]) => (Object.keys(one.effects).length > 1 ? `${name} ${cents(amount, true)}` : name)).join(", ");
      return h("tr", {}, h("th", { scope: "row" }, one.other ? one.name : h("button", { type: "button", class: "link name", title: `Only ${one.name}`, onclick: () => this.drill(one) }, one.name), one.id ? h("span", { class: "id" }, ` ${one.id}`) : null),
        bar(levels[place], levels[place + 1], way || "flat"), h("td", { class: `number ${way}`, title: `${exact(one.change)} ${currency}` }, cents(change * 10n ** 16n, true)), talks ? h("td", { class: "told muted small" }, told === "change" ? "" : told) : null);
    });
    const end = (name, amount, level) => h("tr", { class: "end" }, h("th", { scope: "row" }, name), bar(floor, level, "whole"), h("td", { class: "number", title: `${exact(amount)} ${currency}` }, cents(amount)), talks ? h("td", {}) : null);
    this.find("table").replaceChildren(h("caption", { class: "hidden" }, "What led from one to the other"),
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, label), h("th", { scope: "col" }, floor > 0 ? `scale from ${cents(BigInt(Math.round(floor)) * 10n ** 16n)}` : "scale from 0"), h("th", { scope: "col", class: "number" }, currency || "Change"), talks ? h("th", { scope: "col" }, "What changed") : null)),
      h("tbody", {}, end(days.spanText(...now.before), before, levels[0]), body, end(days.spanText(...now.after), after, levels[levels.length - 1])));
  }

  drill(driver) {
    const { now } = this.told;
    const filters = [...now.filters.filter((one) => one.column !== now.by || one.exclude), { column: now.by, value: driver.value ?? "", exclude: false }];
    // Where the focus was is gone; the way back is the next thing wanted.
    return this.set({ filters, by: nextColumn(this.columns.map((one) => one.value), filters, now.by) }).then(() => this.find("crumbs").querySelector("button")?.focus({ preventScroll: true }));
  }

  csv() {
    const { now, drivers, currency } = this.told;
    const rows = drivers.map((one) => [one.value ?? "", currency, plain(one.before), plain(one.after), plain(one.change)]);
    download(`farthing-why-${days.iso(now.after[0])}.csv`, csvOf([[now.by, "BillingCurrency", `${now.metric} before`, now.metric, `${now.metric} change`], ...rows], 1));
  }
}
