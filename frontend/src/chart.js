// Apache ECharts, only what the pages use, in the page's own colours.

import * as echarts from "echarts/core";
import { BarChart, LineChart } from "echarts/charts";
import { AriaComponent, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent } from "echarts/components";
import { CanvasRenderer } from "echarts/renderers";
import { css, h } from "./dom.js";
import { short } from "./money.js";

echarts.use([BarChart, LineChart, AriaComponent, GridComponent, MarkAreaComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

const dark = matchMedia("(prefers-color-scheme: dark)");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const all = new Set();

dark.addEventListener("change", () => all.forEach((chart) => chart.redraw()));
window.addEventListener("beforeprint", () => all.forEach((chart) => chart.instance.resize()));

export class Chart {
  constructor(element) {
    this.element = element;
    this.instance = echarts.init(element, null, { renderer: "canvas" });
    this.make = null;
    all.add(this);
    new ResizeObserver(() => this.instance.resize({ animation: { duration: 0 } })).observe(element);
  }

  // `make` gives the option, so that another theme can ask for it again.
  draw(make) {
    this.make = make;
    this.redraw();
  }

  redraw() {
    if (this.make) this.instance.setOption({ ...base(), ...this.make() }, { notMerge: true });
  }

  png() {
    return this.instance.getDataURL({ type: "png", pixelRatio: 2, backgroundColor: css("--card") });
  }
}

const base = () => ({
  animation: !calm.matches,
  animationDuration: 250,
  animationDurationUpdate: 200,
  textStyle: { fontFamily: css("--font"), color: css("--text") },
  aria: { enabled: true, label: { maxCount: 4, data: { maxCount: 4 } } },
});

export const axisText = () => ({ color: css("--muted"), fontSize: 12 });

export function valueAxis(currency) {
  return {
    type: "value",
    name: currency,
    nameGap: 12,
    // From the axis to the right: to the left of it there is only as much room as the labels take, in an empty chart next to none.
    nameTextStyle: { color: css("--muted"), fontSize: 11, align: "left" },
    axisLabel: { ...axisText(), formatter: short },
    splitLine: { lineStyle: { color: css("--line") } },
    splitNumber: 4,
  };
}

export function categoryAxis(labels) {
  return {
    type: "category",
    data: labels,
    boundaryGap: true,
    axisTick: { show: false },
    axisLine: { lineStyle: { color: css("--line-strong") } },
    axisLabel: { ...axisText(), hideOverlap: true },
  };
}

export function hatch() {
  const size = 8, canvas = h("canvas", { width: size, height: size }), pen = canvas.getContext("2d");
  pen.strokeStyle = css("--hatch");
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (const shift of [-size, 0, size]) { pen.moveTo(shift, size); pen.lineTo(shift + size, 0); }
  pen.stroke();
  return { image: canvas, repeat: "repeat" };
}

export const tooltip = (formatter, extra = {}) => ({
  trigger: "axis",
  confine: true,
  backgroundColor: css("--card"),
  borderColor: css("--line-strong"),
  borderWidth: 1,
  padding: 0,
  textStyle: { color: css("--text"), fontSize: 12 },
  className: "tip-box",
  transitionDuration: 0,
  formatter,
  ...extra,
});
