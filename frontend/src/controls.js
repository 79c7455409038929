// Labelled selects: native ones, so that keyboards, phones and screen readers know them.

import { h } from "./dom.js";

export const choose = (label, options, listener) => ({ label, options, listener });

export function fields(parent, controls) {
  parent.replaceChildren(...Object.entries(controls).map(([name, one]) =>
    h("label", { class: "field" }, h("span", {}, one.label),
      h("select", { name, onchange: (event) => one.listener(event.target.value) }, one.options.map(([value, text]) => h("option", { value }, text))))));
}
