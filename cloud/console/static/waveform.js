// A waveform, one channel at a time; where the moment of the alarm is known, time counts from there.

import { axis, drawChart, layout, palette, plain, redrawOn, tableBehind } from "./charts.js";
import { element, put } from "./dom.js";
import { ms, number, unitWords } from "./format.js";

/** Build the view inside `host`; a document is what `/alarms/{id}/evidence` answers. */
export function waveformView(host, title = "Waveform") {
  let channels = [];
  let chosen = null;
  let endMs = null;
  let alarmMs = null;
  const select = element("select", { "aria-label": `Channel of: ${title}`, onchange: () => choose(select.value) });
  const chart = element("div", { class: "chart" });
  const hint = element("span", { class: "hint" });
  const figure = element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, title), select, hint), chart, tableBehind(title, "waveform.csv", table));
  put(host, figure);
  figure.hidden = true;

  const current = () => channels.find((one) => one.name === chosen) ?? channels[0];

  function table() {
    const { waveform, unit } = current();
    return { heads: ["Time s", `Amplitude ${unitWords(unit)}`], rows: waveform.values.map((value, at) => [beginS(waveform) + at * waveform.dt_s, value]) };
  }

  /** Where the first sample lies: 0, or seconds before the alarm. */
  const beginS = (waveform) => (alarmMs === null ? 0 : (endMs - alarmMs) / 1000 - waveform.values.length * waveform.dt_s);

  function choose(name) {
    chosen = name;
    draw();
  }

  async function draw() {
    if (!channels.length) return;
    const colours = palette();
    const { name, unit, waveform } = current();
    const peak = waveform.values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    hint.textContent = `${number(waveform.values.length * waveform.dt_s)} s, peak ${number(peak)} ${unitWords(unit)}`;
    const trace = { x0: beginS(waveform), dx: waveform.dt_s, y: waveform.values, type: "scatter", mode: "lines", line: { color: colours.ink, width: 0.8 }, hovertemplate: `%{x:.4f} s: %{y:.3~g} ${plain(unitWords(unit))}<extra>${plain(name)}</extra>` };
    const look = layout(colours, { margin: { l: 58, r: 12, t: 8, b: 40 }, height: 220, hovermode: "x", dragmode: "zoom", shapes: alarmMs === null ? [] : [{ type: "line", xref: "x", yref: "paper", x0: 0, x1: 0, y0: 0, y1: 1, line: { color: colours.accent, width: 1.5 } }], annotations: alarmMs === null ? [] : [{ xref: "x", yref: "paper", x: 0, y: 1, xanchor: "left", yanchor: "top", xshift: 4, text: "alarm", showarrow: false, font: { size: 10, color: colours.accent } }], xaxis: axis(colours, alarmMs === null ? "Time, s" : "Time from the alarm, s"), yaxis: axis(colours, `Amplitude, ${unitWords(unit)}`, { fixedrange: true, nticks: 6 }) });
    await drawChart(chart, [trace], look, `${title}, ${name}, ${hint.textContent}`, (own, Plotly) => own.on("plotly_doubleclick", () => Plotly.relayout(own, { "xaxis.autorange": true })));
  }

  redrawOn(draw);
  return {
    async show(document, preferredChannel, markedMs = null) {
      endMs = ms(document.end);
      alarmMs = markedMs;
      channels = document.channels.filter((one) => one.waveform?.values?.length);
      figure.hidden = !channels.length;
      if (!channels.length) return;
      chosen ??= channels.some((one) => one.name === preferredChannel) ? preferredChannel : channels[0].name;
      select.replaceChildren(...channels.map((one) => new Option(one.name, one.name)));
      select.value = chosen;
      await draw();
    },
    empty() {
      channels = [];
      figure.hidden = true;
    },
  };
}
