// Cells that many tables share: numbers aligned at the decimal point, ages that go on counting, empty states.

import { element } from "./dom.js";
import { NONE, duration, ms, number, time, unitWords } from "./format.js";

/** A number whose decimal point stands under the others of its column. */
export function aligned(text) {
  const point = text.search(/\.|$/);
  return element("span", { class: "aligned" }, text.slice(0, point), element("span", { class: "decimals" }, text.slice(point)));
}

export const numberCell = (text, attributes = {}, label) =>
  element("td", { ...attributes, class: `number ${attributes.class ?? ""}`, "data-label": label }, typeof text === "string" ? aligned(text) : text);

/** A value with its unit, for facts. */
export const quantity = (value, unit) => [number(value), element("span", { class: "unit" }, ` ${unitWords(unit)}`)];

/** How long ago something was; goes on counting by itself. */
export function age(iso, suffix = " ago") {
  const at = ms(iso);
  if (at === null || Number.isNaN(at)) return element("span", {}, NONE);
  return element("time", { datetime: new Date(at).toISOString(), title: time(at), "data-age": suffix }, duration(Date.now() - at) + suffix);
}

/** Bring every age on the page up to date. */
export function growOlder() {
  for (const node of document.querySelectorAll("time[data-age]")) {
    const words = duration(Date.now() - Date.parse(node.dateTime)) + node.dataset.age;
    if (node.textContent !== words) node.textContent = words;
  }
}

/** One fact of a <dl class="facts">. */
export const fact = (name, value, note) =>
  element("div", {}, element("dt", {}, name), element("dd", {}, value, note ? element("span", { class: "note" }, note) : null));

/** What stands on a page that has nothing to show, and what to do about it. */
export const nothing = (title, ...paragraphs) => [element("h2", {}, title), paragraphs.map((words) => element("p", {}, words))];
