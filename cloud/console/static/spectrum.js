// The analyst's view of one moment: spectrum and envelope with fault lines, cursor, baseline and peak table.
// Used on the machine page and on the page of the spectrum for periodic pictures, on the alarm page for evidence.

import { axis, csv, drawChart, layout, palette, plain, redrawOn, savePng, tableBehind } from "./charts.js";
import { numberCell } from "./cells.js";
import { element, put, save } from "./dom.js";
import { NONE, fixed, number, unitWords } from "./format.js";
import { SLIP_SHARE, findPeaks, isOfShaft, lineNear, slipOf } from "./lines.js";

const MARGIN = { l: 58, r: 12, t: 10, b: 40 };
const HARMONICS = 10;
const LABEL_SHARE = 0.022; // of the axis: the width of a name set upright
const PEAKS = 10;
const SHAFT_HARMONICS = 5;
const FREQUENCY = { hz: "Hz", orders: "orders", cpm: "CPM" };

/** Factor from Hz to the unit on the axis, or null where the speed is not known. */
function factorOf(unit, speedRpm) {
  if (unit === "hz") return 1;
  if (unit === "cpm") return 60;
  return speedRpm ? 60 / speedRpm : null;
}

const percent = (share) => `${fixed(100 * share, 1)} %`;

const choice = (label, name, options, changed) =>
  element("label", {}, `${label} `, element("select", { name, onchange: changed }, options.map(([value, words]) => element("option", { value }, words))));

/**
 * Build the view inside `host`.
 *
 * @param options.initial settings to begin with: `channel, unit, scale, cursor, cursorHz, isCompared`.
 * @param options.changed called with the settings whenever a person changes one.
 * @param options.baseline fetches what the machine was like at first, or null; without it none is offered.
 * @returns `{show(document), empty(...children)}`; a document is what `/machines/{id}/spectra/{evidence}` answers.
 */
export function spectrumView(host, { initial = {}, changed: told = () => {}, baseline = null } = {}) {
  let picture = null;
  let before = null; // the baseline, once it was asked for
  let cursorHz = initial.cursorHz ?? null;
  const settings = { channel: initial.channel ?? null, unit: initial.unit ?? "hz", scale: initial.scale ?? "linear", cursor: initial.cursor ?? "harmonics", isCompared: initial.isCompared ?? false };

  const channel = choice("Channel", "channel", [], changed);
  const unit = choice("Axis", "unit", Object.entries(FREQUENCY), changed);
  const scale = choice("Amplitude", "scale", [["linear", "linear"], ["log", "logarithmic"]], changed);
  const cursor = choice("Cursor", "cursor", [["harmonics", "harmonics"], ["sidebands", "sidebands of the shaft"], ["single", "single"]], changed);
  const cursorAt = element("input", { type: "number", min: 0, step: "any", name: "cursor-at", "aria-label": "Cursor position", onchange: typed });
  const cursorUnit = element("span", { class: "unit" });
  const compared = element("input", { type: "checkbox", name: "compared", checked: settings.isCompared, onchange: changed });
  for (const [field, value] of [[unit, settings.unit], [scale, settings.scale], [cursor, settings.cursor]]) field.lastElementChild.value = value;
  const controls = element(
    "div",
    { class: "controls" },
    channel,
    unit,
    scale,
    cursor,
    element("label", {}, "at ", cursorAt, " ", cursorUnit),
    element("button", { type: "button", onclick: () => setCursor(null) }, "No cursor"),
    baseline ? element("label", {}, compared, " baseline") : null,
    element("button", { type: "button", onclick: exportCsv }, "CSV"),
    element("button", { type: "button", onclick: exportPng }, "PNG"),
  );
  const facts = element("p", { class: "hint" });
  const charts = { envelope: chartOf("envelope"), spectrum: chartOf("spectrum") };
  const peaks = element("div", { class: "columns peaks" });
  const view = element("div", { class: "spectrum-view" }, controls, facts, element("div", { class: "pair" }, charts.spectrum.figure, charts.envelope.figure), peaks);
  const blank = element("div", { class: "empty" });
  put(host, blank, view);
  view.hidden = blank.hidden = true;

  function chartOf(kind) {
    const name = kind === "envelope" ? "Envelope spectrum" : "Spectrum";
    const chart = element("div", { class: "chart" });
    const figure = element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, name), element("span", { class: "hint" })), chart, tableBehind(name, `${kind}.csv`, () => tableOf(kind)));
    return { figure, chart, kind };
  }

  const current = () => picture.channels.find((one) => one.name === settings.channel) ?? picture.channels[0];
  const factor = () => factorOf(settings.unit, picture.speed_rpm) ?? 1;
  const amplitudeWords = (kind) => (kind === "envelope" ? "times its background" : unitWords(current().unit));

  function changed() {
    settings.channel = channel.lastElementChild.value;
    settings.unit = unit.lastElementChild.value;
    settings.scale = scale.lastElementChild.value;
    settings.cursor = cursor.lastElementChild.value;
    settings.isCompared = compared.checked;
    told({ ...settings, cursorHz });
    draw();
  }

  function typed() {
    const value = Number.parseFloat(cursorAt.value);
    setCursor(Number.isFinite(value) && value > 0 ? value / factor() : null);
  }

  function setCursor(hz) {
    cursorHz = hz;
    told({ ...settings, cursorHz });
    draw();
  }

  function tableOf(kind) {
    const { step_hz: step, values } = current()[kind];
    return { heads: [`Frequency ${FREQUENCY[settings.unit]}`, `Amplitude ${amplitudeWords(kind)}`], rows: values.map((value, at) => [at * step * factor(), value]) };
  }

  function exportCsv() {
    const rows = ["spectrum", "envelope"].flatMap((kind) => current()[kind].values.map((value, at) => [kind, at * current()[kind].step_hz, value]));
    save(`${fileName()}.csv`, csv(["kind", "frequency_hz", `amplitude (spectrum: ${current().unit} RMS; envelope: ratio to background)`], rows));
  }

  async function exportPng() {
    await savePng(Object.values(charts).map((one) => [one.chart, `${fileName()}-${one.kind}`]));
  }

  const fileName = () => `${current().name}-${picture.end}`.replaceAll(/[^\w.-]+/g, "_");

  function markers(kind, colours) {
    const by = factor();
    const limit = current()[kind].step_hz * (current()[kind].values.length - 1);
    const shapes = [];
    const annotations = [];
    const named = [];
    const line = (hz, look, words, colour) => {
      if (hz <= 0 || hz > limit) return;
      shapes.push({ type: "line", xref: "x", yref: "paper", x0: hz * by, x1: hz * by, y0: 0, y1: 1, line: look, layer: "below" });
      // Two names on top of each other say nothing; the cursor and what matched come first, the rest stands in the table.
      if (!words || named.some((at) => Math.abs(at - hz) < LABEL_SHARE * limit)) return;
      named.push(hz);
      annotations.push({ xref: "x", yref: "paper", x: hz * by, y: 1, yanchor: "top", xanchor: "right", textangle: -90, text: plain(words), showarrow: false, font: { size: 9, color: colour } });
    };
    if (cursorHz) {
      for (const [hz, words] of cursorLines()) line(hz, { color: colours.ink, width: 1, dash: "dash" }, words, colours.ink);
    }
    if (kind === "spectrum" && picture.speed_rpm) {
      // In the plain spectrum the shaft's own harmonics are what a reader looks for.
      for (let order = 1; order <= SHAFT_HARMONICS; order++) line((order * picture.speed_rpm) / 60, { color: colours.quiet, width: 1, dash: "dot" }, null, colours.quiet);
    }
    // Orders of the shaft were looked for in the spectrum itself, bearing lines in the envelope.
    const own = picture.fault_lines.filter((one) => isOfShaft(one.line) === (kind === "spectrum"));
    for (const one of own.sort((a, b) => Number(b.matched) - Number(a.matched))) {
      const slip = isOfShaft(one.line) ? 0 : slipOf(one.line);
      if (slip && one.expected_hz <= limit)
        shapes.push({ type: "rect", xref: "x", yref: "paper", x0: one.expected_hz * (1 - slip) * by, x1: one.expected_hz * (1 + slip) * by, y0: 0, y1: 1, fillcolor: one.matched ? colours.accent : colours.quiet, opacity: one.matched ? 0.22 : 0.12, line: { width: 0 }, layer: "below" });
      line(one.matched ? (one.found_hz ?? one.expected_hz) : one.expected_hz, { color: one.matched ? colours.accent : colours.quiet, width: one.matched ? 1.5 : 1, dash: one.matched ? "solid" : "dot" }, one.matched ? `${one.line} found` : one.line, one.matched ? colours.accent : colours.quiet);
    }
    return { shapes, annotations };
  }

  function cursorLines() {
    if (settings.cursor === "single" || (settings.cursor === "sidebands" && !picture.speed_rpm)) return [[cursorHz, "cursor"]];
    if (settings.cursor === "harmonics") return Array.from({ length: HARMONICS }, (_, at) => [(at + 1) * cursorHz, `${at + 1}×`]);
    const shaft = picture.speed_rpm / 60;
    return [-3, -2, -1, 0, 1, 2, 3].map((side) => [cursorHz + side * shaft, side === 0 ? "cursor" : `${side > 0 ? "+" : "−"}${Math.abs(side)}× shaft`]);
  }

  /** How far the first view reaches: where orders of the shaft are the evidence, they must not stick to the left edge. */
  function firstViewHz(kind) {
    const orders = picture.fault_lines.filter((one) => isOfShaft(one.line));
    return kind === "spectrum" && orders.length ? 2 * Math.max(...orders.map((one) => one.expected_hz)) : Infinity;
  }

  async function drawOne(one, colours) {
    const { step_hz: step, values } = current()[one.kind];
    const by = factor();
    const isLog = settings.scale === "log";
    const x = values.map((_, at) => at * step * by);
    const highest = Math.max(...values.slice(1), 0);
    const marks = markers(one.kind, colours);
    const trace = { x, y: values, type: "scatter", mode: "lines", line: { color: colours.ink, width: 1 }, hovertemplate: `%{x:.5~g} ${FREQUENCY[settings.unit]}: %{y:.3~g} ${plain(amplitudeWords(one.kind))}<extra></extra>` };
    const amplitude = one.kind === "envelope" ? "Envelope, × background" : `Amplitude RMS, ${unitWords(current().unit)}`;
    const look = layout(colours, {
      margin: MARGIN,
      height: 300,
      hovermode: "x",
      dragmode: "zoom",
      uirevision: `${settings.unit}`,
      shapes: marks.shapes,
      annotations: marks.annotations,
      xaxis: axis(colours, `Frequency, ${FREQUENCY[settings.unit]}`, { range: [0, Math.min(x.at(-1), firstViewHz(one.kind) * by)] }),
      yaxis: axis(colours, amplitude, isLog ? { type: "log", fixedrange: true, exponentformat: "power", dtick: 1 } : { fixedrange: true, range: [0, 1.08 * highest || 1], nticks: 6 }),
    });
    await drawChart(one.chart, [baselineTrace(one.kind, by, colours), trace].filter(Boolean), look, `${one.kind === "envelope" ? "Envelope spectrum" : "Spectrum"} of ${current().name}`, (own, Plotly) => {
      own.on("plotly_click", (event) => setCursor(event.points[0].x / factor()));
      own.on("plotly_doubleclick", () => Plotly.relayout(own, { "xaxis.range": [0, current()[one.kind].step_hz * current()[one.kind].values.length * factor()] }));
    });
  }

  const baselineOf = (kind) => (settings.isCompared ? (before?.channels.find((one) => one.name === current().name)?.[kind] ?? null) : null);

  /** What it was like at first, behind what it is like now. */
  function baselineTrace(kind, by, colours) {
    const bins = baselineOf(kind);
    return bins && { x: bins.values.map((_, at) => at * bins.step_hz * by), y: bins.values, type: "scatter", mode: "lines", line: { color: colours.series[1], width: 1 }, hovertemplate: "%{y:.3~g} baseline<extra></extra>" };
  }

  function peakTable(kind) {
    const { step_hz: step, values } = current()[kind];
    const rows = findPeaks(values, step, PEAKS).map((peak) => {
      const order = picture.speed_rpm ? (peak.hz * 60) / picture.speed_rpm : null;
      const bins = baselineOf(kind);
      const place = bins ? Math.round(peak.hz / bins.step_hz) : 0;
      const usual = bins ? Math.max(...bins.values.slice(Math.max(place - 1, 0), place + 2)) : null; // a peak lies between bins
      return element(
        "tr",
        {},
        numberCell(number(peak.hz, 4)),
        numberCell(number(order, 4)),
        numberCell(number(peak.hz * 60, 4)),
        numberCell(number(peak.amplitude)),
        bins ? numberCell(usual > 0 ? number(peak.amplitude / usual) : NONE) : null,
        element("td", {}, lineNear(peak.hz, step, picture.fault_lines, picture.speed_rpm) ?? NONE),
      );
    });
    const heads = [["Hz", 1], ["Orders", 1], ["CPM", 1], [kind === "envelope" ? "× background" : unitWords(current().unit), 1], ...(baselineOf(kind) ? [["× baseline", 1]] : []), ["Near", 0]];
    return element(
      "table",
      { class: "list compact" },
      element("caption", {}, kind === "envelope" ? "Highest peaks of the envelope" : "Highest peaks of the spectrum"),
      element("thead", {}, element("tr", {}, heads.map(([head, isNumber]) => element("th", { scope: "col", class: isNumber ? "number" : null }, head)))),
      element("tbody", {}, rows),
    );
  }

  async function draw() {
    if (!picture) return;
    if (settings.isCompared && baseline) before ??= await baseline();
    const colours = palette();
    unit.lastElementChild.options[1].disabled = !picture.speed_rpm;
    if (!picture.speed_rpm && settings.unit === "orders") settings.unit = unit.lastElementChild.value = "hz";
    cursorUnit.textContent = FREQUENCY[settings.unit];
    cursorAt.value = cursorHz ? Number((cursorHz * factor()).toPrecision(5)) : "";
    put(facts, [picture.speed_rpm ? `Speed ${number(picture.speed_rpm, 4)} rpm (${number(picture.speed_rpm / 60)} Hz).` : "The speed is not known, so orders are not offered.", ` Shaded: slip band of each fault line (outer race ± ${percent(SLIP_SHARE.outer)}, inner race ± ${percent(SLIP_SHARE.inner)}, others ± ${percent(SLIP_SHARE.other)}). Click into a chart to set the cursor, drag to zoom, double-click for all.`].join(""));
    const ofShaft = picture.fault_lines.some((one) => isOfShaft(one.line));
    const ofBearing = picture.fault_lines.some((one) => !isOfShaft(one.line));
    charts.envelope.figure.querySelector(".hint").textContent = ofBearing ? "squared envelope; solid lines were found, dotted ones were not" : "squared envelope; no bearing line was looked for";
    const against = settings.isCompared && before ? `; brown: baseline, ${before.words}` : settings.isCompared ? "; no baseline is stored" : "";
    charts.envelope.figure.querySelector(".hint").textContent += against;
    charts.spectrum.figure.querySelector(".hint").textContent = (ofShaft ? "solid lines were found, dotted: harmonics of the shaft" : picture.speed_rpm ? "dotted: harmonics of the shaft" : "") + against;
    for (const one of Object.values(charts)) await drawOne(one, colours);
    put(peaks, peakTable("spectrum"), peakTable("envelope"));
  }

  redrawOn(draw);
  return {
    async show(document, preferredChannel = null) {
      const isFirst = picture === null;
      picture = { ...document, fault_lines: document.fault_lines ?? [] };
      const names = picture.channels.map((one) => one.name);
      if (isFirst && names.includes(preferredChannel)) settings.channel = preferredChannel;
      if (!names.includes(settings.channel)) settings.channel = names[0];
      channel.lastElementChild.replaceChildren(...names.map((name) => new Option(name, name)));
      channel.lastElementChild.value = settings.channel;
      blank.hidden = true;
      view.hidden = false;
      await draw();
    },
    empty(...children) {
      picture = null;
      put(blank, ...children);
      blank.hidden = !children.length;
      view.hidden = true;
    },
  };
}
