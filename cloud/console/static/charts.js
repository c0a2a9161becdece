// Every chart of the console: a still picture at first, plotly.js once somebody reaches for one of them.
// plotly.js takes a second to start on a tablet; a page that is only looked at does not wait for it.

import { element, put, save } from "./dom.js";
import { number } from "./format.js";
import { still } from "./still.js";

let loading = null;

/** Load plotly.js once; pages that nobody touches never do. */
function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: new URL("plotly.min.js", import.meta.url).href });
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => {
      loading = null;
      reject(new Error("plotly.min.js could not be loaded"));
    };
    document.head.append(script);
  });
  return loading;
}

const CONFIG = { displayModeBar: false, responsive: true, doubleClick: false, scrollZoom: false };

/** Colours by meaning, read from the style sheet so that charts and tables never disagree. */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"),
    quiet: colour("ink-2"),
    line: colour("line"),
    grid: colour("grid"),
    surface: colour("surface"),
    accent: colour("accent"),
    uncertain: colour("uncertain"),
    limit: colour("limit"),
    series: [1, 2, 3, 4, 5, 6].map((at) => colour(`series-${at}`)),
    urgent: colour("urgent"),
    high: colour("high"),
    medium: colour("medium"),
    low: colour("low"),
    zones: { B: colour("zone-b"), C: colour("zone-c"), D: colour("zone-d") },
    steady: colour("state-steady"),
    moving: colour("state-moving"),
    off: colour("state-off"),
    font: style.getPropertyValue("--font").trim(),
  };
}

/** Text as plotly.js prints it letter by letter: it reads a little HTML, and names come from the network. */
export const plain = (text) => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

export function axis(colours, title, more = {}) {
  return {
    title: { text: plain(title), font: { size: 11, color: colours.quiet }, standoff: 6 },
    tickfont: { size: 11, color: colours.quiet },
    gridcolor: colours.grid,
    linecolor: colours.line,
    showline: true,
    zeroline: false,
    ticks: "outside",
    ticklen: 3,
    tickcolor: colours.line,
    automargin: false,
    ...more,
  };
}

/** So many dates fit beside each other, lying. */
export const timeTicks = () => (innerWidth < 600 ? 4 : 7);

export function layout(colours, more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: colours.font, size: 11, color: colours.ink },
    showlegend: false,
    hoverlabel: { bgcolor: colours.surface, bordercolor: colours.line, font: { color: colours.ink, size: 12, family: colours.font } },
    ...more,
  };
}

const ROWS_SHOWN = 1000;
const DIGITS = 5;
const quoted = (value) => (/[",\n]/.test(String(value)) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));

/** Lines of comma-separated values. */
export const csv = (heads, rows) => [heads, ...rows].map((row) => row.map(quoted).join(",")).join("\r\n") + "\r\n";

/**
 * The table behind a chart, for screen readers and for copying; filled when it is opened.
 *
 * @param data returns `{heads, rows}`: texts, and rows of texts and numbers; the file gets the numbers as they are.
 */
export function tableBehind(name, fileName, data) {
  const box = element("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": `Table of ${name}` });
  const details = element("details", { class: "behind" }, element("summary", {}, "Table", element("span", { class: "unseen" }, ` of ${name}`)), box);
  const fill = () => {
    const { heads, rows } = data();
    put(
      box,
      element("button", { type: "button", onclick: () => save(fileName, csv(heads, rows)) }, "Save as CSV"),
      rows.length > ROWS_SHOWN ? element("p", { class: "hint" }, `The first ${ROWS_SHOWN} of ${rows.length} rows; the CSV file has all.`) : null,
      element(
        "table",
        { class: "list compact" },
        element("caption", { class: "unseen" }, name),
        element("thead", {}, element("tr", {}, heads.map((head) => element("th", { scope: "col", class: "number" }, head)))),
        element("tbody", {}, rows.slice(0, ROWS_SHOWN).map((row) => element("tr", {}, row.map((cell) => element("td", { class: "number" }, typeof cell === "number" ? number(cell, DIGITS) : (cell ?? "")))))),
      ),
    );
  };
  details.addEventListener("toggle", () => (details.open ? fill() : put(box)));
  return details;
}

/** Call `draw` again when the theme changes. */
export function redrawOn(draw) {
  addEventListener("themechange", draw);
}

// ---- still, then alive ----

const charts = new Map(); // chart → {data, look, words, bind, isLive}
let isAwake = false;
let waking = null;

/**
 * Draw a figure of plotly.js into an element: as a still, or alive where somebody has reached for a chart of this page.
 *
 * @param words what the picture shows, for a screen reader; the numbers stand in the table behind it.
 * @param bind called once with the element and plotly.js, when it comes alive.
 */
export async function drawChart(chart, data, look, words, bind = null) {
  const known = charts.get(chart);
  const one = { isLive: known?.isLive ?? false, data, look, words, bind };
  charts.set(chart, one);
  if (!known) {
    for (const reach of ["pointerenter", "touchstart", "focusin"]) chart.addEventListener(reach, () => wake(), { passive: true, once: true });
    widths.observe(chart);
  }
  if (isAwake) await enliven(chart, one);
  else drawStill(chart, one);
}

function drawStill(chart, one) {
  if (chart.clientWidth === 0) return;
  one.width = chart.clientWidth;
  chart.replaceChildren(still(one.data, one.look, chart.clientWidth, one.words));
  chart.dataset.drawn = "still";
}

async function enliven(chart, one) {
  const Plotly = await plotly();
  if (!one.isLive) chart.replaceChildren();
  await Plotly.react(chart, one.data, one.look, CONFIG);
  if (!one.isLive) one.bind?.(chart, Plotly);
  one.isLive = true;
  chart.dataset.drawn = "live";
}

/** Have plotly.js take over all charts of the page; resolves when it has. */
export function wake() {
  waking ??= (async () => {
    try {
      await plotly();
    } catch (reason) {
      waking = null; // the stills stay; the next reach tries again
      console.error(reason);
      return;
    }
    isAwake = true;
    for (const [chart, one] of charts) {
      await enliven(chart, charts.get(chart) ?? one);
      await new Promise((resolve) => setTimeout(resolve)); // a page of charts must not freeze while they come alive
    }
  })();
  return waking;
}

/** Save charts as PNG files, one after the other. */
export async function savePng(named) {
  await wake();
  const Plotly = await plotly();
  for (const [chart, filename] of named) await Plotly.downloadImage(chart, { format: "png", width: 1200, height: 500, filename });
}

// Stills follow their width; plotly.js does that by itself.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const one = charts.get(target);
    if (one && !one.isLive && one.width !== target.clientWidth) drawStill(target, one);
  }
});

// Paper has its own layout; charts are fitted into it before the browser looks, and back afterwards.
addEventListener("beforeprint", () => fit("add"));
addEventListener("afterprint", () => fit("remove"));

function fit(change) {
  document.documentElement.classList[change]("paper");
  for (const [chart, one] of charts) if (!one.isLive) drawStill(chart, one);
  for (const chart of document.querySelectorAll(".js-plotly-plot")) window.Plotly.relayout(chart, { width: chart.clientWidth });
  // Back on the screen the charts follow the window again.
  if (change === "remove") for (const chart of document.querySelectorAll(".js-plotly-plot")) window.Plotly.relayout(chart, { width: null, autosize: true });
}
