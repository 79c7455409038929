// Burn-up: what is spent, added up, against even spending and the budget, and where the forecast sees its end.

import * as days from "./days.js";
import { categoryAxis, Chart, tooltip, valueAxis } from "./chart.js";
import { cents, fromText, toNumber } from "./money.js";
import { css, h, json } from "./dom.js";

export function budgets(root) {
  root.querySelectorAll("[data-budget-chart]").forEach((element) => draw(element, json(element.dataset.budgetChart)));
}

function draw(element, told) {
  const start = days.parse(told.start), length = days.parse(told.end) - start;
  const path = told.path.map(fromText), amount = told.amount === null ? null : fromText(told.amount);
  const labels = Array.from({ length }, (_, place) => days.short(start + place));
  const last = path.length - 1, forecast = told.forecast;
  const ahead = (bound) => labels.map((_, place) => (place < last ? null : toNumber(path[last]) + ((toNumber(fromText(bound)) - toNumber(path[last])) * (place - last)) / Math.max(1, length - 1 - last)));
  const line = (name, data, style, more = {}) => ({ type: "line", name, data, symbol: "none", lineStyle: style, color: style.color, ...more });
  const tip = (place) => {
    const rows = [["Spent", path[place]], ["Budget", amount]].filter(([, value]) => value !== undefined && value !== null);
    return h("div", { class: "tip" }, h("div", { class: "tip-title" }, days.long(start + place)), h("table", {}, h("tbody", {}, rows.map(([name, value]) => h("tr", {}, h("td", {}, name), h("td", { class: "number" }, `${cents(value)} ${told.currency}`))))));
  };
  new Chart(element).draw(() => {
    const series = [line("spent", path.map(toNumber), { width: 2.5, color: css("--accent") }, { areaStyle: { opacity: 0.08 }, z: 5 })];
    if (amount !== null) {
      const whole = toNumber(amount);
      series.push(line("even spending", labels.map((_, place) => (whole * (place + 1)) / length), { width: 1.25, type: "dashed", color: css("--muted") }));
      series.push(line("budget", labels.map(() => whole), { width: 1.5, color: css("--up") }));
    }
    if (forecast && last < length - 1) {
      const low = ahead(forecast.lo80), high = ahead(forecast.hi80);
      series.push(line("low", low, { width: 0, color: css("--accent") }, { stack: "band", silent: true }));
      series.push(line("8 of 10 cases", high.map((value, place) => (value === null ? null : value - low[place])), { width: 0, color: css("--accent") }, { stack: "band", areaStyle: { opacity: 0.2 }, silent: true }));
      series.push(line("forecast", ahead(forecast.mean), { width: 1.75, type: "dotted", color: css("--accent") }));
    }
    return { grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true }, xAxis: { ...categoryAxis(labels), boundaryGap: false }, yAxis: valueAxis(told.currency), tooltip: tooltip((points) => tip(points[0]?.dataIndex ?? 0)), series };
  });
}
