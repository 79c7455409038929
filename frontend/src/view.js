// What the Explorer and Why have in common: a page whose state is in the address, with an error and an empty form.

import * as state from "./state.js";
import { filtersOf, putFilters } from "./filtering.js";

export class View {
  // `defaults`: what the page shows where the address says nothing.
  constructor(root, source, page, defaults) {
    Object.assign(this, { root, source, page, defaults: { ...defaults }, stop: null, before: null });
    state.onChange(() => !root.closest("[hidden]") && this.render());
  }

  find(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  say(name, text) {
    this.root.dataset.state = name;
    if (text) this.find("error-text").textContent = text;
  }

  // What the address asks for, defaults where it does not.
  asked() {
    const params = state.read();
    const now = Object.fromEntries(Object.entries(this.defaults).map(([key, value]) => [key, params.get(key) ?? value]));
    return { ...now, filters: filtersOf(params) };
  }

  set(changes, replace = false) {
    const params = state.read();
    for (const [key, value] of Object.entries(changes)) {
      if (key === "filters") putFilters(params, value);
      else if (value === null || value === this.defaults[key]) params.delete(key);
      else params.set(key, value);
    }
    state.write(params, this.page, replace);
    return this.render();
  }

  // Nobody waits for the answer any more: the engine ends its question, the page shows what it did before.
  halt() {
    this.stop?.abort();
    this.root.removeAttribute("aria-busy");
    if (!this.before) return this.say("error", "It was stopped. A shorter period or a filter is answered sooner.");
    state.write(this.before, this.page, true);
    return this.render();
  }

  // The controls say what is asked, also where it cannot be told.
  select(values) {
    for (const [name, value] of Object.entries(values)) {
      const select = this.root.querySelector(`select[name="${name}"]`);
      if (select) select.value = value;
    }
  }
}
