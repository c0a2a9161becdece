// Alarms: what must be acknowledged? Most urgent first, acknowledged without leaving the list; then what was, newest first.

import { alarmRow, moreUrgentFirst } from "./alarmrows.js";
import { allows, answerAlarm, isOpen, isUnacknowledged } from "./answer.js";
import { getAll, getSome } from "./api.js";
import { nothing } from "./cells.js";
import { byId, put } from "./dom.js";
import { filters, found } from "./filters.js";
import { plural } from "./format.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";

const WITHHELD = ["shelved", "suppressed", "out_of_service"];
const ASKED = { open: "open", unacknowledged: "open", withheld: WITHHELD, all: "open" };
const HISTORY = ["normal", ...WITHHELD]; // every state that is not open
const EMPTY = { open: "No alarm is open", unacknowledged: "Nothing to acknowledge", withheld: "Nothing is shelved, suppressed or out of service" };
const PAGE = 200; // alarms of the history that come at once
const MOST_AT_ONCE = 1000; // as many as the cloud gives in one answer
const TYPING_MS = 200; // whoever types a word does not want an answer to each letter
let alarms = [];
let hasMore = false; // the history goes on
let wanted = PAGE; // of the history
let fetched = null; // which list `alarms` is
let typing = null;
let asks = 0;
const values = filters(byId("filters"), changed);

/** The history is searched by the cloud, everything else is here already. */
function changed({ show: which }) {
  wanted = PAGE;
  clearTimeout(typing);
  if (which !== fetched || which === "all") typing = setTimeout(refresh, which === fetched ? TYPING_MS : 0);
  else show();
}

function isShown(alarm, { q, show: which, priority }) {
  return (
    (which !== "unacknowledged" || isUnacknowledged(alarm)) &&
    (!priority || alarm.priority === priority) &&
    found(q, alarm.machine_name, alarm.sentence, alarm.component, alarm.label)
  );
}

function sentence() {
  const waiting = alarms.filter(isUnacknowledged);
  const open = alarms.filter(isOpen);
  if (waiting.length) return `${plural(waiting.length, "alarm waits", "alarms wait")} for your acknowledgement, ${waiting[0].machine_name} first.`;
  return open.length ? `${plural(open.length, "alarm is", "alarms are")} open, all acknowledged.` : "No alarm is open.";
}

function show() {
  const shown = alarms.filter((alarm) => isShown(alarm, values()));
  refill(byId("alarms").tBodies[0], shown.map((alarm) => alarmRow(alarm, answer, true)));
  byId("alarms").hidden = !shown.length;
  byId("empty").hidden = shown.length > 0;
  byId("shown").textContent = `${plural(shown.length, "alarm")}${hasMore ? ", and older ones" : ""}`;
  byId("more").hidden = !hasMore;
  put(byId("sentence"), sentence());
  if (shown.length) return;
  const { q, priority, show: which } = values();
  if (q || priority) put(byId("empty"), nothing("No alarm fits this filter", "Clear the filter to see all that are open."));
  else if (which === "all") put(byId("empty"), nothing("No alarm was ever raised", "A machine raises one when its score stays above the limit; the Fleet page shows how far each is from it."));
  else put(byId("empty"), nothing(EMPTY[which], "Choose “all, with history” to see earlier ones."));
}

async function refresh() {
  const { show: which, q, priority } = values();
  const ask = ++asks;
  const history = which === "all" ? getSome("/alarms", { state: HISTORY, q, priority: priority || null, limit: Math.min(wanted, MOST_AT_ONCE) }, wanted) : { items: [], next: null };
  const [listed, { items, next }] = await Promise.all([getAll("/alarms", { state: ASKED[which] }), history]);
  if (ask !== asks) return; // the filter has been changed since
  alarms = [...listed.sort(moreUrgentFirst), ...items];
  hasMore = next !== null;
  fetched = which;
  show();
}

async function answer(action, id) {
  const shown = alarms.filter((one) => isShown(one, values()));
  // Without a row under the keyboard only what harms nobody: the most urgent one is acknowledged.
  const alarm = alarms.find((one) => one.id === id) ?? (id === null && action === "acknowledge" ? shown.find(isUnacknowledged) : null);
  if (!alarm || !allows(alarm, action)) return;
  if (await answerAlarm(action, alarm)) await refresh();
}

byId("more").addEventListener("click", () => {
  wanted += PAGE;
  refresh();
});
byId("alarms").dataset.rows = "";
start({ refresh, concerns: (kind) => kind === "alarm", answer });
