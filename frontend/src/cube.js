// The cost cube in the browser: decoded once, then grouped and filtered in about a millisecond, exactly.

import * as days from "./days.js";
import { fromLimbs } from "./money.js";

const LIMBS = 4;

export function decode(document) {
  const cube = {
    start: days.parse(document.start),
    end: days.parse(document.end),
    today: days.parse(document.today),
    currency: document.currency || "",
    version: document.version,
    dims: document.dimensions,
    leaves: document.leaves,
    first: document.first,
    cells: document.cells,
    offsets: [],
    size: 0,
    metrics: new Map(),
    missing: new Set(document.missing),
    provisional: new Set(document.provisional),
    sources: document.sources,
  };
  for (const count of cube.cells) {
    cube.offsets.push(cube.size);
    cube.size += count;
  }
  addMetrics(cube, document);
  cube.rank = cube.dims.map((_, place) => ranked(cube, place));
  return cube;
}

// Further metrics of the same cells.
export function addMetrics(cube, document) {
  for (const one of document.amounts) {
    if (cube.metrics.has(one.metric)) continue;
    let limbs = one.limbs;
    if (one.like) {
      const base = cube.metrics.get(one.like).limbs;
      const count = Math.max(base.length, one.limbs.length);
      limbs = [];
      for (let place = 0; place < count; place++) {
        const column = base[place] ? Float64Array.from(base[place]) : new Float64Array(cube.size);
        let cell = 0;
        one.at && one.at.forEach((step, index) => {
          cell += step;
          column[cell] = one.limbs[place] ? one.limbs[place][index] : 0;
        });
        limbs.push(column);
      }
    }
    cube.metrics.set(one.metric, { label: one.label, meaning: one.meaning, limbs });
  }
}

// The place of what is added up beyond the largest: no value of the bill.
export const restOf = (dim) => (dim && dim.rest ? dim.values.length - 1 : -1);

export const dimOf = (cube, column) => cube.dims.findIndex((dim) => dim.column === column);

const NAMELESS = { Tags: "(untagged)", x_CostCategories: "(uncategorised)" };
// The name alone, and beside it the id that it stands for.
export function nameAndId(dim, place) {
  const value = dim.values[place], name = value !== null && dim.names && dim.names[value];
  return name ? [name, value] : [nameOf(dim, place), ""];
}

export function nameOf(dim, place) {
  const value = dim.values[place];
  if (place === restOf(dim)) return `other (${dim.rest.toLocaleString("en")} more)`;
  if (value === null) return NAMELESS[dim.column.split("/")[0]] || "(no name)";
  const name = dim.names && dim.names[value];
  return name ? `${name} (${value})` : value;
}

function allowed(cube, filters) {
  // For each filtered column, whether a place passes: includes of one column are alternatives, columns must all hold.
  const tests = [];
  cube.dims.forEach((dim, place) => {
    const own = filters.filter((one) => one.column === dim.column);
    if (!own.length) return;
    const includes = new Set(own.filter((one) => !one.exclude).map((one) => one.value));
    const excludes = new Set(own.filter((one) => one.exclude).map((one) => one.value));
    const pass = dim.values.map((value) => {
      const text = value === null ? "" : value;
      return (!includes.size || includes.has(text)) && !excludes.has(text);
    });
    tests.push([cube.leaves[place], pass]);
  });
  return (leaf) => tests.every(([column, pass]) => pass[column[leaf]]);
}

// Sums by group and bucket. `by` is a dimension's place, or -1 for one sum of all.
export function regroup(cube, { metric, from, to, by, grain, filters }) {
  const limbs = (cube.metrics.get(metric) || { limbs: [] }).limbs;
  const passes = allowed(cube, filters);
  const start = Math.max(from, cube.start), end = Math.min(to, cube.end);
  const buckets = [], bucketAt = new Int32Array(Math.max(0, end - start));
  for (let day = start; day < end; day++) {
    const bucket = days.bucketOf(day, grain);
    if (!buckets.length || buckets[buckets.length - 1] !== bucket) buckets.push(bucket);
    bucketAt[day - start] = buckets.length - 1;
  }
  const width = buckets.length;
  const groupCount = by < 0 ? 1 : cube.dims[by].values.length;
  const sums = limbs.map(() => new Float64Array(groupCount * width));
  const seen = new Uint8Array(groupCount);
  for (let leaf = 0; leaf < cube.cells.length; leaf++) {
    if (!passes(leaf)) continue;
    const group = by < 0 ? 0 : cube.leaves[by][leaf];
    const begin = cube.start + cube.first[leaf];
    const low = Math.max(begin, start), high = Math.min(begin + cube.cells[leaf], end);
    if (low >= high) continue;
    seen[group] = 1;
    const shift = cube.offsets[leaf] - begin;
    for (let place = 0; place < limbs.length; place++) {
      const column = limbs[place], sum = sums[place];
      for (let day = low; day < high; day++) sum[group * width + bucketAt[day - start]] += column[shift + day];
    }
  }
  const groups = [];
  for (let group = 0; group < groupCount; group++) {
    if (!seen[group]) continue;
    // A cell's limbs, and those of all cells: they stay doubles until they are shown.
    const at = (bucket) => sums.map((sum) => sum[group * width + bucket]);
    const totals = new Array(LIMBS).fill(0);
    for (let place = 0; place < limbs.length; place++) {
      for (let bucket = 0; bucket < width; bucket++) totals[place] += sums[place][group * width + bucket];
    }
    groups.push({ place: group, total: fromLimbs(totals), at });
  }
  groups.sort((a, b) => (b.total > a.total ? 1 : b.total < a.total ? -1 : a.place - b.place));
  return { buckets, groups, total: groups.reduce((sum, one) => sum + one.total, 0n) };
}

// The sums of some groups, bucket by bucket.
export function addedUp(groups, width) {
  return Array.from({ length: width }, (_, bucket) => {
    const limbs = new Array(LIMBS).fill(0);
    groups.forEach((group) => group.at(bucket).forEach((limb, place) => (limbs[place] += limb)));
    return fromLimbs(limbs);
  });
}

// A dimension's places, those that cost the most in the whole cube first: what colours hang on.
function ranked(cube, by) {
  const metric = cube.metrics.keys().next().value;
  return regroup(cube, { metric, from: cube.start, to: cube.end, by, grain: "month", filters: [] }).groups.map((one) => one.place);
}
