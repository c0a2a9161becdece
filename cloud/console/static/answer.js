// What people do with an alarm or a machine: one small dialog for all of it. Who does it, the session knows.

import { ApiError, post } from "./api.js";
import { byId, element, put } from "./dom.js";
import { fromLocalTime, localTime, sentenceCase } from "./format.js";
import { may } from "./session.js";

const UNTIL = { 60: "1 hour", 240: "4 hours", 480: "8 hours", 1440: "1 day", 4320: "3 days", 10080: "7 days" };
const FIRST_UNTIL = 480; // a shift

/** By the last part of their address: what it needs, words, what is asked, and in which states an alarm allows it. */
const ACTIONS = {
  acknowledge: { needs: "answer_alarms", words: "Acknowledge", key: "a", note: "comment", states: ["unacknowledged", "returned_unacknowledged"] },
  reset: { needs: "answer_alarms", words: "Reset", note: "comment", states: ["latched"] },
  shelve: { needs: "answer_alarms", words: "Shelve", key: "s", note: "reason", until: true, states: ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched"] },
  unshelve: { needs: "answer_alarms", words: "Take from the shelf", states: ["shelved"] },
  "take-out-of-service": { needs: "service_alarms", words: "Take out of service", note: "reason", states: ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched", "normal", "shelved"] },
  "put-in-service": { needs: "service_alarms", words: "Put in service", states: ["out_of_service"] },
  outcome: { needs: "say_findings", words: "Say what was found", key: "o", note: "comment", finding: true, states: null },
  label: { needs: "say_findings", words: "Say what was found", note: "comment", finding: true, stretch: true, states: [] },
  maintain: { needs: "maintain_machines", words: "In maintenance", note: "reason", until: true, states: [] },
  "end-maintenance": { needs: "maintain_machines", words: "End maintenance", states: [] },
};
const NOTES = { comment: "Comment (may stay empty)", reason: "Reason, for whoever comes next" };
const FINDINGS = ["nothing", "inner_race", "outer_race", "ball", "cage", "imbalance", "misalignment", "looseness", "gear", "lubrication", "electrical", "process", "sensor_fault", "other"];
const OPEN = ["unacknowledged", "acknowledged", "returned_unacknowledged", "latched"];

/** Whether people still have to acknowledge it. */
export const isUnacknowledged = (alarm) => ACTIONS.acknowledge.states.includes(alarm.state);

/** Whether it still asks for attention. */
export const isOpen = (alarm) => OPEN.includes(alarm.state);

/** Whether the person may do it to a machine or one of its alarms. */
export const mayDo = (action, machine = null) => may(ACTIONS[action].needs, machine);

export const allows = (alarm, action) => mayDo(action, alarm.machine) && (ACTIONS[action].states?.includes(alarm.state) ?? true);

/** A button for each thing that the state of an alarm allows this person; the first is the main one. */
export const buttons = (alarm, act) =>
  Object.keys(ACTIONS)
    .filter((action) => ACTIONS[action].states?.includes(alarm.state) && mayDo(action, alarm.machine))
    .map((action, at) => button(action, act, at === 0 && isOpen(alarm), alarm.machine));

/** A button, or nothing where the person may not do it. */
export function button(action, act, isMain = false, machine = null) {
  if (!mayDo(action, machine)) return null;
  const { words, key } = ACTIONS[action];
  return element("button", { type: "button", class: isMain ? "main" : "", onclick: () => act(action) }, words, key ? [" ", element("kbd", {}, key)] : null);
}

/** Ask for what is needed, and do it; resolves to the changed document, or to null where nothing was. */
export function answer(action, path, subject, found = "other", stretch = null) {
  const { words, note, until, finding } = ACTIONS[action];
  const dialog = byId("answer");
  const [form, text, minutes, failure] = ["form", "note", "until", "failure"].map((part) => byId(`answer-${part}`));
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
  byId("answer-stretch").hidden = !stretch;
  byId("answer-from").required = byId("answer-to").required = Boolean(stretch);
  byId("answer-from").value = stretch ? localTime(stretch.from).slice(0, 19).replace(" ", "T") : "";
  byId("answer-to").value = stretch ? localTime(stretch.to).slice(0, 19).replace(" ", "T") : "";
  text.required = note === "reason";
  text.value = "";
  failure.hidden = true;
  dialog.showModal();
  (finding ? byId("answer-finding") : note ? text : byId("answer-do")).focus();

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
        if (text.required && !text.value.trim()) {
          text.focus();
          return;
        }
        const body = {};
        if (note) body[note] = text.value.trim();
        if (until) body.minutes = Number(minutes.value);
        if (finding) Object.assign(body, { finding: byId("answer-finding").value, part: byId("answer-part").value.trim() });
        if (stretch) Object.assign(body, { machine: stretch.machine, from: instant("from"), to: instant("to") });
        try {
          const changed = await post(stretch ? path : `${path}/${action}`, body);
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

const instant = (part) => new Date(fromLocalTime(byId(`answer-${part}`).value)).toISOString();

const pathOf = (alarm) => `/alarms/${encodeURIComponent(alarm.id)}`;

/** What would be found if the alarm named it rightly, or null where it names nothing. */
export function toldFinding({ label }) {
  if (label === "process_changed") return "process";
  return FINDINGS.includes(label) ? label : null;
}

/** The same for an alarm. */
export const answerAlarm = (action, alarm, found = toldFinding(alarm) ?? "other") =>
  answer(action, pathOf(alarm), `${alarm.machine_name}: ${alarm.sentence}`, found);

/** Say what was found in a stretch of a machine's time: what no alarm told of counts, too. */
export const answerStretch = (machine, from, to) => answer("label", "/labels", `${machine.name}: what was found in this stretch of time, whether an alarm told of it or not`, "other", { machine: machine.id, from, to });

/** Say what was found in one tap. */
export const tapOutcome = (alarm, found) => post(`${pathOf(alarm)}/outcome`, { finding: found });
