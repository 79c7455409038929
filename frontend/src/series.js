// A stacked or plain time series over groups, the rest as one; provisional days hatched, the other period dashed.

import * as days from "./days.js";
import { categoryAxis, hatch, tooltip, valueAxis } from "./chart.js";
import { colourOf } from "./colours.js";
import { cents, toNumber } from "./money.js";
import { addedUp, nameOf, restOf } from "./cube.js";
import { css, h } from "./dom.js";

const REST = "other";
const TIP_ROWS = 10;

export function drawSeries(chart, told, drill) {
  const { cube, now, by, found, before, shown, rest, slots, against } = told;
  const width = found.buckets.length;
  const lines = shown.map((one) => ({ place: one.place, name: nameOf(cube.dims[by], one.place), slot: slots.get(one.place), values: addedUp([one], width) }));
  const dim = cube.dims[by], others = restOf(dim);
  const count = rest.reduce((sum, one) => sum + (one.place === others ? dim.rest : 1), 0);
  if (rest.length) lines.push({ place: null, name: `${REST} (${count.toLocaleString("en")})`, slot: null, values: addedUp(rest, width) });
  const labels = found.buckets.map((bucket) => days.short(bucket, now.grain));
  // One day alone has no line.
  const kind = width === 1 ? "bar" : now.chart;
  const there = presentBuckets(cube, now, found.buckets);
  const stacked = kind !== "line";
  const provisional = provisionalBuckets(cube, now, found.buckets);
  const old = before ? addedUp(before.groups, before.buckets.length) : null;

  chart.draw(() => {
    const series = lines.map((line) => ({
      type: kind === "bar" ? "bar" : "line",
      name: line.name,
      stack: stacked ? "cost" : undefined,
      // A day that the ledger lacks is a gap: it did not cost nothing.
      data: line.values.map((value, bucket) => (there[bucket] ? toNumber(value) : null)),
      color: colourOf(line.slot),
      areaStyle: kind === "area" ? { opacity: 0.82 } : undefined,
      lineStyle: { width: kind === "area" ? 0.75 : 2 },
      symbol: "none",
      triggerLineEvent: true,
      barMaxWidth: 44,
      barCategoryGap: "28%",
      itemStyle: kind === "bar" ? { borderColor: css("--card"), borderWidth: width > 60 ? 0 : 0.5 } : undefined,
      emphasis: { focus: "none" },
      cursor: line.place === null ? "default" : "pointer",
    }));
    if (old) {
      series.push({ type: "line", name: `before: ${days.spanText(...against)}`, data: old.slice(0, width).map(toNumber), color: css("--muted"), lineStyle: { type: "dashed", width: 1.75 }, symbol: "none", z: 5, cursor: "default" });
    }
    if (provisional.length && series.length) {
      const mark = kind === "bar" ? bars(provisional) : edges(provisional, width);
      series[0].markArea = { silent: true, animation: false, itemStyle: { color: hatch() }, data: mark, z: 10 };
    }
    return {
      grid: { left: 8, right: 16, top: 34, bottom: 4, containLabel: true },
      xAxis: { ...categoryAxis(labels), boundaryGap: kind === "bar" },
      yAxis: valueAxis(cube.currency),
      tooltip: tooltip((points) => tip(points[0]?.dataIndex ?? 0), { axisPointer: { type: kind === "bar" ? "shadow" : "line", lineStyle: { color: css("--muted") }, shadowStyle: { color: css("--hover") } } }),
      series,
    };
  });

  function tip(bucket) {
    const rows = lines.map((line) => [line, line.values[bucket]]).filter(([, amount]) => amount).sort((a, b) => (b[1] > a[1] ? 1 : -1));
    const total = lines.reduce((sum, line) => sum + line.values[bucket], 0n);
    const start = found.buckets[bucket];
    const title = now.grain === "day" ? days.long(start) : now.grain === "week" ? `Week from ${days.long(Math.max(start, now.from))}` : days.short(start, "month");
    return h("div", { class: "tip" },
      h("div", { class: "tip-title" }, title, provisional.includes(bucket) ? h("span", { class: "badge" }, "provisional") : null),
      h("table", {}, h("tbody", {},
        rows.slice(0, TIP_ROWS).map(([line, amount]) => h("tr", {}, h("td", {}, h("span", { class: line.slot === null ? "swatch other" : `swatch s${line.slot}` }), line.name), h("td", { class: "number" }, cents(amount)))),
        h("tr", { class: "tip-total" }, h("td", {}, "Total"), h("td", { class: "number" }, `${cents(total)} ${cube.currency}`)),
        old && old[bucket] !== undefined ? h("tr", {}, h("td", {}, `Before (${days.short(before.buckets[bucket], now.grain)})`), h("td", { class: "number" }, cents(old[bucket]))) : null)));
  }

  chart.instance.off("click");
  chart.instance.on("click", (event) => {
    const line = lines[event.seriesIndex];
    if (line && line.place !== null) drill(line.place);
  });
}

function provisionalBuckets(cube, now, buckets) {
  const set = new Set([...cube.provisional].map((day) => days.bucketOf(cube.start + day, now.grain)));
  return buckets.map((bucket, place) => (set.has(bucket) ? place : -1)).filter((place) => place >= 0);
}

function presentBuckets(cube, now, buckets) {
  const present = new Set();
  for (let day = Math.max(now.from, cube.start); day < Math.min(now.to, cube.end); day++) {
    if (!cube.missing.has(day - cube.start)) present.add(days.bucketOf(day, now.grain));
  }
  return buckets.map((bucket) => present.has(bucket));
}

const bars = (places) => [[{ xAxis: places[0] }, { xAxis: places[places.length - 1] }]];
const edges = (places, width) => [[{ xAxis: Math.max(0, places[0] - (places.length === 1 || places[0] === width - 1 ? 1 : 0)) }, { xAxis: places[places.length - 1] }]];
