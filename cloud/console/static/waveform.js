// The waveform around an alarm, one channel at a time.

import { axis, drawChart, layout, palette, plain, redrawOn, tableBehind } from "./charts.js";
import { element, put } from "./dom.js";
import { number, unitWords } from "./format.js";

/** Build the view inside `host`; a document is what `/alarms/{id}/evidence` answers. */
export function waveformView(host) {
  let channels = [];
  let chosen = null;
  const select = element("select", { "aria-label": "Channel of the waveform", onchange: () => choose(select.value) });
  const chart = element("div", { class: "chart" });
  const hint = element("span", { class: "hint" });
  const figure = element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, "Waveform"), select, hint), chart, tableBehind("Waveform", "waveform.csv", table));
  put(host, figure);
  figure.hidden = true;

  const current = () => channels.find((one) => one.name === chosen) ?? channels[0];

  function table() {
    const { waveform, unit } = current();
    return { heads: ["Time s", `Amplitude ${unitWords(unit)}`], rows: waveform.values.map((value, at) => [at * waveform.dt_s, value]) };
  }

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
    const trace = { x0: 0, dx: waveform.dt_s, y: waveform.values, type: "scatter", mode: "lines", line: { color: colours.ink, width: 0.8 }, hovertemplate: `%{x:.4f} s: %{y:.3~g} ${plain(unitWords(unit))}<extra>${plain(name)}</extra>` };
    const look = layout(colours, { margin: { l: 58, r: 12, t: 8, b: 40 }, height: 220, hovermode: "x", dragmode: "zoom", xaxis: axis(colours, "Time, s"), yaxis: axis(colours, `Amplitude, ${unitWords(unit)}`, { fixedrange: true, nticks: 6 }) });
    await drawChart(chart, [trace], look, `Waveform of ${name}, ${hint.textContent}`, (own, Plotly) => own.on("plotly_doubleclick", () => Plotly.relayout(own, { "xaxis.autorange": true })));
  }

  redrawOn(draw);
  return {
    async show(document, preferredChannel) {
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
