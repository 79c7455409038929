// The Explorer: what was spent, by whatever you ask. State in the address, figures from the cube.

import * as days from "./days.js";
import { announce, download, h } from "./dom.js";
import { Chart } from "./chart.js";
import { assign, SLOTS } from "./colours.js";
import { dimOf, nameAndId, regroup, restOf } from "./cube.js";
import { cents, exact, plain, share, toNumber } from "./money.js";
import { drawSeries } from "./series.js";
import { FilterPanel } from "./filters.js";
import { choose, fields } from "./controls.js";
import { crumbs } from "./crumbs.js";
import { csvOf } from "./csv.js";
import { nextColumn } from "./filtering.js";
import { patiently } from "./patiently.js";
import * as state from "./state.js";
import { beginning, PeriodDialog, PRESETS, span } from "./periods.js";
import { View } from "./view.js";

const ROWS = 20;
const TOPS = ["5", "9", "all"];

const defaults = { period: "30d", grain: "", by: "ServiceName", chart: "area", top: "9", metric: "BilledCost", compare: "", sort: "total", desc: "1" };

export class Explorer extends View {
  constructor(root, source, page) {
    super(root, source, page, defaults);
  }

  async start() {
    try {
      const cube = await patiently(this.root, this.source.base());
      if (!cube.cells.length) return this.say("empty");
      Object.assign(this.defaults, this.source.meta.initial || {});
      this.defaults.period = beginning(this.defaults.period, cube.today, this.source.bounds());
      this.controls();
      await this.render();
    } catch (error) {
      return this.say("error", error.message);
    }
    // The picture is there; what it does not need comes now. Whoever asks for it earlier asks the engine.
    if (await this.source.apart().catch(() => false)) this.names();
  }

  // Filters and their names, from all that the page knows.
  names() {
    const { filters } = this.get();
    crumbs(this.find("crumbs"), this.source.known(), filters, (changes) => this.set(changes));
    this.panel.show(this.source.known(), filters);
  }

  get() {
    const now = this.asked();
    [now.from, now.to] = span(now.period, this.source.cube.today) || span(this.defaults.period, this.source.cube.today);
    now.grain = now.grain || (now.to - now.from > 190 ? "month" : now.to - now.from > 92 ? "week" : "day");
    return now;
  }

  controls() {
    const metrics = this.source.metrics();
    const columns = this.source.columns();
    this.columns = columns;
    fields(this.find("controls"), {
      period: choose("Period", [...PRESETS, ["custom", "Custom…"]], (value) => this.choosePeriod("period", value)),
      by: choose("Group by", columns.map((one) => [one.value, one.label]), (value) => this.set({ by: value })),
      grain: choose("Each", [["day", "Day"], ["week", "Week"], ["month", "Month"]], (value) => this.set({ grain: value })),
      chart: choose("Chart", [["area", "Area"], ["bar", "Bars"], ["line", "Lines"], ["none", "Table only"]], (value) => this.set({ chart: value })),
      metric: choose("Cost", metrics.map((one) => [one.value, one.label]), (value) => this.set({ metric: value })),
      compare: choose("Compare with", [["", "Nothing"], ["previous", "Previous period"], ["custom", "Another period…"]], (value) => this.choosePeriod("compare", value)),
      top: choose("Show", TOPS.map((one) => [one, one === "all" ? "All" : `Top ${one}`]), (value) => this.set({ top: value })),
    });
    this.panel = new FilterPanel(this.find("filter-panel"), this.find("filter-button"), (filters) => this.set({ filters }));
    this.find("csv").addEventListener("click", () => this.csv());
    this.find("png").addEventListener("click", () => this.chart && download(`farthing-${this.told.now.by}.png`, this.chart.png()));
    this.dialog = new PeriodDialog(this.find("custom"), this.source.bounds());
  }

  choosePeriod(key, value) {
    if (value !== "custom") return this.set({ [key]: value });
    const now = this.get();
    const current = key === "period" ? [now.from, now.to] : this.against(now) || days.previous(now.from, now.to);
    return this.dialog.ask(key === "period" ? "Period" : "Compare with", current, (text) => (text ? this.set({ [key]: text }) : this.render()));
  }

  against(now) {
    return now.compare === "previous" ? days.previous(now.from, now.to) : span(now.compare, this.source.cube.today);
  }

  async render() {
    if (!this.source.cube) return;
    const now = this.get();
    this.stop?.abort();
    this.stop = new AbortController();
    const { signal } = this.stop;
    try {
      const against = this.against(now);
      const reach = against ? [Math.min(now.from, against[0]), Math.max(now.to, against[1])] : [now.from, now.to];
      this.root.setAttribute("aria-busy", "true");
      const asked = this.source.cubeFor({ metric: now.metric, by: now.by, filters: now.filters, from: reach[0], to: reach[1] }, signal);
      const cube = await patiently(this.root, asked, () => this.halt());
      if (signal.aborted) return;
      this.show(cube, now, against);
      this.say("ready");
      this.before = state.read();
    } catch (error) {
      if (error.name === "AbortError") return;
      this.say("error", error.message);
    } finally {
      if (!signal.aborted) this.root.removeAttribute("aria-busy");
    }
  }

  show(cube, now, against) {
    const by = dimOf(cube, now.by);
    const question = { metric: now.metric, by, grain: now.grain, filters: now.filters };
    const found = regroup(cube, { ...question, from: now.from, to: now.to });
    const before = against ? regroup(cube, { ...question, from: against[0], to: against[1] }) : null;
    const limit = now.top === "all" ? Infinity : +now.top;
    const others = restOf(cube.dims[by]), named = found.groups.filter((one) => one.place !== others);
    const shown = named.slice(0, Math.min(limit, SLOTS)), rest = [...named.slice(shown.length), ...found.groups.filter((one) => one.place === others)];
    const slots = assign(cube, now.by, shown.map((one) => one.place));
    this.told = { cube, now, by, found, before, shown, rest, slots, against, limit };
    this.selects(now);
    this.headline();
    this.names();
    this.notes();
    this.draw();
    this.table();
  }

  selects(now) {
    const period = PRESETS.some(([value]) => value === now.period) ? now.period : "custom";
    const compare = ["", "previous"].includes(now.compare) ? now.compare : "custom";
    this.select({ ...now, period, compare });
  }

  headline() {
    const { cube, now, found, before, against } = this.told;
    const metric = cube.metrics.get(now.metric);
    this.find("total").textContent = cents(found.total);
    this.find("currency").textContent = cube.currency;
    this.find("span").textContent = `${days.spanText(now.from, now.to)} · ${(now.to - now.from).toLocaleString("en")} days · ${metric.meaning}`;
    const change = this.find("change");
    change.hidden = !before;
    if (before) {
      const difference = found.total - before.total;
      change.textContent = `${cents(difference, true)} (${share(difference, before.total, true)}) against ${cents(before.total)} in ${days.spanText(...against)}`;
      change.dataset.way = difference > 0n ? "up" : difference < 0n ? "down" : "";
    }
    announce(`${cents(found.total)} ${cube.currency}, ${days.spanText(now.from, now.to)}`);
  }

  notes() {
    const { cube, now, found } = this.told;
    const within = (set) => [...set].filter((day) => cube.start + day >= now.from && cube.start + day < now.to).length;
    const before = Math.max(0, Math.min(cube.start, now.to) - now.from), after = Math.max(0, Math.min(now.to, cube.today) - Math.max(cube.end, now.from));
    const missing = within(cube.missing) + before + after;
    const provisional = within(cube.provisional);
    const texts = [];
    if (!found.groups.length) texts.push("Nothing matches: widen the period or remove a filter.");
    if (missing) texts.push(`${missing} of ${now.to - now.from} days are not in the ledger; the page Data says how to bring them.`);
    if (provisional && found.groups.length) texts.push(`Hatched: ${provisional} ${provisional === 1 ? "day is" : "days are"} provisional, AWS may still add to ${provisional === 1 ? "it" : "them"}.`);
    if (Object.keys(cube.sources).length > 1) texts.push("Figures come from daily reports and from billing exports, which differ a little.");
    this.find("notes").replaceChildren(...texts.map((text) => h("li", {}, text)));
  }

  draw() {
    const area = this.find("chart");
    const { now, found } = this.told;
    area.hidden = now.chart === "none" || !found.groups.length;
    this.find("png").disabled = area.hidden;
    if (area.hidden) return;
    this.chart = this.chart || new Chart(area);
    drawSeries(this.chart, this.told, (place) => this.drill(place));
  }

  drill(place) {
    const { cube, by, now } = this.told;
    const value = cube.dims[by].values[place] ?? "";
    const filters = [...now.filters.filter((one) => !(one.column === now.by && !one.exclude)), { column: now.by, value, exclude: false }];
    const next = nextColumn(this.columns.map((one) => one.value), filters, now.by);
    // Where the focus was is gone; the way back is the next thing wanted.
    return this.set({ filters, by: next }).then(() => this.find("crumbs").querySelector("button")?.focus({ preventScroll: true }));
  }

  rows() {
    const { cube, by, found, before, now } = this.told;
    const called = (place) => { const [name, id] = nameAndId(cube.dims[by], place); return { name, id }; };
    const old = new Map((before ? before.groups : []).map((one) => [one.place, one.total]));
    const rows = found.groups.map((one) => ({ place: one.place, ...called(one.place), total: one.total, before: old.get(one.place) ?? 0n }));
    if (before) {
      const there = new Set(found.groups.map((one) => one.place));
      before.groups.forEach((one) => there.has(one.place) || rows.push({ place: one.place, ...called(one.place), total: 0n, before: one.total }));
    }
    rows.forEach((row) => (row.change = row.total - row.before));
    const key = now.sort, way = now.desc === "1" ? -1 : 1;
    return rows.sort((a, b) => way * (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0));
  }

  table() {
    const { cube, by, found, before, now, shown, slots } = this.told;
    const label = cube.dims[by].label;
    const columns = [["name", label], ["total", cube.currency || "Cost"], ["share", "Share"], ...(before ? [["before", "Before"], ["change", "Change"], ["percent", "Change %"]] : [])];
    const head = columns.map(([key, text]) => {
      const sortable = !["share", "percent"].includes(key);
      const sorted = now.sort === key;
      const toggle = () => this.set({ sort: key, desc: sorted ? (now.desc === "1" ? "0" : "1") : key === "name" ? "0" : "1" }, true);
      return h("th", { scope: "col", class: key === "name" ? "" : "number", ...(sorted ? { ariaSort: now.desc === "1" ? "descending" : "ascending" } : {}) },
        sortable ? h("button", { type: "button", class: "sort", onclick: toggle }, text, h("span", { class: "arrow", ariaHidden: "true" }, sorted ? (now.desc === "1" ? "↓" : "↑") : "")) : text);
    });
    const named = new Set(shown.map((one) => one.place));
    const size = this.more ? Infinity : ROWS;
    const rows = this.rows();
    const body = rows.slice(0, size).map((row) => h("tr", {},
      h("th", { scope: "row" }, h("div", { class: "named" }, h("span", { class: named.has(row.place) ? `swatch s${slots.get(row.place)}` : "swatch other", ariaHidden: "true" }),
        h("div", { class: "called" }, row.place === restOf(cube.dims[by]) ? row.name : h("button", { type: "button", class: "link name", title: `Only ${row.name}`, onclick: () => this.drill(row.place) }, row.name), row.id ? h("span", { class: "id" }, row.id) : null))),
      h("td", { class: "number", title: `${exact(row.total)} ${cube.currency}` }, cents(row.total)),
      h("td", { class: "number share" }, share(row.total, found.total), found.total > 0n && h("meter", { value: Math.max(0, toNumber(row.total)), max: Math.max(1e-9, toNumber(found.groups[0]?.total ?? 1n)), ariaHidden: "true" })),
      ...(before ? [h("td", { class: "number" }, cents(row.before)), h("td", { class: `number ${row.change > 0n ? "up" : row.change < 0n ? "down" : ""}` }, cents(row.change, true)), h("td", { class: "number" }, row.before > 0n ? share(row.change, row.before, true) : row.change ? "new" : "–")] : [])));
    const difference = before ? found.total - before.total : 0n;
    const foot = h("tr", {}, h("th", { scope: "row" }, "Total"), h("td", { class: "number", title: `${exact(found.total)} ${cube.currency}` }, cents(found.total)), h("td", { class: "number" }, ""),
      ...(before ? [h("td", { class: "number" }, cents(before.total)), h("td", { class: "number" }, cents(difference, true)), h("td", { class: "number" }, share(difference, before.total, true))] : []));
    this.find("table").replaceChildren(h("caption", { class: "hidden" }, `Costs by ${label.toLowerCase()}`), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body), h("tfoot", {}, foot));
    const more = this.find("more");
    more.hidden = rows.length <= size;
    more.textContent = `Show all ${rows.length.toLocaleString("en")}`;
    more.onclick = () => { this.more = true; this.table(); };
    this.find("count").textContent = `${rows.length.toLocaleString("en")} ${rows.length === 1 ? "row" : "rows"}`;
  }

  csv() {
    const { cube, by, now, before } = this.told;
    const dim = cube.dims[by];
    const head = [now.by, "BillingCurrency", now.metric, ...(before ? [`${now.metric} before`, `${now.metric} change`] : [])];
    const rows = this.rows().map((row) => [row.place === restOf(dim) ? row.name : dim.values[row.place] ?? "", cube.currency, plain(row.total), ...(before ? [plain(row.before), plain(row.change)] : [])]);
    download(`farthing-${days.iso(now.from)}-${days.iso(now.to)}-${now.by.replace(/\W+/g, "-")}.csv`, csvOf([head, ...rows], 1));
    announce("The CSV file was saved.");
  }
}
