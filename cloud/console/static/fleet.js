// Fleet: what needs me now? Machines worst first, one sentence above them.

import { getAll } from "./api.js";
import { age, nothing, numberCell } from "./cells.js";
import { CONDITIONS, condition, conditionWords, healthChange, places, worseFirst } from "./condition.js";
import { byId, element, pageOf, put } from "./dom.js";
import { filters, found, offer } from "./filters.js";
import { MINUS, NONE, firstSentence, fixed, ms, number, plural, sentenceCase, stateWords, time } from "./format.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";
import { PRIORITIES, counts, mark, signWord } from "./signs.js";
import { sparkline } from "./sparkline.js";

const SHIFT_HOURS = 8;
const SHIFT_MS = SHIFT_HOURS * 3_600_000;
const NOTICED_CHANGE = 5; // points of health; less is the breathing of a healthy machine
const AT_ONCE = 1000; // machines in one answer: as many as the cloud gives
const form = byId("filters");
let machines = [];

const values = filters(form, show);

function isShown(machine, { q, site, area, class: kind, state }) {
  const place = places(machine);
  return (
    (!site || place.site === site) &&
    (!area || place.area === area) &&
    (!kind || machine.class === kind) &&
    (!state || condition(machine) === state) &&
    found(q, machine.name, machine.path ?? "", machine.class ?? "", machine.verdict?.sentence ?? "")
  );
}

function alarmsCell(machine) {
  const open = counts(machine.open_alarms);
  return element("td", { class: open.length ? "c-alarms" : "c-alarms none", "data-label": "Alarms" }, open.length ? open : NONE);
}

const isNew = (machine) => machine.verdict !== null && Date.now() - ms(machine.verdict.since) < SHIFT_MS;

/** What is different from when the people before went home. */
function sinceLastShift() {
  const fresh = machines.filter(isNew);
  const worse = machines.filter((machine) => (healthChange(machine, SHIFT_HOURS)?.change ?? 0) <= -NOTICED_CHANGE);
  const better = machines.filter((machine) => (healthChange(machine, SHIFT_HOURS)?.change ?? 0) >= NOTICED_CHANGE);
  const said = [
    fresh.length ? `new in alarm: ${few(fresh)}` : null,
    worse.length ? `lost health: ${few(worse)}` : null,
    better.length ? `gained health: ${few(better)}` : null,
  ].filter(Boolean);
  return `Since the last shift (${SHIFT_HOURS} h): ${said.length ? said.join("; ") : "nothing has changed"}.`;
}

const few = (list) => list.slice(0, 3).map((machine) => machine.name).join(", ") + (list.length > 3 ? ` and ${list.length - 3} more` : "");

function changeCell(machine) {
  const past = healthChange(machine, SHIFT_HOURS);
  const steps = past === null ? 0 : Math.round(past.change);
  const words = past === null ? NONE : steps === 0 ? "0" : `${steps > 0 ? "+" : MINUS}${Math.abs(steps)}`;
  const kind = steps <= -NOTICED_CHANGE ? "c-change whole worse" : Math.abs(steps) < NOTICED_CHANGE ? "c-change whole none" : "c-change whole";
  return numberCell(words, { class: kind, title: past && `was ${fixed(past.value, 0)} on ${time(past.at)}` }, "Change");
}

function row(machine) {
  const key = condition(machine);
  const isQuiet = ["normal", "off", "withheld"].includes(key);
  return element(
    "tr",
    { "data-id": machine.id, tabindex: -1, class: isQuiet ? "quiet-row" : `row-${key}` },
    element("td", { class: "c-state" }, mark(key, conditionWords(machine))),
    element(
      "th",
      { scope: "row", class: "c-name" },
      element("a", { href: pageOf("machines", machine.id), "data-key": "name" }, machine.name),
      element("span", { class: "path" }, [machine.path, machine.class].filter(Boolean).join(" · ")),
    ),
    numberCell(fixed(machine.health_index, 0), { class: `c-health whole${machine.stale ? " old" : ""}` }, "Health"),
    element("td", { class: "c-spark", "data-label": "30 days" }, sparkline(machine.health_trend)),
    changeCell(machine),
    numberCell(number(machine.score), { class: machine.score === null ? "c-score none" : machine.score >= 1 ? "c-score above" : "c-score" }, "Score"),
    element("td", { class: machine.zone ? "c-zone" : "c-zone none", "data-label": "ISO" }, machine.zone ? `Zone ${machine.zone}` : NONE),
    alarmsCell(machine),
    element("td", { class: "c-verdict" }, isNew(machine) ? element("strong", { class: "new" }, "New: ") : null, firstSentence(machine.verdict?.sentence)),
    element("td", { class: "c-running", "data-label": "Running" }, stateWords(machine.operating_state)),
    element("td", { class: "c-age", "data-label": "Last data" }, age(machine.last_data)),
  );
}

function sentence() {
  const urgent = machines.filter((machine) => PRIORITIES.includes(condition(machine)));
  const also = [
    ["nodata", "sends no data", "send no data"],
    ["uncertain", "is uncertain", "are uncertain"],
    ["learning", "is still learning", "are still learning"],
  ]
    .map(([key, one, many]) => [machines.filter((machine) => condition(machine) === key).length, one, many])
    .filter(([count]) => count)
    .map(([count, one, many]) => `${count} ${count === 1 ? one : many}`);
  const rest = also.length ? ` ${sentenceCase(also.join(", "))}.` : "";
  if (!urgent.length) return also.length ? `No machine is in alarm.${rest}` : `${machines.length === 1 ? "The machine is" : `All ${machines.length} machines are`} as usual.`;
  return `${plural(urgent.length, "machine needs", "machines need")} attention, ${urgent[0].name} first.${rest}`;
}

function show() {
  const shown = machines.filter((machine) => isShown(machine, values())).sort(worseFirst);
  refill(byId("machines").tBodies[0], shown.map(row));
  byId("machines").hidden = !shown.length;
  byId("shown").textContent = shown.length === machines.length ? plural(machines.length, "machine") : `${shown.length} of ${plural(machines.length, "machine")}`;
  byId("empty").hidden = shown.length > 0;
  if (!machines.length)
    put(
      byId("empty"),
      nothing(
        "No machine has reported yet",
        "A machine appears here by itself as soon as its gateway connects to the broker and declares it.",
        "Look at Gateways to see who is connected; on a gateway, “plantpulse agent check --config …” says what is missing. To see it all at work on this computer: “plantpulse demo”.",
      ),
    );
  else if (!shown.length) put(byId("empty"), nothing("No machine fits this filter", "Clear the filter to see all of them."));
}

async function refresh() {
  machines = (await getAll("/machines", { limit: AT_ONCE })).sort(worseFirst);
  const unique = (list) => [...new Set(list.filter(Boolean))].sort().map((value) => [value, value]);
  offer(form.elements.site, unique(machines.map((machine) => places(machine).site)));
  offer(form.elements.area, unique(machines.map((machine) => places(machine).area)));
  offer(form.elements.class, unique(machines.map((machine) => machine.class)));
  offer(form.elements.state, CONDITIONS.map((key) => [key, signWord(key)]));
  put(byId("sentence"), machines.length ? sentence() : "No machine yet.");
  byId("shift").hidden = machines.length === 0;
  put(byId("shift"), sinceLastShift());
  form.hidden = machines.length === 0;
  show();
}

byId("machines").dataset.rows = "";
start({ refresh, concerns: (kind) => kind === "machine" });
