// The filter panel: for each column of the cube, its values with a search, each to be included or left out.

import { h } from "./dom.js";
import { nameOf } from "./cube.js";

const MOST = 200;

export class FilterPanel {
  constructor(panel, button, changed) {
    this.panel = panel;
    this.button = button;
    this.changed = changed;
    this.column = null;
    this.text = "";
    button.addEventListener("click", () => this.toggle(panel.hidden));
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { this.toggle(false); button.focus(); }
    });
  }

  toggle(open) {
    this.panel.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (open) { this.draw(); this.panel.querySelector("input")?.focus(); }
  }

  show(cube, filters) {
    this.cube = cube;
    this.filters = filters;
    this.button.querySelector("[data-part=filter-count]").textContent = filters.length ? ` (${filters.length})` : "";
    if (this.panel.hidden) return;
    // The same list as before: which buttons are pressed is all that changed.
    if (this.drawn && this.drawn.dims.length === cube.dims.length && this.drawn.dims.every((dim, place) => dim === cube.dims[place])) this.press();
    else this.draw();
  }

  press() {
    this.signs.forEach(({ button, pressed }) => button.setAttribute("aria-pressed", String(pressed())));
  }

  draw() {
    const { cube } = this;
    this.drawn = cube;
    const place = Math.max(0, cube.dims.findIndex((dim) => dim.column === this.column));
    const dim = cube.dims[place];
    this.column = dim.column;
    // What is drawn anew keeps the focus: without it, Escape and Tab would start from the top of the page.
    const focused = this.panel.contains(document.activeElement) && document.activeElement.dataset.key;
    const keyed = (key, one) => { one.dataset.key = key; return one; };
    const tabs = cube.dims.map((one) => keyed(`column ${one.column}`, h("button", { type: "button", ariaPressed: String(one === dim), onclick: () => { this.column = one.column; this.text = ""; this.draw(); } }, one.label)));
    const search = h("input", { type: "search", value: this.text, placeholder: `Search ${dim.label.toLowerCase()}`, ariaLabel: `Search ${dim.label.toLowerCase()}`, oninput: (event) => { this.text = event.target.value; list.replaceChildren(...this.items(dim, place)); } });
    search.dataset.key = "search";
    const list = h("ul", { class: "filter-list" }, this.items(dim, place));
    this.panel.replaceChildren(h("div", { class: "segments", role: "group", ariaLabel: "Column" }, tabs), search, list,
      h("div", { class: "row" }, keyed("clear", h("button", { type: "button", class: "quiet", onclick: () => this.changed(this.filters.filter((one) => one.column !== dim.column)) }, "Clear")), h("button", { type: "button", onclick: () => { this.toggle(false); this.button.focus(); } }, "Done")));
    if (focused) [...this.panel.querySelectorAll("[data-key]")].find((one) => one.dataset.key === focused)?.focus();
  }

  items(dim, place) {
    const wanted = this.text.trim().toLowerCase();
    this.signs = [];
    const found = this.cube.rank[place].filter((value) => !wanted || nameOf(dim, value).toLowerCase().includes(wanted));
    if (!found.length) return [h("li", { class: "muted" }, "Nothing of that name")];
    return found.slice(0, MOST).map((value) => {
      const text = dim.values[value] ?? "";
      const has = (exclude) => this.filters.some((one) => one.column === dim.column && one.value === text && one.exclude === exclude);
      const button = (exclude, sign, label) => {
        const one = h("button", { type: "button", class: "sign", ariaPressed: String(has(exclude)), ariaLabel: `${label} ${nameOf(dim, value)}`, title: label, onclick: () => this.put(dim.column, text, exclude, has(exclude)) }, sign);
        this.signs.push({ button: one, pressed: () => has(exclude) });
        one.dataset.key = `${exclude}${text}`;
        return one;
      };
      return h("li", {}, button(false, "+", "Only"), button(true, "−", "Without"), h("span", {}, nameOf(dim, value)));
    });
  }

  put(column, value, exclude, off) {
    const others = this.filters.filter((one) => one.column !== column || one.value !== value);
    this.changed(off ? others : [...others, { column, value, exclude }]);
  }
}
