// Labelled selects: native ones, so that keyboards, phones and screen readers know them.

import { h } from "./dom.js";

let made = 0;

export const choose = (label, options, listener) => ({ label, options, listener });

export function fields(parent, controls) {
  parent.replaceChildren(...Object.entries(controls).map(([name, one]) => {
    const id = `control-${(made += 1)}`;
    return h("div", { class: "field" }, h("label", { htmlFor: id }, one.label),
      h("select", { id, name, onchange: (event) => one.listener(event.target.value) }, one.options.map(([value, text]) => h("option", { value }, text))));
  }));
}
