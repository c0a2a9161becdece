// Models: which model judges what, and how often was it right?

import { get } from "./api.js";
import { nothing, numberCell } from "./cells.js";
import { byId, element, pageOf, put } from "./dom.js";
import { NONE, number, plural, sentenceCase } from "./format.js";
import { start } from "./shell.js";

const FEW = 4; // machines that are named; of more the number is told
const KNOWN = { birth: "named by its gateway", alarm: "named by its alarms" };

const share = (value) => (value === null || value === undefined ? NONE : number(100 * value, 2));

function machinesOf(item) {
  const named = item.machines.slice(0, FEW).map((machine, at) => [at ? ", " : null, element("a", { href: pageOf("machines", machine.id) }, machine.name)]);
  return [element("span", { class: "who" }, plural(item.machines.length, "machine")), ": ", named, item.machines.length > FEW ? ` and ${item.machines.length - FEW} more` : null];
}

function row(item) {
  const learnt = item.machines.filter((machine) => (machine.learning_progress ?? 0) >= 1).length;
  return element(
    "tr",
    {},
    element("th", { scope: "row" }, item.machine_class ? sentenceCase(item.machine_class) : "Without a class"),
    element("td", {}, item.version ?? "not named yet", element("span", { class: "comment hint" }, [KNOWN[item.known_from], item.target && item.target !== item.version ? `shall become ${item.target}` : null, item.state].filter(Boolean).join(", "))),
    element("td", {}, machinesOf(item)),
    numberCell(`${learnt} of ${item.machines.length}`, { class: "whole" }),
    numberCell(item.record ? String(item.record.right) : NONE, { class: "whole" }),
    numberCell(item.record ? String(item.record.named) : NONE, { class: "whole" }),
    numberCell(item.record ? String(item.record.false_alarms) : NONE, { class: "whole" }),
    numberCell(share(item.record?.false_alarm_share)),
  );
}

function sentence(items) {
  const machines = items.reduce((total, item) => total + item.machines.length, 0);
  const named = new Set(items.map((item) => item.version).filter(Boolean));
  const nameless = items.filter((item) => !item.version).reduce((total, item) => total + item.machines.length, 0);
  if (!machines) return "No machine yet, so no model.";
  return `${plural(named.size, "model judges", "models judge")} ${plural(machines - nameless, "machine")}${nameless ? `; of ${nameless} nobody has named the model yet` : ""}.`;
}

async function refresh() {
  const [{ items }, record] = await Promise.all([get("/models"), get("/labels/track-record")]);
  put(byId("sentence"), sentence(items));
  put(byId("models").tBodies[0], items.map(row));
  byId("models").hidden = !items.length;
  byId("models-hint").hidden = !items.length;
  byId("empty").hidden = items.length > 0;
  if (!items.length) put(byId("empty"), nothing("No machine has reported yet", "A model appears here with the first machine that it judges."));
  const names = new Map(items.flatMap((item) => item.machines.map((machine) => [machine.id, machine.name])));
  const missed = record.machines.filter((one) => one.missed);
  byId("missed-section").hidden = !missed.length;
  put(byId("missed").tBodies[0], missed.map((one) => element("tr", {}, element("th", { scope: "row" }, element("a", { href: pageOf("machines", one.name) }, names.get(one.name) ?? one.name)), numberCell(String(one.missed), { class: "whole" }), numberCell(String(one.right), { class: "whole" }), numberCell(share(one.missed_share)))));
}

start({ refresh, concerns: (kind) => kind === "machine" || kind === "gateway" || kind === "model" });
