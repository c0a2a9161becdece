// Slow signals: there is no spectrum worth looking at; what came before is the evidence, every channel in its own unit.

import { axis, drawChart, layout, palette, plain, redrawOn, tableBehind, timeTicks } from "./charts.js";
import { element, put } from "./dom.js";
import { duration, localTime, ms, number, time, unitWords, withUnit } from "./format.js";
import { split } from "./trends.js";

const STRIP_HEIGHT = 92;
const MARGIN = { l: 58, r: 12, t: 20, b: 40 };
const GAP = 0.18; // of a strip, between it and the next

/** Whether a machine's features are those of slow signals: levels and slopes instead of vibration. */
export const isSlow = (features) => (features ?? []).some((feature) => split(feature.name).quantity === "slope");

/** Whether a picture is one of slow signals: samples, and not one spectrum. */
export const isSlowPicture = (document) => document.channels.length > 0 && document.channels.every((one) => !one.spectrum?.values?.length);

/** Build the view inside `host`; a document is what `/alarms/{id}/evidence` and `/machines/{id}/spectra/{id}` answer. */
export function slowView(host) {
  let picture = null;
  const hint = element("span", { class: "hint" });
  const chart = element("div", { class: "chart" });
  const name = "What came before";
  const figure = element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, name), hint), chart, tableBehind(name, "before.csv", table));
  put(host, figure);
  figure.hidden = true;

  const timesOf = ({ waveform }) => waveform.values.map((_, at) => ms(picture.end) - 1000 * waveform.dt_s * (waveform.values.length - 1 - at));

  function table() {
    const [first] = picture.channels;
    return {
      heads: ["Time", ...picture.channels.map((one) => [one.name, unitWords(one.unit)].filter(Boolean).join(" "))],
      rows: timesOf(first).map((at, row) => [time(at), ...picture.channels.map((one) => one.waveform.values[row])]),
    };
  }

  const ordered = (preferred) => [...picture.channels].sort((a, b) => Number(b.name === preferred) - Number(a.name === preferred));

  function strips(channels, colours) {
    const traces = [];
    const look = {};
    const annotations = [];
    channels.forEach((one, at) => {
      const end = 1 - at / channels.length;
      const own = at ? `yaxis${at + 1}` : "yaxis";
      const unit = unitWords(one.unit);
      look[own] = axis(colours, unit, { domain: [end - (1 - GAP) / channels.length, end], fixedrange: true, nticks: 4 });
      traces.push({ x: timesOf(one).map(localTime), y: one.waveform.values, yaxis: at ? `y${at + 1}` : "y", type: "scatter", mode: "lines", line: { color: colours.series[picture.channels.indexOf(one) % colours.series.length], width: 1.3 }, name: plain(one.name), hovertemplate: `${plain(one.name)} %{y:.4~g} ${plain(unit)}<extra></extra>` });
      const [low, high] = [Math.min(...one.waveform.values), Math.max(...one.waveform.values)];
      annotations.push({ xref: "paper", x: 0.004, xanchor: "left", yref: "paper", y: end, yanchor: "bottom", yshift: -4, text: plain(`${one.name}  ${number(low)} … ${withUnit(high, one.unit)}`), showarrow: false, font: { size: 10, color: colours.ink } });
    });
    return [traces, { ...look, annotations }];
  }

  let preferred = null;
  async function draw() {
    if (!picture) return;
    const colours = palette();
    const [first] = picture.channels;
    hint.textContent = `the ${duration(1000 * first.waveform.dt_s * first.waveform.values.length)} until ${time(ms(picture.end))}`;
    const channels = ordered(preferred);
    const [traces, look] = strips(channels, colours);
    const xaxis = axis(colours, "", { type: "date", title: undefined, anchor: channels.length > 1 ? `y${channels.length}` : "y", nticks: timeTicks(), tickangle: 0, hoverformat: "%Y-%m-%d %H:%M:%S" });
    await drawChart(chart, traces, layout(colours, { margin: MARGIN, height: MARGIN.t + MARGIN.b + STRIP_HEIGHT * channels.length, hovermode: "x unified", dragmode: "zoom", xaxis, ...look }), `${name}, ${channels.length} channels`);
  }

  redrawOn(draw);
  return {
    async show(document, preferredChannel = null) {
      picture = { ...document, channels: document.channels.filter((one) => one.waveform?.values?.length) };
      preferred = preferredChannel;
      figure.hidden = !picture.channels.length;
      if (picture.channels.length) await draw();
    },
    empty() {
      picture = null;
      figure.hidden = true;
    },
  };
}
