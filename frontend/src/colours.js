// Colours stay with their names: each name has a slot of its own choice (a hash), the costliest choose first.

import { css } from "./dom.js";
import { dimOf } from "./cube.js";

export const SLOTS = 9;

function slotOf(name) {
  let hash = 2166136261;
  for (let place = 0; place < name.length; place++) hash = Math.imul(hash ^ name.charCodeAt(place), 16777619) >>> 0;
  return hash % SLOTS;
}

// name -> slot, for the names that are shown; the cube's nine costliest have theirs on every page.
export function assign(cube, column, places) {
  const dim = cube.dims[dimOf(cube, column)];
  const order = cube.rank[dimOf(cube, column)];
  const top = order.slice(0, SLOTS);
  const taken = new Map(), free = new Set(Array.from({ length: SLOTS }, (_, slot) => slot));
  const take = (place, among) => {
    let slot = slotOf(String(dim.values[place]));
    while (!among.has(slot)) slot = (slot + 1) % SLOTS;
    among.delete(slot);
    taken.set(place, slot);
  };
  top.forEach((place) => take(place, free));
  const left = new Set(Array.from({ length: SLOTS }, (_, slot) => slot));
  places.forEach((place) => taken.has(place) && left.delete(taken.get(place)));
  places.forEach((place) => taken.has(place) || (left.size ? take(place, left) : taken.set(place, slotOf(String(dim.values[place])))));
  return taken;
}

export const colourOf = (slot) => (slot === undefined || slot === null ? css("--other") : css(`--s${slot}`));
