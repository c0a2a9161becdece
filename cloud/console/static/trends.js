// Trend panels: one small chart per quantity, all with the same time axis, zoomed together.
// Every zoom asks the API again, so that a closer look has a finer resolution.

import { axis, drawChart, layout, palette, plain, redrawOn, tableBehind, timeTicks } from "./charts.js";
import { age } from "./cells.js";
import { drawn, element, put } from "./dom.js";
import { featureWords, fixed, fromLocalTime, localTime, ms, number, offset, sentenceCase, stateWords, time, unitWords } from "./format.js";
import { sign, signWord } from "./signs.js";

const MARGIN = { l: 54, r: 52, t: 8, b: 34 }; // the style sheet places the common cursor by the same numbers
const HEIGHT = 170;
const STRIP = [0.01, 0.1]; // of the panel's height, below the axis
const PLOT = 0.13;
const SYMBOLS = { urgent: "square", high: "triangle-up", medium: "diamond", low: "circle" };
const LEVELS = new Set(["mean", "last", "slope"]); // of slow signals: zero is no bottom of theirs
const LABEL_PIXELS = 11;
const NAMED_SHARE = 0.09; // of the axis: a zone lower than its name goes without
const HOVER_MS = 250;
const GAP_BUCKETS = 2.5; // more than this many buckets without data is a gap in the line

/** Split "DE.H/velocity_rms" into its channel and quantity; score and health have no channel. */
export function split(feature) {
  const at = feature.indexOf("/");
  return at < 0 ? { channel: null, quantity: feature } : { channel: feature.slice(0, at), quantity: feature.slice(at + 1) };
}

/** The usual distance of points: a slow source gives fewer points than the buckets would allow. */
function usualStep(times) {
  const steps = times.slice(1).map((t, at) => t - times[at]).sort((a, b) => a - b);
  return steps[Math.floor(steps.length / 2)] ?? 0;
}

/** Times, means and the band of one series, with nulls where there is a gap. */
function withGaps(series, stepMs) {
  const line = { x: [], y: [], custom: [] };
  const band = { x: [], y: [] };
  let piece = [];
  const closePiece = () => {
    if (piece.length > 1) {
      band.x.push(...piece.map((at) => localTime(series.t_ms[at])), ...piece.toReversed().map((at) => localTime(series.t_ms[at])), null);
      band.y.push(...piece.map((at) => series.max[at]), ...piece.toReversed().map((at) => series.min[at]), null);
    }
    piece = [];
  };
  series.t_ms.forEach((t, at) => {
    const isGap = at > 0 && t - series.t_ms[at - 1] > GAP_BUCKETS * stepMs;
    if (isGap || series.mean[at] === null) {
      closePiece();
      line.x.push(localTime(t));
      line.y.push(null);
      line.custom.push(null);
    }
    if (series.mean[at] === null) return;
    line.x.push(localTime(t));
    line.y.push(series.mean[at]);
    line.custom.push([number(series.mean[at]), number(series.min[at]), number(series.max[at]), series.late?.[at] ? ", arrived late" : ""]);
    piece.push(at);
  });
  closePiece();
  return { line, band };
}

function traces(series, place, colours, bucketMs) {
  const { line, band } = withGaps(series, Math.max(bucketMs, usualStep(series.t_ms)));
  const { channel, quantity } = split(series.feature);
  const colour = channel === null ? colours.ink : colours.series[place % colours.series.length];
  const late = series.t_ms.map((t, at) => [t, at]).filter(([, at]) => series.late?.[at] && series.mean[at] !== null);
  const unit = unitWords(series.unit);
  return [
    { x: band.x, y: band.y, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: `${colour}2b`, hoverinfo: "skip", type: "scatter" },
    {
      x: line.x,
      y: line.y,
      customdata: line.custom,
      name: plain(channel ?? featureWords(quantity)),
      mode: "lines",
      connectgaps: false,
      line: { color: colour, width: 1.5 },
      hovertemplate: `${plain(channel ?? featureWords(quantity))} %{customdata[0]}${unit ? ` ${plain(unit)}` : ""} (%{customdata[1]} … %{customdata[2]})%{customdata[3]}<extra></extra>`,
      type: "scatter",
    },
    late.length
      ? { x: late.map(([t]) => localTime(t)), y: late.map(([, at]) => series.mean[at]), mode: "markers", marker: { symbol: "circle-open", size: 5, color: colour }, hoverinfo: "skip", type: "scatter" }
      : null,
  ].filter(Boolean);
}

function alarmTrace(alarms, colours, [from, to]) {
  const inside = alarms.filter((alarm) => ms(alarm.since) >= from && ms(alarm.since) <= to);
  return {
    x: inside.map((alarm) => localTime(ms(alarm.since))),
    y: inside.map(() => 0.95),
    yaxis: "y2",
    cliponaxis: false,
    mode: "markers",
    marker: { symbol: inside.map((alarm) => SYMBOLS[alarm.priority]), color: inside.map((alarm) => colours[alarm.priority]), size: 10, line: { width: 1, color: colours.ink } },
    customdata: inside.map((alarm) => [plain(signWord(alarm.priority)), plain(alarm.sentence)]),
    hovertemplate: "%{customdata[0]} alarm: %{customdata[1]}<extra></extra>",
    type: "scatter",
  };
}

/** Names of the channels at the right end of their lines, moved apart where lines end close together. */
function endLabels(list, channels, colours, yRange, top) {
  const [low, high] = yRange ?? [0, top || 1];
  const perPixel = (high - low) / (HEIGHT * (1 - PLOT) - MARGIN.t - MARGIN.b);
  const ends = list
    .map((series) => ({ channel: split(series.feature).channel, value: series.mean.findLast((value) => value !== null) }))
    .filter(({ channel, value }) => channel !== null && value !== undefined)
    .sort((a, b) => a.value - b.value);
  let before = -Infinity;
  return ends.map(({ channel, value }) => {
    before = Math.max(value, before + LABEL_PIXELS * perPixel);
    return { xref: "paper", x: 1, xanchor: "left", xshift: 3, yref: "y", y: before, yanchor: "middle", text: plain(channel), showarrow: false, font: { size: 10, color: colours.series[channels.indexOf(channel) % colours.series.length] } };
  });
}

/** The zone of the time axis, in the margin right of its dates. */
const zoneLabel = (at, colours) => ({ xref: "paper", x: 1, xanchor: "left", xshift: 2, yref: "paper", y: 0, yanchor: "top", yshift: -17, text: `UTC${offset(at)}`, showarrow: false, font: { size: 9, color: colours.quiet } });

const kindOf = (state) => (state === "off" ? "off" : state?.startsWith("steady") ? "steady" : "moving");

function strip(states, colours, [from, to]) {
  const shapes = [];
  const annotations = [];
  (states?.t_ms ?? []).forEach((t, at) => {
    const start = Math.max(t, from);
    const end = Math.min(states.t_ms[at + 1] ?? to, to);
    if (end <= start) return;
    const state = states.value[at];
    if (state === null) return; // nothing was heard
    shapes.push({ type: "rect", xref: "x", yref: "paper", x0: localTime(start), x1: localTime(end), y0: STRIP[0], y1: STRIP[1], fillcolor: colours[kindOf(state)], line: { width: kindOf(state) === "steady" ? 0 : 1, color: colours.quiet } });
    if (end - start > 0.12 * (to - from))
      annotations.push({ xref: "x", yref: "paper", x: localTime((start + end) / 2), y: (STRIP[0] + STRIP[1]) / 2, yanchor: "middle", text: plain(stateWords(state)), showarrow: false, font: { size: 9, color: colours.ink } });
  });
  return { shapes, annotations };
}

function zoneShapes(limits, colours, top) {
  const edges = [...limits, Infinity];
  return ["B", "C", "D"].flatMap((zone, at) =>
    edges[at] >= top ? [] : [{ type: "rect", xref: "paper", x0: 0, x1: 1, yref: "y", y0: edges[at], y1: Math.min(edges[at + 1], top), fillcolor: colours.zones[zone], line: { width: 0 }, layer: "below", label: { text: Math.min(edges[at + 1], top) - edges[at] > NAMED_SHARE * top ? `Zone ${zone}` : "", textposition: "top left", font: { size: 9, color: colours.quiet } } }],
  );
}

const limitLine = (value, colours, words) => ({
  type: "line",
  xref: "paper",
  x0: 0,
  x1: 1,
  yref: "y",
  y0: value,
  y1: value,
  line: { color: colours.limit, width: 1, dash: "dash" },
  label: { text: words, textposition: "start", font: { size: 9, color: colours.quiet }, yanchor: "bottom" },
});

/**
 * Draw trend panels into `host`.
 *
 * @param options `zoneLimits` mm/s of A/B, B/C, C/D or null; `healthLimit`; `alarmLimit(quantity)` as the API tells it, or null; `onZoom(from, to)`; `onReset()`; `onMoment(ms)`;
 *   `onHover(ms or null)` when the cursor rests on a moment or leaves.
 * @returns `{show(trends, {quantities, channels, alarms, moment, range, found, judges})}`; `trends` is the API's document,
 *   `found` labels, `judges` when which model began to judge.
 */
export function trendPanels(host, options) {
  let shown = null;
  const figures = new Map(); // quantity and unit → {figure, chart, caption, behind}

  function figureOf(quantity, unit) {
    const key = `${quantity} ${unit}`;
    if (figures.has(key)) return figures.get(key);
    const caption = element("figcaption", {});
    const chart = element("div", { class: "chart" });
    const behind = tableBehind(featureWords(quantity), `${quantity}.csv`, () => tableOf(quantity, unit));
    const one = { figure: element("figure", { class: "panel" }, caption, chart, behind), chart, caption };
    figures.set(key, one);
    return one;
  }

  const seriesOf = (quantity) =>
    shown.trends.series.filter((series) => {
      const parts = split(series.feature);
      return parts.quantity === quantity && (parts.channel === null || shown.channels.includes(parts.channel));
    });

  /** The series of a quantity, those of one unit together: amperes and degrees share no axis. */
  function byUnit(quantity) {
    const list = seriesOf(quantity);
    const units = [...new Set(list.map((series) => series.unit))];
    return units.length ? units.map((unit) => [unit, list.filter((series) => series.unit === unit)]) : [[null, list]];
  }

  function tableOf(quantity, unit) {
    const list = byUnit(quantity).find(([own]) => own === unit)?.[1] ?? [];
    const times = [...new Set(list.flatMap((series) => series.t_ms))].sort((a, b) => b - a);
    const places = list.map((series) => new Map(series.t_ms.map((t, at) => [t, at])));
    const label = (series) => [split(series.feature).channel, unitWords(series.unit)].filter(Boolean).join(", ");
    return {
      heads: ["Time", ...list.flatMap((series) => ["mean", "min", "max"].map((part) => [part, label(series)].filter(Boolean).join(" ")))],
      rows: times.map((t) => [time(t), ...list.flatMap((series, at) => ["mean", "min", "max"].map((part) => series[part][places[at].get(t)] ?? ""))]),
    };
  }

  function captionOf(quantity, list) {
    const latest = list.map((series) => ({ channel: split(series.feature).channel, at: series.mean.findLastIndex((value) => value !== null), series })).filter(({ at }) => at >= 0);
    // A bucket is named by its start; what it says is as old as its end.
    const newest = Math.min(Math.max(...latest.map(({ series, at }) => series.t_ms[at])) + 1000 * shown.trends.bucket_s, Date.now());
    return [
      element("strong", {}, featureWords(quantity)),
      latest.map(({ channel, series, at }) => element("span", { class: "latest" }, channel ? element("span", { class: "unit" }, `${channel} `) : null, quantity === "health_index" ? fixed(series.mean[at], 0) : number(series.mean[at]), element("span", { class: "unit" }, ` ${unitWords(series.unit)}`))),
      latest.length ? element("span", { class: "hint" }, age(new Date(newest).toISOString())) : element("span", { class: "hint" }, "no values in this range"),
    ];
  }

  function figureData(quantity, list, colours) {
    const { trends, alarms, channels, moment, range, found, judges } = shown;
    const unit = unitWords(list[0]?.unit);
    const top = Math.max(...list.flatMap((series) => series.max.filter((value) => value !== null)), 0);
    const zones = quantity === "velocity_rms" && options.zoneLimits ? options.zoneLimits : null;
    const below = strip(trends.states, colours, range);
    const shapes = [...below.shapes];
    let yRange = null;
    if (quantity === "health_index") {
      yRange = [0, 104];
      shapes.push(limitLine(options.healthLimit, colours, "alarm limit"));
    } else if (quantity === "score") {
      yRange = [0, Math.max(1.25, 1.08 * top)];
      shapes.push(limitLine(1, colours, "alarm limit"));
    } else if (zones) {
      const told = options.alarmLimit(quantity);
      yRange = [0, Math.max(1.15 * top, 1.15 * zones[0], 1.1 * (told?.limit ?? 0))];
      shapes.push(...zoneShapes(zones, colours, yRange[1]));
      if (told) {
        shapes.push(limitLine(told.limit, colours, ""));
        // Zones are named at the start of the line.
        below.annotations.push({ xref: "paper", x: 0.5, xanchor: "center", yref: "y", y: told.limit, yanchor: "bottom", text: `alarm limit ${plain(split(told.feature).channel ?? "")}`, showarrow: false, font: { size: 9, color: colours.quiet } });
      }
    }
    for (const { from, to, finding } of found) {
      const [start, end] = [Math.max(ms(from), range[0]), Math.min(ms(to), range[1])];
      // What was found at an alarm stands on the alarm; here stand the stretches that people marked.
      if (end > start) shapes.push({ type: "rect", xref: "x", yref: "paper", x0: localTime(start), x1: localTime(end), y0: PLOT, y1: 1, fillcolor: colours.uncertain, opacity: 0.12, line: { width: 0 }, layer: "below", label: { text: plain(`found: ${sentenceCase(finding).toLowerCase()}`), textposition: "top left", font: { size: 9, color: colours.quiet } } });
    }
    for (const { at: since, model } of judges) {
      const at = ms(since);
      if (at <= range[0] || at > range[1]) continue;
      shapes.push({ type: "line", xref: "x", x0: localTime(at), x1: localTime(at), yref: "paper", y0: PLOT, y1: 1, line: { color: colours.accent, width: 1, dash: "dash" } });
      below.annotations.push({ xref: "x", x: localTime(at), yref: "paper", y: 1, yanchor: "top", xanchor: "left", xshift: 3, text: plain(`now judged by ${model}`), showarrow: false, font: { size: 9, color: colours.accent } });
    }
    for (const alarm of alarms) {
      const at = ms(alarm.since);
      if (at >= range[0] && at <= range[1]) shapes.push({ type: "line", xref: "x", x0: localTime(at), x1: localTime(at), yref: "paper", y0: PLOT, y1: 1, line: { color: colours.quiet, width: 1, dash: "dot" } });
    }
    if (moment) shapes.push({ type: "line", xref: "x", x0: localTime(moment), x1: localTime(moment), yref: "paper", y0: PLOT, y1: 1, line: { color: colours.accent, width: 1.5 } });
    return [
      [...list.flatMap((series) => traces(series, Math.max(channels.all.indexOf(split(series.feature).channel), 0), colours, 1000 * trends.bucket_s)), alarmTrace(alarms, colours, range)],
      layout(colours, {
        margin: MARGIN,
        height: HEIGHT,
        hovermode: "x unified",
        dragmode: "zoom",
        shapes,
        annotations: [...below.annotations, ...endLabels(list, channels.all, colours, yRange, top), zoneLabel(range[1], colours)],
        xaxis: axis(colours, "", { type: "date", range: range.map(localTime), anchor: "free", position: 0, showline: false, nticks: timeTicks(), tickangle: 0, title: undefined, hoverformat: "%Y-%m-%d %H:%M" }),
        yaxis: axis(colours, axisTitle(quantity, unit), { domain: [PLOT, 1], fixedrange: true, nticks: 5, range: yRange ?? undefined, rangemode: LEVELS.has(quantity) ? "normal" : "tozero" }),
        yaxis2: { domain: [PLOT, 1], overlaying: "y", range: [0, 1], visible: false, fixedrange: true },
      }),
    ];
  }

  async function draw() {
    if (!shown) return;
    const colours = palette();
    const wanted = shown.quantities.flatMap((quantity) => byUnit(quantity).map(([unit, list]) => [quantity, list, figureOf(quantity, unit)]));
    const current = wanted.map(([, , one]) => one.figure);
    if (current.length !== host.children.length || current.some((figure, at) => host.children[at] !== figure)) put(host, current);
    host.removeAttribute("aria-busy");
    for (const [quantity, list, one] of wanted) {
      put(one.caption, captionOf(quantity, list));
      const [data, look] = figureData(quantity, list, colours);
      await drawChart(one.chart, data, look, `${featureWords(quantity)} over time`, () => bind(one));
    }
  }

  function bind(one) {
    one.chart.on("plotly_relayout", (change) => {
      const from = change["xaxis.range[0]"];
      const to = change["xaxis.range[1]"];
      if (from && to) options.onZoom(fromLocalTime(from), fromLocalTime(to));
    });
    one.chart.on("plotly_doubleclick", () => options.onReset());
    one.chart.on("plotly_click", (event) => {
      const point = event.points.find((candidate) => candidate.x);
      if (point) options.onMoment(fromLocalTime(point.x));
    });
    one.chart.on("plotly_hover", (event) => hover(event.points.find((candidate) => candidate.x)?.x));
    // One cursor through all panels: they share their margins, so a share of the width is the same moment.
    one.chart.addEventListener("pointermove", (event) => {
      const box = one.chart.getBoundingClientRect();
      const share = (event.clientX - box.left - MARGIN.l) / (box.width - MARGIN.l - MARGIN.r);
      host.style.setProperty("--cursor", share >= 0 && share <= 1 ? String(share) : "-1");
    });
    one.chart.addEventListener("pointerleave", () => {
      host.style.setProperty("--cursor", "-1");
      hover(null);
    });
  }

  // A cursor that only passes by asks for nothing.
  let planned = null;
  function hover(x) {
    clearTimeout(planned);
    planned = setTimeout(() => options.onHover?.(x ? fromLocalTime(x) : null), HOVER_MS);
  }

  redrawOn(draw);
  return {
    async show(trends, { quantities, channels, alarms, moment, range, found = [], judges = [] }) {
      shown = { trends, quantities, channels: Object.assign([...channels.shown], { all: channels.all }), alarms, moment, range, found: found.filter((one) => one.alarm === null), judges };
      await draw();
    },
    async moment(at) {
      if (!shown || shown.moment === at) return;
      shown.moment = at;
      await draw();
    },
  };
}

function axisTitle(quantity, unit) {
  const short = { health_index: "Health", score: "Score", velocity_rms: "Velocity", acceleration_rms: "Accel.", acceleration_peak: "Accel.", crest_factor: "Crest" }[quantity] ?? featureWords(quantity).replace(/^Envelope/, "Env.");
  return unit ? `${short}, ${unit}` : short;
}

/** What the lines, marks and the strip mean. */
export function trendLegend(channels, colours, hasLate) {
  return [
    channels.all.map((channel, at) => (channels.shown.includes(channel) ? element("li", {}, swatch(`stroke:${colours.series[at % colours.series.length]}`), channel) : null)),
    element("li", {}, element("span", { class: "swatch band" }), "lowest to highest"),
    hasLate ? element("li", {}, element("span", { class: "swatch late" }), "arrived late") : null,
    ["steady", "moving", "off"].map((kind) => element("li", {}, element("span", { class: `swatch state-${kind}` }), { steady: "running steadily", moving: "starting, changing or unknown", off: "off" }[kind])),
    element("li", {}, sign("high", ""), "alarm began"),
  ];
}

const swatch = (style) => drawn("svg", { class: "swatch-line", viewBox: "0 0 24 8", width: 24, height: 8, "aria-hidden": "true" }, drawn("path", { d: "M0 4h24", style }));
