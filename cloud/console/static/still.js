// A chart as a still picture: the figure that plotly.js would be given, drawn as a few SVG paths.
//
// plotly.js is five megabytes, which take a tablet a second to start; a page that is only looked at need not wait for
// them. So every chart begins as a still, and plotly.js takes the same figure over when somebody reaches for it
// (charts.js). Only what our figures use is known here: lines, bands, markers, boxes, lines across, texts; axes that
// are numbers, logarithms or local times.

import { drawn } from "./dom.js";
import { fromLocalTime } from "./format.js";
import { decadeTicks, numberTicks, timeTicks } from "./ticks.js";

const DASHES = { dash: "6 4", dot: "2 3", solid: null };
const SYMBOLS = { square: "M-5-5h10v10h-10z", "triangle-up": "M0-6 6 5H-6z", diamond: "M0-6.5 6.5 0 0 6.5-6.5 0z", circle: "M0-5a5 5 0 1 1 0 10A5 5 0 1 1 0-5z", "circle-open": "M0-3a3 3 0 1 1 0 6A3 3 0 1 1 0-3z" };
const PAD = 0.06; // of the range, above and below what is drawn
const TICKS_X = 7;
const TICK_PIXELS = 90; // so much room a text on the time axis wants

const textOf = (text) => String(text).replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");
const xsOf = (trace) => trace.x ?? Array.from(trace.y, (_, at) => (trace.x0 ?? 0) + at * (trace.dx ?? 1));

/** Read a value of an axis as a number: local times are texts, as plotly.js wants them. */
const reader = (axis) => (axis.type === "date" ? (value) => (typeof value === "string" ? fromLocalTime(value) : value) : Number);

function extent(values, read) {
  let [low, high] = [Infinity, -Infinity];
  for (const one of values) {
    if (one === null || one === undefined) continue;
    const value = read(one);
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}

function rangeOf(axis, lists, read) {
  if (axis.range) return axis.range.map(read);
  const isLog = axis.type === "log";
  let [low, high] = [Infinity, -Infinity];
  for (const list of lists) {
    const [first, last] = extent(isLog ? list.filter((value) => value > 0) : list, read);
    [low, high] = [Math.min(low, first), Math.max(high, last)];
  }
  if (low > high) return [0, 1];
  if (isLog) return [Math.log10(low) - 0.1, Math.log10(high) + 0.1];
  if (axis.isTight) return [low, high];
  if (axis.rangemode === "tozero") [low, high] = [Math.min(low, 0), Math.max(high, 0)];
  const pad = PAD * (high - low || Math.abs(high) || 1);
  return [low === 0 && axis.rangemode === "tozero" ? 0 : low - pad, high + pad];
}

function scale(axis, range, [start, end]) {
  const read = reader(axis);
  const [low, high] = range;
  const by = (end - start) / (high - low || 1);
  const of = axis.type === "log" ? (value) => (value > 0 ? Math.log10(value) : low) : read;
  return { at: (value) => start + (of(value) - low) * by, raw: (value) => start + (value - low) * by, range };
}

/** A path through points; where there are more than pixels, the lowest and highest of each pixel. */
function pathThrough(xs, ys, x, y, width) {
  const parts = [];
  const isDense = xs.length > 3 * width;
  let isOpen = false;
  let column = null;
  const flush = () => {
    if (!column) return;
    parts.push(`${isOpen ? "L" : "M"}${column.x} ${column.first.toFixed(1)}`);
    if (column.high !== column.low) parts.push(`V${column.high.toFixed(1)}V${column.low.toFixed(1)}V${column.last.toFixed(1)}`);
    isOpen = true;
    column = null;
  };
  for (let at = 0; at < xs.length; at++) {
    if (ys[at] === null || ys[at] === undefined || xs[at] === null) {
      flush();
      isOpen = false;
      continue;
    }
    const [left, top] = [x.at(xs[at]), y.at(ys[at])];
    if (!isDense) {
      parts.push(`${isOpen ? "L" : "M"}${left.toFixed(1)} ${top.toFixed(1)}`);
      isOpen = true;
      continue;
    }
    const pixel = Math.round(left);
    if (column?.x === pixel) Object.assign(column, { low: Math.max(column.low, top), high: Math.min(column.high, top), last: top });
    else {
      flush();
      column = { x: pixel, first: top, last: top, low: top, high: top };
    }
  }
  flush();
  return parts.join("");
}

function traceNodes(trace, x, y, width) {
  const xs = xsOf(trace);
  if (trace.mode === "markers") {
    const each = (value, at) => (Array.isArray(value) ? value[at] : value);
    const { symbol = "circle", color, line } = trace.marker;
    return xs.map((value, at) => (trace.y[at] === null ? null : drawn("path", { d: SYMBOLS[each(symbol, at)] ?? SYMBOLS.circle, transform: `translate(${x.at(value).toFixed(1)} ${y.at(trace.y[at]).toFixed(1)})`, fill: String(each(symbol, at)).endsWith("open") ? "none" : each(color, at), stroke: line?.color ?? each(color, at) })));
  }
  const path = pathThrough(xs, trace.y, x, y, width);
  if (!path) return [];
  if (trace.fill === "toself") return [drawn("path", { d: path, fill: trace.fillcolor, stroke: "none" })];
  return [drawn("path", { class: "line", d: path, fill: "none", stroke: trace.line?.color, "stroke-width": trace.line?.width ?? 1.5, "stroke-dasharray": DASHES[trace.line?.dash] ?? null, "stroke-linejoin": "round" })];
}

/** Both of these turn a reference of plotly.js, "paper" or an axis, into pixels. */
const across = (frame, ref, value) => (ref === "paper" ? frame.left + value * frame.width : frame.x.at(value));
const upward = (frame, ref, value) => (ref === "paper" ? frame.top + (1 - value) * frame.height : frame.axes[ref ?? "y"].at(value));

function shapeNodes(shape, frame) {
  const [x0, x1] = [shape.x0, shape.x1].map((value) => across(frame, shape.xref, value));
  const [y0, y1] = [shape.y0, shape.y1].map((value) => upward(frame, shape.yref, value));
  const line = shape.line ?? {};
  const stroke = { stroke: line.width === 0 ? "none" : line.color, "stroke-width": line.width ?? 1, "stroke-dasharray": DASHES[line.dash] ?? null };
  const body =
    shape.type === "line"
      ? drawn("line", { x1: x0, x2: x1, y1: y0, y2: y1, ...stroke })
      : drawn("rect", { x: Math.min(x0, x1), y: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), fill: shape.fillcolor ?? "none", opacity: shape.opacity ?? null, ...stroke });
  const label = shape.label?.text ? drawn("text", { x: Math.min(x0, x1) + 3, y: shape.type === "line" ? y0 - 3 : Math.min(y0, y1) + 10, fill: shape.label.font?.color, "font-size": shape.label.font?.size }, textOf(shape.label.text)) : null;
  return [body, label];
}

function annotationNode(one, frame) {
  const left = across(frame, one.xref, one.x) + (one.xshift ?? 0);
  const top = upward(frame, one.yref, one.y) - (one.yshift ?? 0);
  const isUpright = one.textangle === -90;
  const anchor = isUpright ? "end" : { left: "start", right: "end" }[one.xanchor] ?? "middle";
  const drop = isUpright ? -3 : { top: 9, bottom: -2 }[one.yanchor] ?? 3.5;
  return drawn("text", { class: "annotation-text", x: isUpright ? 0 : left, y: isUpright ? 0 : top + drop, transform: isUpright ? `translate(${left - 3} ${top + 2}) rotate(-90)` : null, "text-anchor": anchor, fill: one.font?.color, "font-size": one.font?.size }, textOf(one.text));
}

function axisNodes(axis, range, frame, side, place) {
  if (axis.visible === false) return { grid: [], front: [] };
  const [grid, front] = [[], []];
  const tick = { fill: axis.tickfont?.color, "font-size": axis.tickfont?.size ?? 11 };
  const title = axis.title?.text ? textOf(axis.title.text) : null;
  if (side === "x") {
    const bottom = frame.top + frame.height;
    const count = Math.min(axis.nticks || TICKS_X, Math.floor(frame.width / TICK_PIXELS));
    const list = axis.type === "date" ? timeTicks(...range, count) : numberTicks(...range, count);
    for (const [value, words, second] of list) {
      const at = frame.x.raw(value);
      grid.push(drawn("line", { x1: at, x2: at, y1: frame.plotTop, y2: frame.plotBottom, stroke: axis.gridcolor }));
      front.push(drawn("text", { x: at, y: bottom + 14, "text-anchor": "middle", ...tick }, words));
      if (second) front.push(drawn("text", { x: at, y: bottom + 27, "text-anchor": "middle", ...tick }, second));
    }
    if (axis.showline !== false) front.push(drawn("line", { x1: frame.left, x2: frame.left + frame.width, y1: frame.plotBottom, y2: frame.plotBottom, stroke: axis.linecolor }));
    if (title) front.push(drawn("text", { class: "xtitle", x: frame.left + frame.width / 2, y: bottom + 32, "text-anchor": "middle", fill: axis.title.font?.color, "font-size": 11 }, title));
    return { grid, front };
  }
  const [bottom, top] = place;
  const map = frame.axes[side];
  const list = axis.type === "log" ? decadeTicks(...range) : numberTicks(...range, Math.min((axis.nticks || 6) - 1, Math.floor((bottom - top) / 22)));
  for (const [value, words] of list) {
    const at = map.raw(value);
    grid.push(drawn("line", { x1: frame.left, x2: frame.left + frame.width, y1: at, y2: at, stroke: axis.gridcolor }));
    front.push(drawn("text", { x: frame.left - 6, y: at + 4, "text-anchor": "end", ...tick }, words));
  }
  front.push(drawn("line", { x1: frame.left, x2: frame.left, y1: top, y2: bottom, stroke: axis.linecolor }));
  if (title) front.push(drawn("text", { transform: `translate(${frame.left - 42} ${(top + bottom) / 2}) rotate(-90)`, "text-anchor": "middle", fill: axis.title.font?.color, "font-size": 11 }, title));
  return { grid, front };
}

/** Return the picture of a figure, `width` pixels wide; `words` is what a screen reader says. */
export function still(data, look, width, words) {
  const margin = look.margin;
  const height = look.height;
  const frame = { left: margin.l, top: margin.t, width: Math.max(width - margin.l - margin.r, 10), height: height - margin.t - margin.b, axes: {} };
  const names = Object.keys(look).filter((name) => name.startsWith("yaxis"));
  const short = (name) => name.replace("axis", "");
  const xaxis = look.xaxis.range ? look.xaxis : { ...look.xaxis, isTight: true };
  const xRange = rangeOf(xaxis, data.map(xsOf), reader(xaxis));
  frame.x = scale(xaxis, xRange, [frame.left, frame.left + frame.width]);
  const places = new Map(names.map((name) => [name, (look[name].domain ?? [0, 1]).map((share) => frame.top + (1 - share) * frame.height)]));
  frame.plotTop = Math.min(...[...places.values()].map(([, top]) => top));
  frame.plotBottom = Math.max(...[...places.values()].map(([bottom]) => bottom));
  const ranges = new Map(names.map((name) => [name, rangeOf(look[name], data.filter((trace) => (trace.yaxis ?? "y") === short(name)).map((trace) => trace.y), reader(look[name]))]));
  for (const name of names) frame.axes[short(name)] = scale(look[name], ranges.get(name), places.get(name));
  const drawnAxes = [axisNodes(look.xaxis, xRange, frame, "x", null), ...names.map((name) => axisNodes(look[name], ranges.get(name), frame, short(name), places.get(name)))];
  const below = (look.shapes ?? []).filter((shape) => shape.layer === "below");
  const above = (look.shapes ?? []).filter((shape) => shape.layer !== "below");
  const clip = `clip-${(still.count = (still.count ?? 0) + 1)}`;
  return drawn(
    "svg",
    { class: "still", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words },
    drawn("clipPath", { id: clip }, drawn("rect", { x: frame.left, y: frame.top, width: frame.width, height: frame.height })),
    drawn("g", { "clip-path": `url(#${clip})` }, below.map((shape) => shapeNodes(shape, frame)), drawnAxes.map(({ grid }) => grid), data.flatMap((trace) => (trace.mode === "markers" ? [] : traceNodes(trace, frame.x, frame.axes[trace.yaxis ?? "y"], frame.width))), above.map((shape) => shapeNodes(shape, frame))),
    drawnAxes.map(({ front }) => front),
    data.flatMap((trace) => (trace.mode === "markers" ? traceNodes(trace, frame.x, frame.axes[trace.yaxis ?? "y"], frame.width) : [])),
    (look.annotations ?? []).map((one) => annotationNode(one, frame)),
  );
}
