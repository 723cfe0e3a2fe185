// The campaign as a curve and as bars by day. What is drawn stands in `series` and `steps`, which the table shows too.

import uPlot from "../vendor/uPlot.esm.js";

import { dateOf, dayOf } from "./calendar.js";
import { h } from "./page.js";
import { number, percent, percentBreak, shortDate, t } from "./texts.js";

/** Whole days that the pace of late looks back. */
const LATELY = 7;

/**
 * The curve as columns: day, done, due, and the forecast's low, middle and high, all shares of expected or null.
 * The forecast begins at the last whole day, where it is what was done.
 */
export function series(answer) {
  const { progress, forecast, expected, days } = answer;
  const whole = progress.filter((row) => row.whole);
  const from = whole.length;
  const high = forecast?.on.high ? dayOf(forecast.on.high) + 2 : Math.round(days * 1.4);
  const last = forecast
    ? Math.min(Math.max(days + 2, high), from + forecast.ahead.length)
    : Math.max(days, progress.length);
  const columns = { day: [], done: [], due: [], low: [], middle: [], high: [] };
  for (let day = 0; day <= Math.max(last, progress.length); day += 1) {
    const row = progress[day - 1];
    const ahead = day === from && from ? here(whole[from - 1].done / expected) : forecast?.ahead[day - from - 1];
    columns.day.push(day);
    columns.done.push(day === 0 ? 0 : row ? row.done / expected : null);
    columns.due.push(Math.min(day / days, 1));
    for (const name of ["low", "middle", "high"]) columns[name].push((forecast && ahead?.[name]) ?? null);
  }
  return columns;
}

const here = (share) => ({ low: share, middle: share, high: share });

/** Families done on each day: day, on whole days, today. */
export function steps(answer) {
  const columns = { day: [], whole: [], today: [] };
  answer.progress.forEach((row, i) => {
    const made = row.done - (i ? answer.progress[i - 1].done : 0);
    columns.day.push(row.day);
    columns.whole.push(row.whole ? made : null);
    columns.today.push(row.whole ? null : made);
  });
  for (let day = columns.day.length + 1; day <= answer.days; day += 1) {
    columns.day.push(day);
    columns.whole.push(null);
    columns.today.push(null);
  }
  return columns;
}

/** Colours of now: a reader may change the scheme, or print. */
function palette() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(`--${name}`).trim();
  return { ink: of("ink"), soft: of("soft"), line: of("line"), accent: of("accent"), fresh: of("fresh"), paper: of("paper") };
}

/** Owns both charts. `curve`, `bars` and `readout` are elements. */
export class Charts {
  constructor(curve, bars, readout) {
    Object.assign(this, { curve, bars, readout, answer: null });
    const redraw = () => this.answer && this.draw(this.answer);
    new ResizeObserver(() => this.#fit()).observe(curve);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    for (const [name, on] of [["beforeprint", true], ["afterprint", false]]) {
      addEventListener(name, () => { document.documentElement.classList.toggle("printing", on); redraw(); });
    }
  }

  /** Draw an answer of /v1/progress, of a campaign that begins on a date. */
  draw(answer) {
    this.answer = answer;
    const wide = innerWidth >= 720;
    for (const [place, made] of [[this.curve, this.#curve()], [this.bars, this.#bars()]]) {
      place.plot?.destroy();
      place.replaceChildren();
      place.plot = new uPlot({ ...made.options, ...this.#size(place, wide) }, made.data, place);
    }
    this.#read(null);
  }

  #size(place, wide) {
    return { width: Math.max(place.clientWidth, 200), height: place === this.curve ? (wide ? 340 : 280) : (wide ? 200 : 170) };
  }

  #fit() {
    if (this.curve.plot && this.curve.plot.width !== this.curve.clientWidth) this.draw(this.answer);
  }

  #axes(ink, values, size) {
    const shared = { stroke: ink.soft, font: "13px system-ui, sans-serif", ticks: { show: false } };
    const grid = { stroke: ink.line, width: 1 };
    return [
      { ...shared, size: 30, grid: { show: false }, space: 62, incrs: [1, 2, 5, 7, 14, 28], values: (_, at) => at.map((day) => (day > 0 ? this.#date(day) : "")) },
      { ...shared, grid, size, space: 44, values },
    ];
  }

  #date(day) {
    return shortDate(dateOf(day));
  }

  #curve() {
    const ink = palette();
    const { answer } = this;
    const data = Object.values(series(answer));
    const rates = (_, at) => at.map(percentBreak);
    const line = { points: { show: false }, spanGaps: false };
    const options = {
      legend: { show: false },
      padding: [18, 22, 0, 0],
      cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
      scales: { x: { time: false, range: [0, data[0].length - 1] }, y: { range: [0, Math.max(1.06, ...data[1].filter(Number.isFinite)) ] } },
      axes: this.#axes(ink, rates, 52),
      series: [
        {},
        { ...line, stroke: ink.accent, width: 3.5 },
        { ...line, stroke: ink.ink, width: 1.5, dash: [7, 5] },
        { ...line, stroke: ink.accent, width: 1 },
        { ...line, stroke: ink.accent, width: 2, dash: [2, 4] },
        { ...line, stroke: ink.accent, width: 1 },
      ],
      bands: [{ series: [5, 3], fill: `${ink.fresh}66` }],
      hooks: {
        draw: [(plot) => marks(plot, ink, answer)],
        setCursor: [(plot) => this.#read(plot.cursor.idx)],
      },
    };
    return { options, data };
  }

  #bars() {
    const ink = palette();
    const { answer } = this;
    const { day, whole, today } = steps(answer);
    const data = [day, whole, today.map((n) => n || null)]; // a bar without height would be a dash
    const made = [...data[1], ...data[2]].filter(Number.isFinite);
    const paths = uPlot.paths.bars({ size: [0.72, 40] });
    const most = Math.max(1, answer.pace_needed ?? 0, ...made) * 1.12;
    const options = {
      legend: { show: false },
      padding: [10, 22, 0, 0],
      cursor: { show: false },
      scales: { x: { time: false, range: [0.3, data[0].length + 0.7] }, y: { range: [Math.min(0, ...made), most] } },
      axes: this.#axes(ink, (_, at) => at.map((n) => (Number.isInteger(n) ? number(n) : "")), 60),
      series: [
        {},
        { paths, points: { show: false }, fill: ink.accent, width: 0 },
        { paths, points: { show: false }, fill: `${ink.fresh}55`, stroke: ink.accent, width: 1.5, dash: [3, 3] },
      ],
      hooks: { draw: [(plot) => paces(plot, ink, answer)] },
    };
    return { options, data };
  }

  /** Say in words what stands under the pointer; nothing where there is none. */
  #read(at) {
    const [days, done, due, low, , high] = this.curve.plot?.data ?? [[]];
    if (days[at] === undefined) {
      this.readout.replaceChildren(t("progress.point"));
      return;
    }
    const said = [h("b", {}, this.#date(days[at])), " "];
    const count = (share) => number(Math.round(share * this.answer.expected));
    if (done[at] !== null) said.push(t("progress.read_done", { share: percent(done[at]), n: count(done[at]) }), "; ");
    else if (low[at] !== null) said.push(t("progress.read_ahead", { low: percent(low[at]), high: percent(high[at]) }), "; ");
    said.push(t("progress.read_due", { share: percent(due[at]), n: count(due[at]) }));
    this.readout.replaceChildren(...said);
  }
}

/** The target, today and the deadline, named where they are drawn. */
function marks(plot, ink, answer) {
  const today = answer.progress.length;
  upright(plot, ink, answer.days, t("progress.deadline"), [2, 3], today < answer.days ? 1 : -1);
  if (answer.day && answer.days_left) upright(plot, ink, today, t("progress.today"), [], -1);
  level(plot, ink, answer.target, t("progress.target_is", { share: percentBreak(answer.target) }));
}

/** The pace needed from today to the deadline, and the pace of late over its days. */
function paces(plot, ink, answer) {
  const whole = answer.progress.filter((row) => row.whole).length;
  const from = (day) => plot.valToPos(day, "x", true);
  const draw = (value, first, last, dash, width) => {
    const y = plot.valToPos(value, "y", true);
    stroke(plot, ink.ink, dash, width, [[from(first), y], [from(last), y]]);
    return y;
  };
  if (answer.pace_needed) {
    const y = draw(answer.pace_needed, whole + 0.5, answer.days + 0.5, [7, 5], 2);
    write(plot, ink, number(answer.pace_needed), from(answer.days + 0.5), y - 4 * devicePixelRatio, "right", "bottom");
  }
  if (answer.pace !== null) draw(answer.pace, Math.max(whole - LATELY, 0) + 0.5, whole + 0.5, [], 2);
}

function upright(plot, ink, day, label, dash, side) {
  const { top, height } = plot.bbox;
  const x = plot.valToPos(day, "x", true);
  stroke(plot, ink.soft, dash, 1.5, [[x, top], [x, top + height]]);
  write(plot, ink, label, x + side * 5 * devicePixelRatio, top - 4 * devicePixelRatio, side > 0 ? "left" : "right", "bottom");
}

function level(plot, ink, share, label) {
  const { left, width } = plot.bbox;
  const y = plot.valToPos(share, "y", true);
  stroke(plot, ink.soft, [10, 4, 2, 4], 1.5, [[left, y], [left + width, y]]);
  write(plot, ink, label, left + 6 * devicePixelRatio, y + 4 * devicePixelRatio, "left", "top");
}

function stroke({ ctx }, colour, dash, width, [[x0, y0], [x1, y1]]) {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = width * devicePixelRatio;
  ctx.setLineDash(dash.map((part) => part * devicePixelRatio));
  ctx.beginPath();
  ctx.moveTo(x0, y0);
  ctx.lineTo(x1, y1);
  ctx.stroke();
  ctx.restore();
}

function write({ ctx }, ink, words, x, y, align, baseline) {
  ctx.save();
  ctx.font = `600 ${12.5 * devicePixelRatio}px system-ui, sans-serif`;
  Object.assign(ctx, { textAlign: align, textBaseline: baseline, lineJoin: "round", lineWidth: 4 * devicePixelRatio });
  ctx.strokeStyle = ink.paper;
  ctx.strokeText(words, x, y);
  ctx.fillStyle = ink.ink;
  ctx.fillText(words, x, y);
  ctx.restore();
}
