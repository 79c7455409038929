// The arithmetic of a waterfall without quantities: as farthing/signals/explain.py, from the page's own cube.

import { dimOf, nameAndId, regroup } from "./cube.js";
import * as days from "./days.js";
import { inCents } from "./money.js";

const CENT = 10n ** 16n;
const size = (amount) => (amount < 0n ? -amount : amount);

export function fromCube(cube, now) {
  const by = dimOf(cube, now.by), dim = cube.dims[by];
  const side = ([from, to]) => regroup(cube, { metric: now.metric, by, grain: "month", filters: now.filters, from, to });
  const [old, fresh] = [side(now.before), side(now.after)];
  const cells = new Map();
  old.groups.forEach((one) => cells.set(one.place, [one.total, 0n]));
  fresh.groups.forEach((one) => cells.set(one.place, [cells.get(one.place)?.[0] ?? 0n, one.total]));
  const drivers = [...cells].map(([place, [before, after]]) => {
    const change = after - before;
    const effect = !before ? "new" : !after ? "gone" : "change";
    return { value: dim.values[place], name: nameAndId(dim, place)[0], id: nameAndId(dim, place)[1], before, after, change, effects: change ? { [effect]: change } : {} };
  });
  drivers.sort((a, b) => (size(b.change) > size(a.change) ? 1 : size(b.change) < size(a.change) ? -1 : String(a.value) < String(b.value) ? -1 : 1));
  const effects = {};
  drivers.forEach((one) => Object.entries(one.effects).forEach(([name, amount]) => (effects[name] = (effects[name] ?? 0n) + amount)));
  return { before: old.total, after: fresh.total, change: fresh.total - old.total, effects, drivers, currency: cube.currency, notes: [lacking(cube, now.before), lacking(cube, now.after)].filter(Boolean) };
}

function lacking(cube, [from, to]) {
  let missing = 0;
  for (let day = from; day < to; day++) missing += day < cube.start || day >= cube.end || cube.missing.has(day - cube.start) ? 1 : 0;
  return missing ? `${days.spanText(from, to)} has data for ${to - from - missing} of ${to - from} days.` : "";
}

export function largest(drivers, most) {
  const rest = drivers.slice(most);
  if (rest.length < 2) return drivers;
  const sum = (key) => rest.reduce((total, one) => total + one[key], 0n);
  const effects = {};
  rest.forEach((one) => Object.entries(one.effects).forEach(([name, amount]) => (effects[name] = (effects[name] ?? 0n) + amount)));
  return [...drivers.slice(0, most), { name: `other (${rest.length.toLocaleString("en")} more)`, other: true, before: sum("before"), after: sum("after"), change: sum("change"), effects }];
}

// Each change in whole cents, so that they sum to the rounded ends: the largest remainders are rounded up.
export function inCentsThatAddUp(before, after, changes) {
  const floor = (amount) => (amount >= 0n || amount % CENT === 0n ? amount / CENT : amount / CENT - 1n);
  const found = changes.map(floor);
  let missing = inCents(after) - inCents(before) - found.reduce((sum, one) => sum + one, 0n);
  const order = changes.map((change, place) => [change - found[place] * CENT, place]).sort((a, b) => (b[0] > a[0] ? 1 : b[0] < a[0] ? -1 : a[1] - b[1])).map(([, place]) => place);
  for (let step = 0; missing !== 0n && order.length; step++) {
    const place = missing > 0n ? order[step % order.length] : order[order.length - 1 - (step % order.length)];
    found[place] += missing > 0n ? 1n : -1n;
    missing += missing > 0n ? -1n : 1n;
  }
  return found;
}
