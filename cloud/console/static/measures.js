// Alarm measures: do the alarms ask more of people than people can do? By ISA-18.2 and EEMUA 191.

import { withheldWords, alarmStateWords } from "./alarmrows.js";
import { get } from "./api.js";
import { age, numberCell } from "./cells.js";
import { axis, drawChart, layout, palette, redrawOn, tableBehind, timeTicks } from "./charts.js";
import { byId, element, pageOf, put } from "./dom.js";
import { filters } from "./filters.js";
import { duration, localTime, ms, number, plural, sentenceCase, time } from "./format.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";

const PERIOD_MS = 600_000;
const FLOOD = 10;

/** By name: words, unit, and what it says. Shares come as parts of one and are shown in per cent. */
const WORDS = {
  per_operator_hour: ["Alarms per operator hour", "", "6 can be looked into; 12 are the most that can be managed"],
  per_10_minutes: ["Alarms per operator in ten minutes, on average", "", "the same, as it is felt"],
  most_in_10_minutes: ["Most alarms in any ten minutes", "", "more than 10 cannot be answered"],
  share_of_periods_above_10: ["Ten-minute periods with more than 10", "%", "how often it is too much"],
  share_of_time_in_flood: ["Time in a flood", "%", "a flood ends when fewer than 5 come in ten minutes"],
  top_ten_share: ["The ten most frequent, of all", "%", "mend these first; needs 200 alarms to mean something"],
  chattering: ["Chattering alarms", "", "three times within a minute: needs a delay or a hysteresis"],
  stale: ["Stale alarms", "", "active for a day: mend, or say why not (shelve, out of service)"],
};

const values = filters(byId("filters"), () => refresh());
let shown = null;
const chart = element("div", { class: "chart" });
put(byId("rate"), element("figure", { class: "panel wide" }, element("figcaption", {}, element("strong", {}, "Alarms in each ten minutes"), element("span", { class: "hint" }, "dashed: more cannot be answered")), chart, tableBehind("Alarms in ten minutes", "alarms-per-10-minutes.csv", table)));

function table() {
  return { heads: ["From", "Alarms"], rows: shown.per_10_minutes.t_ms.map((at, place) => [time(at), shown.per_10_minutes.count[place]]) };
}

const alarmCell = (one) => element("th", { scope: "row", class: "c-what" }, element("a", { href: pageOf("alarms", one.alarm) }, one.machine_name), element("span", { class: "path" }, one.sentence));

function fill(name, rows) {
  byId(name).hidden = !rows.length;
  if (byId(`${name}-none`)) byId(`${name}-none`).hidden = rows.length > 0;
  put(byId(name).tBodies[0], rows);
}

const asShown = (unit, value) => (unit === "%" ? 100 * value : value);

function measureRow({ name, value, acceptable, within }) {
  const [words, unit, note] = WORDS[name] ?? [sentenceCase(name), "", ""];
  const verdict = within === null ? mark("learning", "Too few to say") : within ? mark("normal", "Acceptable") : mark("high", "Too much");
  return element(
    "tr",
    {},
    element("td", {}, verdict),
    element("th", { scope: "row" }, words, unit ? element("span", { class: "unit" }, ` ${unit}`) : null),
    numberCell(number(asShown(unit, value))),
    numberCell(acceptable === 0 ? "none" : `≤ ${number(asShown(unit, acceptable))}`),
    element("td", { class: "hint" }, note),
  );
}

function sentence() {
  const beyond = shown.measures.filter((one) => one.within === false);
  if (!shown.annunciations) return "No alarm was raised in this stretch of time.";
  const raised = `${plural(shown.annunciations, "alarm was", "alarms were")} raised, ${number(shown.measures[0].value)} per operator hour`;
  return beyond.length ? `${raised}; too much by ${plural(beyond.length, "measure")}.` : `${raised}: within what people can do.`;
}

async function draw() {
  if (!shown) return;
  const colours = palette();
  const [from, to] = [ms(shown.from), ms(shown.to)];
  const { t_ms: times, count } = shown.per_10_minutes;
  const bars = { x: times.flatMap((at) => [at, at, null]).map((at) => (at === null ? null : localTime(at + PERIOD_MS / 2))), y: count.flatMap((one) => [0, one, null]), type: "scatter", mode: "lines", line: { color: colours.ink, width: 3 }, hovertemplate: "%{y} alarms<extra></extra>" };
  const most = Math.max(...count, FLOOD);
  const limit = { type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: FLOOD, y1: FLOOD, line: { color: colours.limit, width: 1, dash: "dash" } };
  await drawChart(
    chart,
    [bars],
    layout(colours, {
      margin: { l: 54, r: 12, t: 8, b: 34 },
      height: 170,
      hovermode: "x",
      dragmode: "zoom",
      shapes: [limit],
      xaxis: axis(colours, "", { type: "date", range: [localTime(from), localTime(to)], nticks: timeTicks(), tickangle: 0, title: undefined }),
      yaxis: axis(colours, "Alarms", { range: [0, 1.15 * most], fixedrange: true, nticks: 5 }),
    }),
    `Alarms in each ten minutes from ${time(from)} to ${time(to)}, at most ${Math.max(...count, 0)}`,
  );
}

async function refresh() {
  const { days, operators } = values();
  const to = Date.now();
  shown = await get("/alarms/measures", { from: new Date(to - Number(days) * 86_400_000).toISOString(), to: new Date(to).toISOString(), operators: Math.max(1, Number.parseInt(operators, 10) || 1) });
  put(byId("sentence"), sentence());
  byId("shown").textContent = `${time(ms(shown.from))} to ${time(ms(shown.to))}`;
  fill("measures", shown.measures.map(measureRow));
  fill("top", shown.top.map((one) => element("tr", {}, element("td", {}, mark(one.priority)), alarmCell(one), numberCell(String(one.count), { class: "whole" }), numberCell(number(100 * one.share)))));
  fill("priorities", shown.priorities.map((one) => element("tr", {}, element("td", {}, mark(one.priority)), numberCell(number(100 * one.share)), numberCell(number(100 * one.about), { class: "whole" }))));
  fill("stale", shown.stale.map((one) => element("tr", {}, element("td", {}, mark(one.priority)), alarmCell(one), element("td", {}, age(one.since)))));
  fill("chattering", shown.chattering.map((one) => element("tr", {}, element("td", {}, mark(one.priority)), alarmCell(one), numberCell(String(one.most_in_a_minute), { class: "whole" }))));
  fill("withheld", shown.withheld.map((one) => element("tr", {}, element("td", {}, mark("withheld", sentenceCase(one.priority))), alarmCell(one), element("td", {}, alarmStateWords(one)), element("td", {}, one.withheld ? withheldWords(one.withheld) : null))));
  fill("floods", shown.floods.toReversed().map((one) => element("tr", {}, element("td", {}, time(ms(one.from))), element("td", {}, duration(ms(one.to) - ms(one.from))), numberCell(String(one.count), { class: "whole" }))));
  await draw();
  delete byId("content-of-page").dataset.waiting;
}

redrawOn(draw);
start({ refresh, concerns: (kind) => kind === "alarm" });
