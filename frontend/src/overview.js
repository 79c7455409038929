// The Overview's one chart: this month and the last, added up day by day.

import * as days from "./days.js";
import { categoryAxis, Chart, tooltip, valueAxis } from "./chart.js";
import { cents, fromText, toNumber } from "./money.js";
import { css, h, json } from "./dom.js";

export function overview(root) {
  const told = json("overview-paths"), element = root.querySelector("[data-part=paths]");
  if (!told || !element) return;
  const now = told.now.map(fromText), last = told.last.map(fromText), first = days.parse(told.month);
  const length = Math.max(days.addMonths(first, 1) - first, last.length);
  const tip = (place) => h("div", { class: "tip" }, h("div", { class: "tip-title" }, `After day ${place + 1}`),
    h("table", {}, h("tbody", {}, [[told.names[0], now[place]], [told.names[1], last[place]]].filter(([, amount]) => amount !== undefined)
      .map(([name, amount]) => h("tr", {}, h("td", {}, name), h("td", { class: "number" }, `${cents(amount)} ${told.currency}`))))));
  new Chart(element).draw(() => ({
    grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true },
    xAxis: { ...categoryAxis(Array.from({ length }, (_, place) => `${place + 1}`)), boundaryGap: false },
    yAxis: valueAxis(told.currency),
    tooltip: tooltip((points) => tip(points[0]?.dataIndex ?? 0)),
    series: [
      { type: "line", name: told.names[1], data: last.map(toNumber), symbol: "none", color: css("--muted"), lineStyle: { type: "dashed", width: 1.5 } },
      { type: "line", name: told.names[0], data: now.map(toNumber), symbol: now.length === 1 ? "circle" : "none", color: css("--accent"), lineStyle: { width: 2.5 }, areaStyle: { opacity: 0.08 } },
    ],
  }));
}
