// One gateway, or a foreign Sparkplug node: how it is doing, and the latest value of every metric it declared.

import { get, getAll } from "./api.js";
import { age, aligned, fact, nothing, quantity } from "./cells.js";
import { byId, element, idOfPage, pageOf, put } from "./dom.js";
import { filters, found } from "./filters.js";
import { NONE, bytes, number, plural, unitWords } from "./format.js";
import { certificateWords, clockWords, droppedWords, gatewaySign, gatewayWords, sentShare } from "./gatewaywords.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";

const id = idOfPage("gateways");
let gateway = null;
const values = filters(byId("filters"), showMetrics);

function valueCell(value) {
  if (typeof value === "number") return element("td", { class: "number" }, aligned(number(value, Number.isInteger(value) ? 15 : 3)));
  const words = value === null || value === undefined ? NONE : typeof value === "boolean" ? (value ? "true" : "false") : String(value);
  return element("td", { class: "text-value" }, words);
}

const QUALITY = { good: "good", bad: "bad", stale: "stale", 192: "good", 0: "bad", 500: "stale" };

function metricRow(metric) {
  const quality = QUALITY[metric.quality] ?? NONE;
  return element(
    "tr",
    { class: ["bad", "stale"].includes(quality) ? "noticed" : "" },
    element("th", { scope: "row" }, metric.name),
    valueCell(metric.value),
    element("td", {}, unitWords(metric.unit)),
    element("td", {}, ["bad", "stale"].includes(quality) ? mark("nodata", quality) : quality),
    element("td", {}, age(metric.at)),
  );
}

function showMetrics() {
  const all = gateway?.metrics ?? [];
  const shown = all.filter((metric) => found(values().q, metric.name));
  put(byId("metrics").tBodies[0], shown.map(metricRow));
  byId("metrics").hidden = !shown.length;
  byId("metrics-none").hidden = all.length > 0;
  byId("shown").textContent = shown.length === all.length ? plural(all.length, "metric") : `${shown.length} of ${plural(all.length, "metric")}`;
}

function sentence() {
  if (!gateway.online) return "It is offline: what it measures waits on its own disk until it is back.";
  if (gateway.foreign) return "A Sparkplug node that is not ours: its values are shown, never judged and never commanded.";
  return gateway.pending > 1000 ? `It is online and has ${number(gateway.pending)} records to deliver.` : "It is online and delivers what it decides.";
}

const metric = (name) => gateway.metrics?.find((one) => one.name === name)?.value ?? null;

/** Machine class and version of each model that the gateway's births name. */
const models = () => (gateway.metrics ?? []).map((one) => [/^Model\/(.+)\/Version$/.exec(one.name)?.[1], one.value]).filter(([name, version]) => name && version);

function facts() {
  const ours = [
    fact("Version", gateway.agent_version ?? NONE, gateway.config_hash ? `configuration ${gateway.config_hash.slice(0, 8)}` : null),
    fact("Waiting", number(gateway.pending), metric("Health/OutboxBytes") === null ? "records" : `records, ${bytes(metric("Health/OutboxBytes"))}`),
    fact("Dropped", droppedWords(gateway)),
    fact("Clock", clockWords(gateway)),
    fact("Certificate", certificateWords(gateway), null),
    fact("Models", models().length ? models().map(([name, version], at) => [at ? ", " : null, `${name} ${version}`]) : NONE, models().length ? null : "none named in its births"),
    fact("CPU", quantity(gateway.cpu_percent, "%")),
    fact("Memory", quantity(gateway.rss_mb, "MB")),
    fact("Sent", bytes(gateway.sent_bytes), `${sentShare(gateway)} of ${bytes(gateway.raw_bytes)} raw`),
    fact("Stored", number(gateway.records_stored), `records, ${number(gateway.records_duplicate)} came twice`),
  ];
  return [
    fact("State", mark(gatewaySign(gateway), gatewayWords(gateway))),
    fact("Last seen", age(gateway.last_seen)),
    gateway.foreign ? [] : ours,
    fact("Quarantine", number(gateway.quarantined), `${plural(gateway.sequence_gaps ?? 0, "sequence gap")}, ${plural(gateway.rebirths ?? 0, "rebirth")} asked for`),
  ];
}

async function refresh() {
  try {
    gateway = await get(`/gateways/${encodeURIComponent(id)}`);
  } catch (reason) {
    if (reason.status !== 404) throw reason;
    byId("gateway").hidden = true;
    byId("missing").hidden = false;
    put(byId("missing"), nothing(`There is no gateway “${id}”`, "It may have been renamed."), element("p", {}, element("a", { href: "/gateways" }, "See all gateways")));
    return;
  }
  document.title = `${gateway.name} · plantpulse`;
  put(byId("path"), element("a", { href: "/gateways" }, "Gateways"), ` / ${gateway.group}`);
  put(byId("name"), gateway.name);
  put(byId("sentence"), sentence());
  put(byId("facts"), facts());
  showMetrics();
  delete byId("gateway").dataset.waiting;
  const machines = gateway.machines?.length ? await getAll("/machines", { gateway: id }) : [];
  put(byId("machines"), machines.length ? machines.map((machine) => element("li", {}, element("a", { href: pageOf("machines", machine.id) }, machine.name))) : element("li", { class: "hint" }, gateway.foreign ? "None that is judged." : "None yet."));
}

start({ refresh, concerns: (kind, what) => kind === "gateway" && (what === null || what === id) });
