// Site tree: where is it? Site, area, line, machine as ISA-95 has them; every place carries the worst of what is below.

import { getAll } from "./api.js";
import { age, nothing } from "./cells.js";
import { CONDITIONS, condition, conditionWords, worseFirst } from "./condition.js";
import { byId, element, pageOf, put } from "./dom.js";
import { filters, found } from "./filters.js";
import { fixed, plural } from "./format.js";
import { start } from "./shell.js";
import { PRIORITIES, counts, mark, signWord } from "./signs.js";

const LEVELS = ["Site", "Area", "Line"]; // deeper places have no name of their own in ISA-95's list
const USUAL = new Set(["normal", "off", "withheld"]);
const AT_ONCE = 1000; // machines in one answer: as many as the cloud gives
const OPEN_MACHINES = 60; // a tree of more begins with its quiet places closed
const values = filters(byId("filters"), show);
const closedByHand = new Map();
let machines = [];

/** A place: its own places by name, its own machines. */
const place = (name, level, key) => ({ name, level, key, places: new Map(), machines: [] });

/** The tree of machines, from the path of each: "plant / hall 2 / line 4". */
export function treeOf(list) {
  const root = place("", -1, "");
  for (const machine of list) {
    let at = root;
    for (const name of (machine.path ?? "").split("/").map((part) => part.trim()).filter(Boolean)) {
      if (!at.places.has(name)) at.places.set(name, place(name, at.level + 1, `${at.key}/${name}`));
      at = at.places.get(name);
    }
    at.machines.push(machine);
  }
  return root;
}

/** All machines below a place. */
export const below = (at) => [...at.machines, ...[...at.places.values()].flatMap(below)];

/** The worst condition below a place, and how many open alarms of each priority. */
export function worstOf(list) {
  const worst = list.map(condition).sort((a, b) => CONDITIONS.indexOf(a) - CONDITIONS.indexOf(b))[0];
  const open = Object.fromEntries(PRIORITIES.map((priority) => [priority, list.reduce((total, machine) => total + (machine.open_alarms?.[priority] ?? 0), 0)]));
  return { worst, open };
}

function machineItem(machine) {
  return element(
    "li",
    { class: USUAL.has(condition(machine)) ? "leaf quiet-row" : "leaf" },
    element("a", { href: pageOf("machines", machine.id) }, machine.name),
    mark(condition(machine), conditionWords(machine)),
    element("span", { class: "hint" }, machine.health_index === null ? "no health yet" : `health ${fixed(machine.health_index, 0)}`),
    element("span", { class: "hint" }, age(machine.last_data)),
  );
}

function placeItem(at, isLarge) {
  const list = below(at);
  const { worst, open } = worstOf(list);
  const isOpen = closedByHand.get(at.key) ?? !(isLarge && USUAL.has(worst) && at.level > 0);
  const order = [...at.places.values()].sort((a, b) => CONDITIONS.indexOf(worstOf(below(a)).worst) - CONDITIONS.indexOf(worstOf(below(b)).worst) || a.name.localeCompare(b.name));
  const unwell = list.filter((machine) => !USUAL.has(condition(machine))).length;
  const details = element(
    "details",
    { open: isOpen },
    element(
      "summary",
      {},
      element("span", { class: "place" }, element("span", { class: "hint" }, LEVELS[at.level] ?? "Unit"), " ", at.name || "Without a place"),
      mark(worst, signWord(worst)),
      element("span", { class: "counts" }, counts(open)),
      element("span", { class: "hint" }, `${plural(list.length, "machine")}${unwell ? `, ${unwell} not as usual` : ""}`),
    ),
    element("ul", {}, order.map((one) => placeItem(one, isLarge)), at.machines.sort(worseFirst).map(machineItem)),
  );
  details.addEventListener("toggle", () => closedByHand.set(at.key, details.open));
  return element("li", {}, details);
}

function show() {
  const { q, show: which } = values();
  const shown = machines.filter((machine) => found(q, machine.name, machine.path ?? "", machine.class ?? "") && (which !== "trouble" || !USUAL.has(condition(machine))));
  const root = treeOf(shown);
  const isLarge = shown.length > OPEN_MACHINES;
  const nowhere = root.machines.length ? [place("", 0, "?")].map((at) => placeItem(Object.assign(at, { machines: root.machines }), isLarge)) : [];
  const sites = [...root.places.values()].sort((a, b) => a.name.localeCompare(b.name));
  put(byId("tree"), element("ul", {}, sites.map((site) => placeItem(site, isLarge)), nowhere));
  byId("shown").textContent = shown.length === machines.length ? plural(machines.length, "machine") : `${shown.length} of ${plural(machines.length, "machine")}`;
  byId("empty").hidden = shown.length > 0;
  if (!shown.length) put(byId("empty"), machines.length ? nothing("No machine fits this filter", "Clear the filter to see all of them.") : nothing("No machine has reported yet", "A machine appears here by itself as soon as its gateway declares it."));
}

function sentence() {
  const sites = [...treeOf(machines).places.values()].map((site) => ({ name: site.name, ...worstOf(below(site)) })).sort((a, b) => CONDITIONS.indexOf(a.worst) - CONDITIONS.indexOf(b.worst));
  if (!sites.length) return machines.length ? "No machine has said where it stands." : "No machine yet.";
  const worst = sites[0];
  if (USUAL.has(worst.worst)) return `${plural(sites.length, "site")}, everything as usual.`;
  return `${plural(sites.length, "site")}; the worst state is ${signWord(worst.worst).toLowerCase()}, at ${worst.name}.`;
}

async function refresh() {
  machines = await getAll("/machines", { limit: AT_ONCE });
  put(byId("sentence"), sentence());
  show();
}

start({ refresh, concerns: (kind) => kind === "machine" });
