// What people do with an alarm or a machine: one small dialog for all of it. The name is remembered on this device.

import { ApiError, post } from "./api.js";
import { byId, element, put } from "./dom.js";
import { sentenceCase } from "./format.js";

const NAME = "plantpulse-name";
const UNTIL = { 60: "1 hour", 240: "4 hours", 480: "8 hours", 1440: "1 day", 4320: "3 days", 10080: "7 days" };
const FIRST_UNTIL = 480; // a shift

/** By the last part of their address: words, what is asked beside the name, and in which states an alarm allows it. */
const ACTIONS = {
  acknowledge: { words: "Acknowledge", key: "a", note: "comment", states: ["unacknowledged", "returned_unacknowledged"] },
  reset: { words: "Reset", note: "comment", states: ["latched"] },
  shelve: { words: "Shelve", key: "s", note: "reason", until: true, states: ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched"] },
  unshelve: { words: "Take from the shelf", states: ["shelved"] },
  "take-out-of-service": { words: "Take out of service", note: "reason", states: ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched", "normal", "shelved"] },
  "put-in-service": { words: "Put in service", states: ["out_of_service"] },
  outcome: { words: "Say what was found", key: "o", note: "comment", finding: true, states: null },
  maintain: { words: "In maintenance", note: "reason", until: true, states: [] },
  "end-maintenance": { words: "End maintenance", states: [] },
};
const NOTES = { comment: "Comment (may stay empty)", reason: "Reason, for whoever comes next" };
const FINDINGS = ["nothing", "inner_race", "outer_race", "ball", "cage", "imbalance", "misalignment", "looseness", "gear", "lubrication", "electrical", "process", "sensor_fault", "other"];
const OPEN = ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched"];

/** Whether people still have to acknowledge it. */
export const isUnacknowledged = (alarm) => ACTIONS.acknowledge.states.includes(alarm.state);

/** Whether it still asks for attention. */
export const isOpen = (alarm) => OPEN.includes(alarm.state);

export const allows = (alarm, action) => ACTIONS[action].states?.includes(alarm.state) ?? true;

/** A button for each thing that the state of an alarm allows; the first is the main one. */
export const buttons = (alarm, act) =>
  Object.keys(ACTIONS)
    .filter((action) => ACTIONS[action].states?.includes(alarm.state))
    .map((action, at) => button(action, act, at === 0 && isOpen(alarm)));

export function button(action, act, isMain = false) {
  const { words, key } = ACTIONS[action];
  return element("button", { type: "button", class: isMain ? "main" : "", onclick: () => act(action) }, words, key ? [" ", element("kbd", {}, key)] : null);
}

function remembered() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // then it is typed again next time
  }
}

/** Ask for a name and what else is needed, and do it; resolves to the changed document, or to null where nothing was. */
export function answer(action, path, subject, found = "other") {
  const { words, note, until, finding } = ACTIONS[action];
  const dialog = byId("answer");
  const [form, by, text, minutes, failure] = ["form", "by", "note", "until", "failure"].map((part) => byId(`answer-${part}`));
  const before = document.activeElement;
  put(byId("answer-title"), words);
  put(byId("answer-what"), subject);
  put(byId("answer-do"), words);
  put(byId("answer-note-words"), NOTES[note] ?? "");
  byId("answer-note-label").hidden = !note;
  byId("answer-until-label").hidden = !until;
  put(minutes, Object.entries(UNTIL).map(([value, name]) => element("option", { value, selected: Number(value) === FIRST_UNTIL ? "" : null }, name)));
  byId("answer-finding-label").hidden = byId("answer-part-label").hidden = !finding;
  put(byId("answer-finding"), FINDINGS.map((value) => element("option", { value, selected: value === found ? "" : null }, sentenceCase(value))));
  byId("answer-part").value = "";
  text.required = note === "reason";
  by.value = remembered();
  text.value = "";
  failure.hidden = true;
  dialog.showModal();
  (by.value && note ? text : by).focus();

  return new Promise((resolve) => {
    const listening = new AbortController();
    const finish = (changed) => {
      listening.abort();
      if (dialog.open) dialog.close();
      before?.focus?.({ preventScroll: true });
      resolve(changed);
    };
    const options = { signal: listening.signal };
    dialog.addEventListener("close", () => finish(null), options);
    byId("answer-cancel").addEventListener("click", () => finish(null), options);
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        const missing = [by, text].find((field) => field.required && !field.value.trim());
        if (missing) {
          missing.focus();
          return;
        }
        const body = { by: by.value.trim() };
        if (note) body[note] = text.value.trim();
        if (until) body.minutes = Number(minutes.value);
        if (finding) Object.assign(body, { finding: byId("answer-finding").value, part: byId("answer-part").value.trim() });
        try {
          const changed = await post(`${path}/${action}`, body);
          remember(body.by);
          finish(changed ?? {});
        } catch (reason) {
          if (!(reason instanceof ApiError)) throw reason;
          failure.textContent = `Not done: ${reason.detail ?? reason.message}`;
          failure.hidden = false;
        }
      },
      options,
    );
  });
}

const pathOf = (alarm) => `/alarms/${encodeURIComponent(alarm.id)}`;

/** What would be found if the alarm named it rightly, or null where it names nothing. */
export function toldFinding({ label }) {
  if (label === "process_changed") return "process";
  return FINDINGS.includes(label) ? label : null;
}

/** The same for an alarm. */
export const answerAlarm = (action, alarm, found = toldFinding(alarm) ?? "other") =>
  answer(action, pathOf(alarm), `${alarm.machine_name}: ${alarm.sentence}`, found);

/** Say what was found in one tap where the name is known on this device; otherwise it is asked for. */
export function tapOutcome(alarm, found) {
  const by = remembered();
  return by ? post(`${pathOf(alarm)}/outcome`, { by, finding: found }) : answerAlarm("outcome", alarm, found);
}
