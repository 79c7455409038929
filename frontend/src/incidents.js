// Incidents: the root cause's cost beside what is usual, and decisions, which only a live server takes.

import * as days from "./days.js";
import { categoryAxis, Chart, tooltip, valueAxis } from "./chart.js";
import { cents, fromText, toNumber } from "./money.js";
import { css, h, json } from "./dom.js";
import { ask } from "./source.js";

const NEEDS_UNTIL = ["mute", "expected"];

export function incidents(root) {
  root.querySelectorAll("[data-incident-chart]").forEach((element) => draw(element, json(element.dataset.incidentChart)));
  root.querySelectorAll("form[data-incident]").forEach(deciding);
  const wanted = document.getElementById(`incident-${location.hash.slice(1)}`);
  if (wanted) { wanted.scrollIntoView(); wanted.querySelector("summary")?.focus(); }
}

function draw(element, told) {
  const start = days.parse(told.start), path = told.path.map(fromText);
  const from = Math.max(0, days.parse(told.first) - start), to = Math.min(path.length - 1, days.parse(told.day) - start);
  const [lower, upper] = [told.lower, told.upper].map((text) => toNumber(fromText(text)));
  const tip = (place) => h("div", { class: "tip" }, h("div", { class: "tip-title" }, days.long(start + place)),
    h("table", {}, h("tbody", {}, h("tr", {}, h("td", {}, "Spent"), h("td", { class: "number" }, `${cents(path[place])} ${told.currency}`)))));
  new Chart(element).draw(() => ({
    grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true },
    xAxis: categoryAxis(path.map((_, place) => days.short(start + place))),
    yAxis: valueAxis(told.currency),
    tooltip: tooltip((points) => tip(points[0]?.dataIndex ?? 0), { axisPointer: { type: "shadow", shadowStyle: { color: css("--hover") } } }),
    series: [{
      type: "bar", name: "spent", barCategoryGap: "30%",
      data: path.map((amount, place) => ({ value: toNumber(amount), itemStyle: { color: place >= from && place <= to ? css(told.rises ? "--up" : "--down") : css("--other") } })),
      markArea: { silent: true, itemStyle: { color: css("--accent"), opacity: 0.16 }, data: [[{ yAxis: lower }, { yAxis: upper }]] },
    }],
  }));
}

function deciding(form) {
  const { action, until, by, note } = form.elements, problem = form.querySelector("[data-part=problem]");
  const need = () => {
    const needs = NEEDS_UNTIL.includes(action.value);
    until.closest(".field").hidden = !needs;
    until.required = needs;
  };
  action.addEventListener("change", need);
  need();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    problem.textContent = "";
    const said = { action: action.value, by: by.value, note: note.value };
    if (until.required) said.until = until.value;
    try {
      await ask(`/api/v1/incidents/${form.dataset.incident}/decisions`, undefined, said);
      location.reload();
    } catch (error) {
      problem.textContent = error.message;
    }
  });
}
