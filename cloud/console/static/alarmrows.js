// How one alarm looks in a list, and the order of a list: most urgent first, then the newest.

import { isOpen, isUnacknowledged, mayDo } from "./answer.js";
import { age, numberCell } from "./cells.js";
import { element, pageOf } from "./dom.js";
import { NONE, ms, sentenceCase, time } from "./format.js";
import { PRIORITIES, mark } from "./signs.js";

const STATES = {
  unacknowledged: "Active, not acknowledged",
  acknowledged: "Active, acknowledged",
  returned_unacknowledged: "Returned, not acknowledged",
  latched: "Returned from danger, to be reset",
  normal: "Returned to normal",
  shelved: "Shelved",
  suppressed: "Suppressed: machine in maintenance",
  out_of_service: "Out of service",
};

/** ISA-18.2 state of an alarm in words. */
export const alarmStateWords = (alarm) => STATES[alarm.state] ?? sentenceCase(alarm.state);

/** Who withholds something, until when and why. */
export const withheldWords = ({ by, until, reason }) => [element("span", { class: "who" }, by), until ? [", until ", time(ms(until))] : null, element("span", { class: "comment" }, reason)];

/** Open before history, unacknowledged before acknowledged within a priority, newest first. */
export function moreUrgentFirst(a, b) {
  return (
    Number(isOpen(b)) - Number(isOpen(a)) ||
    (isOpen(a) ? PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority) : 0) ||
    Number(isUnacknowledged(b)) - Number(isUnacknowledged(a)) ||
    ms(b.since) - ms(a.since)
  );
}

/** Who acknowledged it and when, or the button to do so; or who withholds it. */
export function acknowledgement(alarm, answer) {
  if (alarm.withheld) return withheldWords(alarm.withheld);
  if (isUnacknowledged(alarm) && mayDo("acknowledge", alarm.machine))
    return element("button", { type: "button", "data-key": "acknowledge", title: "Acknowledge (a)", "aria-label": `Acknowledge: ${alarm.sentence}`, onclick: () => answer("acknowledge", alarm.id) }, "Acknowledge");
  if (!alarm.acknowledged) return NONE;
  return [
    element("span", { class: "who" }, alarm.acknowledged.by),
    ", ",
    age(alarm.acknowledged.at),
    alarm.acknowledged.comment ? element("span", { class: "comment" }, alarm.acknowledged.comment) : null,
  ];
}

/** One row; `withMachine` adds the column with its name. */
export function alarmRow(alarm, answer, withMachine) {
  const open = isOpen(alarm);
  return element(
    "tr",
    { "data-id": alarm.id, tabindex: -1, class: `${open ? "" : "quiet-row"} ${isUnacknowledged(alarm) ? "to-acknowledge" : ""}` },
    element("td", { class: "c-state" }, open ? mark(alarm.priority) : alarm.withheld ? mark("withheld", sentenceCase(alarm.priority)) : mark("normal", `Was ${alarm.priority}`)),
    withMachine ? element("td", { class: "c-machine" }, element("a", { href: pageOf("machines", alarm.machine), "data-key": "machine" }, alarm.machine_name)) : null,
    element(
      "th",
      { scope: "row", class: "c-what" },
      element("a", { href: pageOf("alarms", alarm.id), "data-key": "what", "data-open": "" }, alarm.sentence),
      element("span", { class: "path" }, `${alarm.component} · ${alarm.severity}${alarm.late ? " · arrived late" : ""}`),
    ),
    element("td", { class: "c-alarm-state" }, alarmStateWords(alarm)),
    element("td", { class: "c-since", "data-label": "Since" }, age(alarm.since)),
    numberCell(String(alarm.occurrences ?? 1), { class: "c-times whole" }, "Times"),
    element("td", { class: "c-ack" }, acknowledgement(alarm, answer)),
  );
}
