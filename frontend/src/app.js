// Starts what the page has.

import { budgets } from "./budgets.js";
import { Explorer } from "./explorer.js";
import { Source } from "./source.js";
import { follow } from "./follow.js";
import { incidents } from "./incidents.js";
import { overview } from "./overview.js";
import { Why } from "./why.js";
import { pages } from "./pages.js";
import { skip } from "./skip.js";
import { showCurrent } from "./tabs.js";
import { waiting } from "./waiting.js";

const source = new Source();
const single = document.body.dataset.single === "yes";

function start() {
  skip();
  // Before the pages: one draws itself when it is the one that is shown.
  if (single) pages();
  showCurrent();
  for (const root of document.querySelectorAll("[data-page]")) {
    const name = root.dataset.page;
    if (name === "incidents") incidents(root);
    if (name === "budgets") budgets(root);
    if (name === "overview") overview(root);
    if (name === "why") new Why(root, source, single ? name : "").start();
    if (name === "explorer") new Explorer(root, source, single ? name : "").start();
  }
  follow(source.meta);
  waiting();
}

start();
