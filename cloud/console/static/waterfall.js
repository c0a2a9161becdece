// Spectra over time as a picture: time upwards, frequency to the right, the higher the more it stands out. A canvas, because
// tens of thousands of cells are nothing for it; frame and ticks are the same as those of every other chart.

import { csv, palette, redrawOn } from "./charts.js";
import { drawn, element, put, save } from "./dom.js";
import { fixed, ms, number, plural, time, unitWords } from "./format.js";
import { numberTicks } from "./ticks.js";

const MARGIN = { l: 128, r: 20, t: 8, b: 40 };
const ROW_PIXELS = { least: 5, most: 26 };
const HEIGHT = 300;
const RANGE_DB = { least: 20, most: 60 }; // below the highest level; a 16-bit sensor has little to say further down
const GROUND = 1.1; // times the median level is white: what is everywhere is ground
const DATE_PIXELS = 16;

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** Read "#rrggbb". */
const parts = (colour) => [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));

/**
 * Build the view inside `host`.
 *
 * @param ask fetches `/machines/{id}/spectra/waterfall` for `{channel, kind}`.
 * @param choose called with the id of the picture that a person points at.
 */
export function waterfallView(host, ask, choose) {
  let picture = null;
  let rows = [];
  let chosen = null;
  const settings = { channel: null, kind: "envelope" };
  const canvas = element("canvas", {});
  const frame = element("div", { class: "chart waterfall", role: "img" }, canvas);
  const readout = element("span", { class: "hint" });
  const channel = element("select", { "aria-label": "Channel of the waterfall", onchange: () => change({ channel: channel.value }) });
  const kind = element("select", { "aria-label": "Kind of spectrum", onchange: () => change({ kind: kind.value }) }, [["envelope", "envelope"], ["spectrum", "spectrum"]].map(([value, words]) => element("option", { value }, words)));
  const list = element("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": "Table of the waterfall" });
  const behind = element("details", { class: "behind" }, element("summary", {}, "Table", element("span", { class: "unseen" }, " of the waterfall")), list);
  const figure = element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, "Waterfall"), channel, kind, readout), frame, behind);
  const blank = element("p", { class: "hint" });
  put(host, figure, blank);
  figure.hidden = true;

  async function change(what) {
    Object.assign(settings, what);
    await load();
  }

  async function load() {
    const answer = await ask(settings);
    picture = answer.rows.length ? answer : null;
    figure.hidden = !picture;
    blank.textContent = picture ? "" : "No periodic spectra are stored of this machine yet.";
    if (!picture) return;
    rows = picture.rows.map((row) => ({ ...row, steps: bytesOf(row.levels) }));
    settings.channel = picture.channel;
    channel.replaceChildren(...picture.channels.map((name) => new Option(name, name)));
    channel.value = picture.channel;
    draw();
  }

  const heightOf = () => Math.min(Math.max(HEIGHT, ROW_PIXELS.least * rows.length + MARGIN.t + MARGIN.b), ROW_PIXELS.most * rows.length + MARGIN.t + MARGIN.b);

  /** How many decibels from black to white: down to a little below what most cells have. */
  function rangeDb() {
    const all = rows.flatMap((row) => Array.from(row.steps)).sort((a, b) => a - b);
    const median = GROUND * picture.step_db * all[Math.floor(all.length / 2)];
    return Math.min(Math.max(median, RANGE_DB.least), RANGE_DB.most);
  }

  function draw() {
    if (!picture || !frame.clientWidth) return;
    const colours = palette();
    const width = frame.clientWidth;
    const height = heightOf();
    const inner = { width: width - MARGIN.l - MARGIN.r, height: height - MARGIN.t - MARGIN.b };
    const range = Math.round(rangeDb());
    paint(colours, range);
    Object.assign(canvas.style, { left: `${MARGIN.l}px`, top: `${MARGIN.t}px`, width: `${inner.width}px`, height: `${inner.height}px` });
    frame.querySelector("svg")?.remove();
    const limit = picture.step_hz * rows[0].steps.length;
    const line = inner.height / rows.length;
    const every = Math.max(1, Math.ceil(DATE_PIXELS / line));
    const text = { fill: colours.quiet, "font-size": 11 };
    const place = (at) => MARGIN.t + inner.height - (at + 0.5) * line;
    const marked = rows.findIndex((row) => row.id === chosen);
    frame.append(
      drawn(
        "svg",
        { class: "still", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" },
        numberTicks(0, limit, 7).map(([value, words]) => {
          const x = MARGIN.l + (value / limit) * inner.width;
          return [drawn("line", { x1: x, x2: x, y1: height - MARGIN.b, y2: height - MARGIN.b + 3, stroke: colours.line }), drawn("text", { x, y: height - MARGIN.b + 15, "text-anchor": "middle", ...text }, words)];
        }),
        drawn("text", { x: MARGIN.l + inner.width / 2, y: height - 6, "text-anchor": "middle", ...text }, "Frequency, Hz"),
        rows.map((row, at) => (at % every ? null : drawn("text", { x: MARGIN.l - 6, y: place(at) + 4, "text-anchor": "end", ...text }, time(ms(row.end)).slice(0, 16)))),
        drawn("rect", { x: MARGIN.l, y: MARGIN.t, width: inner.width, height: inner.height, fill: "none", stroke: colours.line }),
        marked < 0 ? null : drawn("rect", { x: MARGIN.l, y: place(marked) - line / 2, width: inner.width, height: line, fill: "none", stroke: colours.accent, "stroke-width": 1.5 }),
      ),
    );
    frame.style.height = `${height}px`;
    frame.setAttribute("aria-label", `${settings.kind === "envelope" ? "Envelope spectra" : "Spectra"} of ${picture.channel} over time: ${plural(rows.length, "picture")} from ${time(ms(rows[0].end))} to ${time(ms(rows.at(-1).end))}`);
    readout.textContent = `${plural(rows.length, "picture")}, the more it stands out the higher, over ${number(range)} dB; click a row to open it`;
    fillTable();
  }

  /** One cell is one pixel of the canvas; the style sheet stretches it without smoothing. */
  function paint(colours, range) {
    const bins = rows[0].steps.length;
    canvas.width = bins;
    canvas.height = rows.length;
    const [from, to] = [parts(colours.surface), parts(colours.ink)];
    const image = new ImageData(bins, rows.length);
    rows.forEach(({ steps }, row) => {
      const start = 4 * bins * (rows.length - 1 - row); // time goes upwards
      steps.forEach((step, bin) => {
        const share = Math.max(0, 1 - (step * picture.step_db) / range);
        for (let part = 0; part < 3; part++) image.data[start + 4 * bin + part] = from[part] + share * (to[part] - from[part]);
        image.data[start + 4 * bin + 3] = 255;
      });
    });
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  const amplitude = (step) => (step === 255 ? 0 : picture.reference * 10 ** ((-step * picture.step_db) / 20));

  /** The table: of every picture its highest level and where it is; the file has all cells. */
  function fillTable() {
    const unit = settings.kind === "envelope" ? "× background" : unitWords(picture.unit);
    const highest = rows.map((row) => row.steps.reduce((best, step, at) => (step < row.steps[best] ? at : best), 0));
    put(
      list,
      element("button", { type: "button", onclick: () => save("waterfall.csv", csv(["time", ...Array.from(rows[0].steps, (_, at) => (at * picture.step_hz).toFixed(2))], rows.map((row) => [row.end, ...Array.from(row.steps, amplitude)]))) }, "Save as CSV"),
      element(
        "table",
        { class: "list compact" },
        element("caption", { class: "unseen" }, "Highest level of each picture"),
        element("thead", {}, element("tr", {}, ["Time", `Highest ${unit}`, "at Hz", "Speed rpm"].map((head) => element("th", { scope: "col", class: "number" }, head)))),
        element("tbody", {}, rows.map((row, at) => element("tr", {}, [time(ms(row.end)), number(amplitude(row.steps[highest[at]])), fixed(highest[at] * picture.step_hz, 0), number(row.speed_rpm, 4)].map((cell) => element("td", { class: "number" }, cell)))).toReversed()),
      ),
    );
  }

  function under(event) {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    if (!picture || x < 0 || x >= 1 || y < 0 || y >= 1) return null;
    const row = rows[Math.floor(y * rows.length)];
    const bin = Math.floor(x * row.steps.length);
    return { row, hz: bin * picture.step_hz, amplitude: amplitude(row.steps[bin]) };
  }

  canvas.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (found) readout.textContent = `${time(ms(found.row.end))}: ${number(found.amplitude)} ${settings.kind === "envelope" ? "× background" : unitWords(picture.unit)} near ${number(found.hz, 4)} Hz`;
  });
  canvas.addEventListener("click", (event) => {
    const found = under(event);
    if (found) choose(found.row.id);
  });
  new ResizeObserver(draw).observe(frame);
  redrawOn(draw);
  return {
    load,
    mark(id) {
      if (id === chosen) return;
      chosen = id;
      draw();
    },
  };
}
