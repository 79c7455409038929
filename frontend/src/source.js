// Where the cube comes from: the live server, a script beside the page, or a block in it.

import { addMetrics, decode, dimOf } from "./cube.js";
import * as days from "./days.js";
import { json } from "./dom.js";
import { whereOf } from "./filtering.js";

const waiting = {};
window.farthingData = (name, value) => {
  if (waiting[name]) waiting[name](value);
};

function script(name, file) {
  return new Promise((resolve, reject) => {
    waiting[name] = resolve;
    const element = document.createElement("script");
    element.src = file;
    element.onerror = () => reject(new Error(`${file} is missing: write the site anew with farthing site`));
    document.head.append(element);
  });
}

// With `body`, something is told to the server: JSON, which a foreign page cannot send.
export async function ask(url, signal, body) {
  let answer;
  try {
    answer = await fetch(url, { signal, headers: { Accept: "application/json", ...(body && { "Content-Type": "application/json" }) }, ...(body && { method: "POST", body: JSON.stringify(body) }) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("farthing's server does not answer: start it again with farthing dashboard");
  }
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(told.error || `the server answered ${answer.status}`);
  return told;
}

// The cube of a ledger without a day.
const nothing = ({ start, end }) => ({ start, end, today: end, currency: null, dimensions: [], leaves: [], first: [], cells: [], amounts: [], missing: [], provisional: [], sources: {} });

export class Source {
  constructor() {
    this.meta = json("farthing-source") || { mode: "none" };
    this.cube = null;
    this.loading = null;
    this.last = null;
    // Of a large ledger: cubes by one column each, beside the page's own.
    this.others = [];
  }

  get live() {
    return this.meta.mode === "live";
  }

  columns() {
    return this.meta.columns || this.cube.dims.map((dim) => ({ value: dim.column, label: dim.label }));
  }

  metrics() {
    return this.meta.metrics || [...this.cube.metrics].map(([value, one]) => ({ value, label: one.label }));
  }

  // The days that can be asked for.
  bounds() {
    return [this.live ? this.meta.firstDay : this.cube.start, this.cube.end];
  }

  base() {
    this.loading = this.loading || this.fetchBase();
    return this.loading;
  }

  async fetchBase() {
    let document;
    if (this.meta.start === this.meta.end) document = nothing(this.meta);
    else if (this.live) document = await ask(this.meta.cube);
    else if (this.meta.mode === "static") document = await script("cube", this.meta.files.cube);
    else document = json("farthing-cube");
    this.cube = decode(document);
    return this.cube;
  }

  baseQuery(metrics) {
    const query = new URLSearchParams({ start: this.meta.start, end: this.meta.end });
    metrics.forEach((metric) => query.append("metric", metric));
    this.meta.baseColumns.forEach((column) => query.append("by", column));
    return query;
  }

  // Fetches those other cubes, one after the other; true if there were any.
  async apart() {
    const columns = (this.meta.apart || []).splice(0);
    for (const by of columns) {
      const query = new URLSearchParams({ start: this.meta.start, end: this.meta.end, by, metric: this.meta.base[0] });
      this.others.push(decode(await ask(`${this.meta.url}?${query}`)));
    }
    return columns.length > 0;
  }

  // The columns that can be filtered by, with their values, the costliest first; and what accounts are called.
  known() {
    const cubes = [this.cube, ...this.others];
    return { dims: cubes.flatMap((cube) => cube.dims), rank: cubes.flatMap((cube) => cube.rank) };
  }

  // The cube that can answer: the page's own, or, live, one that the server makes for this question.
  async cubeFor({ metric, by, filters, from, to }, signal) {
    const cube = await this.base();
    const columns = [...new Set([by, ...filters.map((one) => one.column)])].filter(Boolean);
    const within = !this.live || from >= cube.start || cube.start <= this.meta.firstDay;
    const tells = (one) => within && columns.every((column) => dimOf(one, column) >= 0);
    if (tells(cube)) {
      if (!cube.metrics.has(metric)) await this.more(cube, metric);
      return cube;
    }
    const other = this.others.find((one) => tells(one) && one.metrics.has(metric));
    if (other) return other;
    if (!this.live) throw new Error(`this page's data does not tell ${columns.join(" and ")}; the live dashboard does`);
    // The server filters; what comes back is one column, however large the ledger.
    const start = Math.max(from, this.meta.firstDay);
    const query = new URLSearchParams({ start: days.iso(Math.min(start, to - 1)), end: days.iso(to), by, metric });
    whereOf(filters).forEach((term) => query.append("where", term));
    const url = `${this.meta.url}?${query}`;
    if (!this.last || this.last.url !== url) this.last = { url, cube: decode(await ask(url, signal)) };
    return this.last.cube;
  }

  async more(cube, metric) {
    if (this.live) addMetrics(cube, await ask(`${this.meta.url}?${this.baseQuery([metric])}`));
    else if (this.meta.mode === "static" && this.meta.files.more) addMetrics(cube, await script("more", this.meta.files.more));
    if (!cube.metrics.has(metric)) throw new Error(`the data does not tell ${metric}`);
  }
}
