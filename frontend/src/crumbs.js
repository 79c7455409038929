// The filters in force: a way back to everything, and a chip for each that takes it away.

import { dimOf, nameOf } from "./cube.js";
import { h } from "./dom.js";

export function crumbs(list, cube, filters, set) {
  const chips = filters.map((one, place) => {
    const index = dimOf(cube, one.column), dim = cube.dims[index];
    const value = dim ? dim.values.indexOf(one.value === "" ? null : one.value) : -1;
    const name = value >= 0 ? nameOf(dim, value) : one.value || "(no name)";
    const remove = () => set({ filters: filters.filter((_, other) => other !== place) });
    return h("li", {}, h("span", { class: one.exclude ? "chip not" : "chip" }, one.exclude ? "not " : "", name,
      h("button", { type: "button", ariaLabel: `Remove the filter ${one.exclude ? "without" : "on"} ${name}`, onclick: remove }, "×")));
  });
  const all = filters.length ? [h("li", {}, h("button", { type: "button", class: "link", onclick: () => set({ filters: [], by: (filters.find((one) => !one.exclude) || {}).column || null }) }, "Everything"))] : [];
  list.replaceChildren(...all, ...chips);
}
