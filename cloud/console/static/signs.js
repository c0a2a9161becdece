// Shapes with a meaning: each state has a shape, a digit or stroke inside it, and a word beside it. Never colour alone.

import { drawn, element } from "./dom.js";

export const PRIORITIES = ["urgent", "high", "medium", "low"];

const SIGNS = {
  urgent: { word: "Urgent", path: "M1 1h14v14H1z", digit: "1", digitAt: 12 },
  high: { word: "High", path: "M8 .8 15.6 15H.4z", digit: "2", digitAt: 13.4 },
  medium: { word: "Medium", path: "M8 .4 15.6 8 8 15.6.4 8z", digit: "3", digitAt: 11.8 },
  low: { word: "Low", path: "M8 .8a7.2 7.2 0 1 1 0 14.4A7.2 7.2 0 1 1 8 .8z", digit: "4", digitAt: 11.8 },
  nodata: { word: "No data", path: "M8 1.5a6.5 6.5 0 1 1 0 13A6.5 6.5 0 1 1 8 1.5zM3.4 12.6 12.6 3.4", open: true },
  uncertain: { word: "Uncertain", path: "M8 1.5a6.5 6.5 0 1 1 0 13A6.5 6.5 0 1 1 8 1.5z", open: true, digit: "?", digitAt: 11.8 },
  learning: { word: "Learning", path: "M8 1.5a6.5 6.5 0 1 1-6.5 6.5M8 4.5V8l2.5 2", open: true },
  off: { word: "Off", path: "M3 8h10", open: true },
  withheld: { word: "Withheld", path: "M5.5 3v10M10.5 3v10", open: true },
  normal: { word: "Normal", path: "M3.5 8.5l3 3 6-7", open: true },
  foreign: { word: "Foreign", path: "M2 5h12M11 2l3 3-3 3M14 11H2M5 8l-3 3 3 3", open: true },
  offline: { word: "Offline", path: "M3 3l10 10M13 3 3 13", open: true },
};

/** The shape alone; the word must stand beside it or in `title`. */
export function sign(key, title) {
  const { path, digit, digitAt, open } = SIGNS[key];
  return drawn(
    "svg",
    { class: `sign ${open ? "open" : "filled"} ${key}`, viewBox: "0 0 16 16", width: 16, height: 16, role: title ? "img" : null, "aria-label": title, "aria-hidden": title ? null : "true" },
    drawn("path", { d: path }),
    digit ? drawn("text", { x: 8, y: digitAt, "text-anchor": "middle" }, digit) : null,
  );
}

export const signWord = (key) => SIGNS[key].word;

/** Shape and word together. */
export const mark = (key, word = SIGNS[key].word) => element("span", { class: `mark ${key}` }, sign(key), element("span", {}, word));

/** Open alarms by priority, "■2 ▲1"; nothing where there is none. */
export function counts(open) {
  return PRIORITIES.filter((priority) => open?.[priority] > 0).map((priority) =>
    element("span", { class: "count", title: `${open[priority]} ${priority}` }, sign(priority, SIGNS[priority].word), ` ${open[priority]}`),
  );
}

export const highestPriority = (open) => PRIORITIES.find((priority) => open?.[priority] > 0) ?? null;

export function legend() {
  return Object.keys(SIGNS).map((key) => element("li", {}, mark(key)));
}
