// The Explorer: what was spent, by whatever you ask. State in the address, figures from the cube.

import * as days from "./days.js";
import * as state from "./state.js";
import { announce, download, h } from "./dom.js";
import { Chart } from "./chart.js";
import { assign, SLOTS } from "./colours.js";
import { dimOf, nameOf, regroup } from "./cube.js";
import { cents, plain, share, toNumber } from "./money.js";
import { drawSeries } from "./series.js";
import { FilterPanel } from "./filters.js";
import { choose, fields } from "./controls.js";

const PRESETS = [
  ["7d", "Last 7 days"], ["30d", "Last 30 days"], ["90d", "Last 90 days"], ["mtd", "This month"],
  ["last-month", "Last month"], ["3m", "Last 3 months"], ["12m", "Last 12 months"], ["ytd", "This year"],
];
const DRILL = ["ServiceName", "SubAccountId"];
const ROWS = 20;
const TOPS = ["5", "9", "all"];

const defaults = { period: "30d", grain: "", by: "ServiceName", chart: "area", top: "9", metric: "BilledCost", compare: "", sort: "total", desc: "1" };

export class Explorer {
  constructor(root, source, page) {
    this.root = root;
    this.source = source;
    this.page = page;
    this.find = (name) => root.querySelector(`[data-part="${name}"]`);
    this.stop = null;
    state.onChange(() => this.active() && this.render());
  }

  active() {
    return !this.root.closest("[hidden]");
  }

  async start() {
    try {
      const cube = await this.source.base();
      if (!cube.cells.length) return this.say("empty");
      this.controls(cube);
      await this.render();
    } catch (error) {
      this.say("error", error.message);
    }
  }

  say(name, text) {
    this.root.dataset.state = name;
    if (text) this.find("error-text").textContent = text;
  }

  get() {
    const params = state.read();
    const now = Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, params.get(key) ?? value]));
    now.filters = [];
    for (const [key, value] of params) {
      const [kind, column] = [key.slice(0, key.indexOf(".")), key.slice(key.indexOf(".") + 1)];
      if ((kind === "is" || kind === "not") && column) now.filters.push({ column, value, exclude: kind === "not" });
    }
    const range = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(now.period);
    const span = range ? [days.parse(range[1]), days.parse(range[2])] : days.preset(now.period, this.source.cube.today);
    [now.from, now.to] = span && span[0] !== null && span[1] !== null && span[0] < span[1] ? span : days.preset(defaults.period, this.source.cube.today);
    now.grain = now.grain || (now.to - now.from > 190 ? "month" : now.to - now.from > 92 ? "week" : "day");
    return now;
  }

  set(changes, replace = false) {
    const params = state.read();
    for (const [key, value] of Object.entries(changes)) {
      if (key === "filters") {
        [...params.keys()].filter((one) => /^(is|not)\./.test(one)).forEach((one) => params.delete(one));
        value.forEach((one) => params.append(`${one.exclude ? "not" : "is"}.${one.column}`, one.value));
      } else if (value === defaults[key] || value === null) params.delete(key);
      else params.set(key, value);
    }
    state.write(params, this.page, replace);
    return this.render();
  }

  controls(cube) {
    const metrics = this.source.meta.metrics || [...cube.metrics].map(([value, one]) => ({ value, label: one.label }));
    const columns = this.source.meta.columns || cube.dims.map((dim) => ({ value: dim.column, label: dim.label }));
    this.columns = columns;
    fields(this.find("controls"), {
      period: choose("Period", [...PRESETS, ["custom", "Custom…"]], (value) => (value === "custom" ? this.custom() : this.set({ period: value }))),
      by: choose("Group by", columns.map((one) => [one.value, one.label]), (value) => this.set({ by: value })),
      grain: choose("Each", [["day", "Day"], ["week", "Week"], ["month", "Month"]], (value) => this.set({ grain: value })),
      chart: choose("Chart", [["area", "Area"], ["bar", "Bars"], ["line", "Lines"], ["none", "Table only"]], (value) => this.set({ chart: value })),
      metric: choose("Cost", metrics.map((one) => [one.value, one.label]), (value) => this.set({ metric: value })),
      compare: choose("Compare with", [["", "Nothing"], ["previous", "Previous period"], ["custom", "Another period…"]], (value) => (value === "custom" ? this.custom(true) : this.set({ compare: value }))),
      top: choose("Show", TOPS.map((one) => [one, one === "all" ? "All" : `Top ${one}`]), (value) => this.set({ top: value })),
    });
    this.panel = new FilterPanel(this.find("filter-panel"), this.find("filter-button"), (filters) => this.set({ filters }));
    this.find("csv").addEventListener("click", () => this.csv());
    this.find("png").addEventListener("click", () => this.chart && download(`farthing-${this.told.now.by}.png`, this.chart.png()));
    const dialog = this.find("custom");
    dialog.addEventListener("close", () => this.customDone(dialog));
    this.find("custom-cancel").addEventListener("click", () => dialog.close("cancel"));
    dialog.querySelector("form").addEventListener("submit", () => (dialog.returnValue = "ok"));
  }

  custom(comparing = false) {
    const now = this.get(), dialog = this.find("custom"), cube = this.source.cube;
    this.comparing = comparing;
    dialog.querySelector("h2").textContent = comparing ? "Compare with" : "Period";
    const [from, to] = comparing ? this.against(now) || days.previous(now.from, now.to) : [now.from, now.to];
    const [first, last] = dialog.querySelectorAll("input");
    const low = this.source.meta.start || days.iso(cube.start);
    [first.min, first.max, last.min, last.max] = [low, days.iso(cube.end - 1), low, days.iso(cube.end - 1)];
    first.value = days.iso(from);
    last.value = days.iso(to - 1);
    dialog.showModal();
  }

  customDone(dialog) {
    const [first, last] = [...dialog.querySelectorAll("input")].map((one) => days.parse(one.value));
    if (dialog.returnValue !== "ok" || first === null || last === null) return this.render();
    const text = `${days.iso(Math.min(first, last))}..${days.iso(Math.max(first, last) + 1)}`;
    dialog.returnValue = "";
    return this.set(this.comparing ? { compare: text } : { period: text });
  }

  against(now) {
    if (now.compare === "previous") return days.previous(now.from, now.to);
    const range = /^(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)$/.exec(now.compare);
    return range ? [days.parse(range[1]), days.parse(range[2])] : null;
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
      const cube = await this.source.cubeFor({ metric: now.metric, by: now.by, filters: now.filters, from: reach[0], to: reach[1] }, signal);
      if (signal.aborted) return;
      this.show(cube, now, against);
      this.say("ready");
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
    const shown = found.groups.slice(0, Math.min(limit, SLOTS)), rest = found.groups.slice(shown.length);
    const slots = assign(cube, now.by, shown.map((one) => one.place));
    this.told = { cube, now, by, found, before, shown, rest, slots, against, limit };
    this.selects(now);
    this.headline();
    this.crumbs();
    this.notes();
    this.draw();
    this.table();
    this.panel.show(cube, now.filters, this.columns);
  }

  selects(now) {
    const period = PRESETS.some(([value]) => value === now.period) ? now.period : "custom";
    const compare = ["", "previous"].includes(now.compare) ? now.compare : "custom";
    for (const [name, value] of Object.entries({ ...now, period, compare })) {
      const select = this.root.querySelector(`select[name="${name}"]`);
      if (select) select.value = value;
    }
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

  crumbs() {
    const { cube, now } = this.told;
    const chips = now.filters.map((one, place) => {
      const dim = cube.dims[dimOf(cube, one.column)];
      const index = dim.values.indexOf(one.value === "" ? null : one.value);
      const name = index >= 0 ? nameOf(dim, index) : one.value || "(no name)";
      const label = `${dim.label} ${one.exclude ? "is not" : "is"} ${name}`;
      return h("li", {}, h("span", { class: one.exclude ? "chip not" : "chip" },
        one.exclude ? "not " : "", name,
        h("button", { type: "button", ariaLabel: `Remove: ${label}`, onclick: () => this.set({ filters: now.filters.filter((_, other) => other !== place) }) }, "×")));
    });
    const all = now.filters.length
      ? [h("li", {}, h("button", { type: "button", class: "link", onclick: () => this.set({ filters: [], by: now.filters[0].exclude ? now.by : now.filters[0].column }) }, "Everything"))]
      : [];
    this.find("crumbs").replaceChildren(...all, ...chips);
  }

  notes() {
    const { cube, now, found } = this.told;
    const within = (set) => [...set].filter((day) => cube.start + day >= now.from && cube.start + day < now.to).length;
    const missing = within(cube.missing) + Math.max(0, Math.min(cube.start, now.to) - now.from);
    const provisional = within(cube.provisional);
    const texts = [];
    if (!found.groups.length) texts.push("Nothing matches: widen the period or remove a filter.");
    if (missing) texts.push(`${missing} of ${now.to - now.from} days are not in the ledger; the page Data says how to bring them.`);
    if (provisional) texts.push(`Hatched: ${provisional} ${provisional === 1 ? "day is" : "days are"} provisional, AWS may still add to ${provisional === 1 ? "it" : "them"}.`);
    if (Object.keys(cube.sources).length > 1) texts.push("Figures come from daily reports and from billing exports, which differ a little.");
    this.find("notes").replaceChildren(...texts.map((text) => h("li", {}, text)));
  }

  draw() {
    const area = this.find("chart");
    const { now } = this.told;
    area.hidden = now.chart === "none";
    this.find("png").disabled = area.hidden;
    if (area.hidden) return;
    this.chart = this.chart || new Chart(area);
    drawSeries(this.chart, this.told, (place) => this.drill(place));
  }

  drill(place) {
    const { cube, by, now } = this.told;
    const value = cube.dims[by].values[place] ?? "";
    const filters = [...now.filters.filter((one) => !(one.column === now.by && !one.exclude)), { column: now.by, value, exclude: false }];
    const next = [...DRILL, ...this.columns.map((one) => one.value)].find((column) => column !== now.by && !filters.some((one) => one.column === column && !one.exclude) && this.columns.some((one) => one.value === column));
    this.set({ filters, by: next || now.by });
    this.find("crumbs").querySelector("button")?.focus({ preventScroll: true });
  }

  rows() {
    const { cube, by, found, before, now } = this.told;
    const old = new Map((before ? before.groups : []).map((one) => [one.place, one.total]));
    const rows = found.groups.map((one) => ({ place: one.place, name: nameOf(cube.dims[by], one.place), total: one.total, before: old.get(one.place) ?? 0n }));
    if (before) {
      const there = new Set(found.groups.map((one) => one.place));
      before.groups.forEach((one) => there.has(one.place) || rows.push({ place: one.place, name: nameOf(cube.dims[by], one.place), total: 0n, before: one.total }));
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
        h("button", { type: "button", class: "link name", title: `Only ${row.name}`, onclick: () => this.drill(row.place) }, row.name))),
      h("td", { class: "number", title: `${plain(row.total)} ${cube.currency}` }, cents(row.total)),
      h("td", { class: "number share" }, share(row.total, found.total), h("meter", { value: Math.max(0, toNumber(row.total)), max: Math.max(1e-9, toNumber(found.groups[0]?.total ?? 1n)), ariaHidden: "true" })),
      ...(before ? [h("td", { class: "number" }, cents(row.before)), h("td", { class: `number ${row.change > 0n ? "up" : row.change < 0n ? "down" : ""}` }, cents(row.change, true)), h("td", { class: "number" }, row.before > 0n ? share(row.change, row.before, true) : row.change ? "new" : "–")] : [])));
    const difference = before ? found.total - before.total : 0n;
    const foot = h("tr", {}, h("th", { scope: "row" }, "Total"), h("td", { class: "number", title: `${plain(found.total)} ${cube.currency}` }, cents(found.total)), h("td", { class: "number" }, ""),
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
    const cell = (text) => {
      const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
      return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
    };
    const head = [now.by, "BillingCurrency", now.metric, ...(before ? [`${now.metric} before`, `${now.metric} change`] : [])];
    const lines = this.rows().map((row) => [cell(dim.values[row.place] ?? ""), cube.currency, plain(row.total), ...(before ? [plain(row.before), plain(row.change)] : [])]);
    const text = [head.map(cell), ...lines].map((line) => line.join(",")).join("\n");
    download(`farthing-${days.iso(now.from)}-${days.iso(now.to)}-${now.by.replace(/\W+/g, "-")}.csv`, new Blob([`${text}\n`], { type: "text/csv" }));
    announce("The CSV file was saved.");
  }
}
