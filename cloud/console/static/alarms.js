// Alarms: what must be acknowledged? Most urgent first, acknowledged without leaving the list.

import { acknowledge as ask, isOpen, isUnacknowledged } from "./acknowledge.js";
import { alarmRow, moreUrgentFirst } from "./alarmrows.js";
import { getAll } from "./api.js";
import { nothing } from "./cells.js";
import { byId, put } from "./dom.js";
import { filters, found } from "./filters.js";
import { plural } from "./format.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";

let alarms = [];
const values = filters(byId("filters"), (now) => (now.show === "all" ? refresh() : show()));

function isShown(alarm, { q, show: which, priority }) {
  return (
    (which === "all" || (which === "open" ? isOpen(alarm) : isUnacknowledged(alarm))) &&
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
  refill(byId("alarms").tBodies[0], shown.map((alarm) => alarmRow(alarm, acknowledge, true)));
  byId("alarms").hidden = !shown.length;
  byId("empty").hidden = shown.length > 0;
  byId("shown").textContent = plural(shown.length, "alarm");
  put(byId("sentence"), sentence());
  if (shown.length) return;
  const { q, priority, show: which } = values();
  if (q || priority) put(byId("empty"), nothing("No alarm fits this filter", "Clear the filter to see all that are open."));
  else if (which === "all") put(byId("empty"), nothing("No alarm was ever raised", "A machine raises one when its score stays above the limit; the Fleet page shows how far each is from it."));
  else put(byId("empty"), nothing(which === "open" ? "No alarm is open" : "Nothing to acknowledge", "Choose “all, with history” to see earlier ones."));
}

async function refresh() {
  alarms = (await getAll("/alarms", { state: values().show === "all" ? null : "open" })).sort(moreUrgentFirst);
  show();
}

async function acknowledge(id) {
  const alarm = alarms.find((one) => one.id === id) ?? (id === null ? alarms.filter((one) => isShown(one, values())).find(isUnacknowledged) : null);
  if (!alarm || !isUnacknowledged(alarm)) return;
  if (await ask(alarm)) await refresh();
}

byId("alarms").dataset.rows = "";
start({ refresh, concerns: (kind) => kind === "alarm", acknowledge });
