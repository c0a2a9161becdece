// Machine: is it getting worse, and why? Sentence, facts, alarms, trends, and the spectrum of a moment.

import { alarmRow, moreUrgentFirst, withheldWords } from "./alarmrows.js";
import { allows, answer as ask, answerAlarm, answerStretch, button, isOpen, isUnacknowledged, mayDo } from "./answer.js";
import { get, getAll } from "./api.js";
import { age, fact, nothing, quantity } from "./cells.js";
import { palette } from "./charts.js";
import { condition, conditionWords } from "./condition.js";
import { byId, element, idOfPage, pageOf, put } from "./dom.js";
import { drawMachine } from "./drawing.js";
import { NONE, duration, featureWords, fixed, ms, number, sentenceCase, stateWords, time } from "./format.js";
import { refill } from "./keyboard.js";
import { editMachine, relearningWords } from "./machineedit.js";
import { baselineOf, momentOptions } from "./moments.js";
import { may } from "./session.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";
import { HEALTH_LIMIT } from "./sparkline.js";
import { isSlow, isSlowPicture, slowView } from "./slow.js";
import { spectrumView } from "./spectrum.js";
import { split, trendLegend, trendPanels } from "./trends.js";
import { waterfallView } from "./waterfall.js";

const HOUR = 3_600_000;
const RANGES = { "1h": ["1 h", HOUR], "24h": ["24 h", 24 * HOUR], "7d": ["7 d", 168 * HOUR], "30d": ["30 d", 720 * HOUR], all: ["All", null] };
const POINTS = 400;
const SHORTEST_ZOOM_MS = 60_000;
const ALL_FROM = "1970-01-01T00:00:00Z";
// The few that matter first; the others wait in the chooser.
const FIRST = ["health_index", "score", "velocity_rms", "acceleration_rms", "sound_level_a", "kurtosis", "envelope_1", "envelope_2", "envelope_3", "envelope_4"];
const FIRST_OF_SLOW = ["health_index", "score", "mean"];

const id = idOfPage("machines");
const api = `/machines/${encodeURIComponent(id)}`;
const view = readAddress();
let machine = null;
let relearning = { since: null };
let alarms = [];
let pictures = [];
let trends = null;
let found = []; // labels of this machine
let judges = []; // when which model began to judge
let hovered = null; // the picture under the cursor
let stretch = null; // what the trends show, [from, to]

const zoneLimits = JSON.parse(byId("machine").dataset.zoneLimits);
const spectrum = spectrumView(byId("spectrum"), { baseline: () => baselineOf(api) });
const slow = slowView(byId("slow"));
const panels = trendPanels(byId("panels"), {
  get zoneLimits() {
    return zoneLimits[`${machine?.facts?.machine_group}/${machine?.facts?.support}`] ?? null;
  },
  healthLimit: HEALTH_LIMIT,
  // The one that the sentence on how long there is speaks of, or would first.
  alarmLimit: (quantity) => machine?.prognoses?.find((one) => split(one.feature).quantity === quantity) ?? null,
  onZoom: (from, to) => to - from >= SHORTEST_ZOOM_MS && go({ from: Math.round(from), to: Math.round(to) }, true),
  onReset: () => go({ from: null, to: null }, true),
  onMoment: (at) => pictures.length && go({ at: nearest(at).id }, false),
  onHover: (at) => follow({ hovered: at !== null && pictures.length ? nearest(at).id : null }),
});
const waterfall = waterfallView(byId("waterfall"), (settings) => get(`${api}/spectra/waterfall`, settings), (picture) => go({ at: picture }, false));

function readAddress() {
  const query = new URLSearchParams(location.search);
  const list = (name) => (query.has(name) ? query.get(name).split(",").filter(Boolean) : null);
  const instant = (name) => (query.has(name) ? ms(query.get(name)) : null);
  return { range: query.get("range") in RANGES ? query.get("range") : null, from: instant("from"), to: instant("to"), features: list("features"), channels: list("channels"), at: query.get("at") };
}

/** Change what is shown and keep it in the address; a zoom can be undone with the browser's Back. */
function go(change, isStep) {
  Object.assign(view, change);
  const query = new URLSearchParams();
  if (view.from && view.to) {
    query.set("from", new Date(view.from).toISOString());
    query.set("to", new Date(view.to).toISOString());
  }
  if (view.range) query.set("range", view.range);
  for (const name of ["features", "channels"]) if (view[name]) query.set(name, view[name].join(","));
  if (view.at) query.set("at", view.at);
  history[isStep ? "pushState" : "replaceState"](null, "", query.size ? `?${query}` : location.pathname);
  follow(change);
}

function follow(change) {
  const isOnlyMoment = Object.keys(change).length === 1 && ("at" in change || "hovered" in change);
  if ("hovered" in change) {
    if (change.hovered === hovered) return;
    hovered = change.hovered;
  } else hovered = null;
  const work = isOnlyMoment ? showMoment() : showTrends();
  work.catch((reason) => {
    if (reason.status === undefined) console.error(reason);
  });
}

addEventListener("popstate", () => {
  Object.assign(view, readAddress());
  if (machine) showChoices();
  follow({});
  showMoment().catch(() => {});
});

const nearest = (at) => pictures.reduce((best, one) => (Math.abs(ms(one.end) - at) < Math.abs(ms(best.end) - at) ? one : best));

// ---- head ----

function showHead() {
  document.title = `${machine.name} · plantpulse`;
  const places = (machine.path ?? "").split("/").map((place) => place.trim()).filter(Boolean);
  put(byId("path"), element("a", { href: "/" }, "Fleet"), places.map((place, at) => [" / ", at < 2 ? element("a", { href: `/?${new URLSearchParams(at === 0 ? { site: place } : { site: places[0], area: place })}` }, place) : place]));
  put(byId("name"), machine.name);
  put(byId("sentence"), verdictWords());
  showActions();
  byId("label-stretch").hidden = !mayDo("label", machine.id);
  const worst = alarms.filter(isOpen).sort(moreUrgentFirst)[0];
  byId("next-step").hidden = !worst?.next_step;
  if (worst?.next_step) put(byId("next-step"), element("strong", {}, "What to do: "), worst.next_step);
  byId("prognosis").hidden = !machine.prognosis;
  if (machine.prognosis) put(byId("prognosis"), element("strong", {}, "How long: "), machine.prognosis.sentence);
  byId("relearning").hidden = !relearning.since;
  put(byId("relearning"), relearningWords(relearning));
  const { speed_rpm: speed, machine_group: group, support } = machine.facts ?? {};
  put(
    byId("facts"),
    fact("State", mark(condition(machine), conditionWords(machine)), machine.maintenance ? withheldWords(machine.maintenance) : null),
    fact("Health", fixed(machine.health_index, 0), `of 100; alarm below ${HEALTH_LIMIT}`),
    fact("Score", quantity(machine.score, ""), "alarm limit 1"),
    isSlow(machine.features) ? null : fact("Vibration", machine.zone ? `Zone ${machine.zone}` : NONE, group && support ? `ISO 20816-3 group ${group}, ${support}` : "group and support not configured"),
    fact("Running", stateWords(machine.operating_state), speed ? `nominal ${number(speed, 4)} rpm` : null),
    fact("Last data", age(machine.last_data), machine.stale ? "older than expected" : null),
    fact("Gateway", element("a", { href: pageOf("gateways", machine.gateway) }, machine.gateway.split(":").at(-1)), sentenceCase(machine.class ?? "")),
  );
  const priorityAt = new Map(alarms.filter(isOpen).sort(moreUrgentFirst).toReversed().flatMap((alarm) => [alarm.component, alarm.channel?.replace(/\.[^.]*$/, "")].filter(Boolean).map((point) => [point, alarm.priority])));
  // A shaft with bearings says nothing about a room or a loop of pipes.
  drawMachine(byId("drawing"), isSlow(machine.features) ? [] : (machine.channels ?? []), priorityAt, machine.class);
}

/** Buttons stay as they are while they say the same: who holds one by keyboard goes on holding it. */
function showActions() {
  const action = machine.maintenance ? "end-maintenance" : "maintain";
  if (byId("actions").dataset.action === action) return;
  byId("actions").dataset.action = action;
  const edit = may("configure_machines", machine.id) ? element("button", { type: "button", id: "edit-open", onclick: change }, "Edit") : null;
  put(byId("actions"), button(action, maintain, false, machine.id), edit);
}

function verdictWords() {
  if (!machine.last_data) return "No data yet: its gateway has declared it, nothing has been measured.";
  // How long ago stands among the facts; a verdict does not go away because the gateway did.
  const silent = machine.stale ? "It is not heard at the moment: what you see is from before." : "";
  if (machine.maintenance) return "It is in maintenance: its alarms are written down and ask nobody for anything.";
  if (machine.verdict || silent) return [machine.verdict?.sentence, silent].filter(Boolean).join(" ");
  if (machine.operating_state === "off") return "It is off; nothing is judged while it stands still.";
  if (machine.learning_progress < 1) return `It is learning what is normal for it: ${Math.floor(100 * machine.learning_progress)} % done. Until then nothing is judged.`;
  return "It runs as usual: within its baseline, no alarm open.";
}

function showAlarms() {
  const listed = [...alarms].sort(moreUrgentFirst).slice(0, 12);
  refill(byId("alarms").tBodies[0], listed.map((alarm) => alarmRow(alarm, answer, false)));
  byId("alarms").hidden = !listed.length;
  byId("alarms-none").hidden = listed.length > 0;
}

async function answer(action, alarmId) {
  const alarm = alarms.find((one) => one.id === alarmId) ?? (action === "acknowledge" ? [...alarms].sort(moreUrgentFirst).find(isUnacknowledged) : null);
  if (!alarm || !allows(alarm, action)) return;
  if (await answerAlarm(action, alarm)) await refresh();
}

async function maintain(action) {
  if (await ask(action, api, `${machine.name}: its alarms are ${action === "maintain" ? "suppressed meanwhile, and still written down" : "wanted again"}`)) await refresh();
}

async function change() {
  if (await editMachine(api, machine)) await refresh();
}

// ---- trends ----

function quantities() {
  const names = ["health_index", "score", ...(machine.features ?? []).map((feature) => split(feature.name).quantity)];
  const unique = [...new Set(names)];
  return [...first().filter((name) => unique.includes(name)), ...unique.filter((name) => !first().includes(name))];
}

const channelNames = () => [...new Set((machine.features ?? []).map((feature) => split(feature.name).channel).filter(Boolean))];
const first = () => (isSlow(machine.features) ? FIRST_OF_SLOW : FIRST);
const shownQuantities = () => quantities().filter((name) => (view.features ?? first()).includes(name));
const shownChannels = () => channelNames().filter((name) => !view.channels || view.channels.includes(name));

/** The range asked for; a day by default, or everything of a machine that is younger than a day. */
function rangeName() {
  const first = machine?.health_trend?.t_ms?.[0];
  return view.range ?? (first === undefined || Date.now() - first < 24 * HOUR ? "all" : "24h");
}

function showChoices() {
  const box = (host, names, words, chosen, key) => {
    const wanted = names.join("\n");
    if (host.dataset.names !== wanted) {
      host.dataset.names = wanted;
      put(host, names.map((name) => element("label", {}, element("input", { type: "checkbox", value: name, onchange: () => choose(host, key) }), " ", words(name))));
    }
    for (const input of host.querySelectorAll("input")) input.checked = chosen.includes(input.value);
  };
  box(byId("choose-features"), quantities(), featureWords, shownQuantities(), "features");
  box(byId("choose-channels"), channelNames(), String, shownChannels(), "channels");
  for (const button of byId("ranges").children) button.setAttribute("aria-pressed", String(!view.from && button.value === rangeName()));
}

const choose = (host, key) => go({ [key]: [...host.querySelectorAll("input:checked")].map((input) => input.value) }, false);

function showRanges() {
  put(byId("ranges"), Object.entries(RANGES).map(([name, [words]]) => element("button", { type: "button", value: name, onclick: () => go({ range: name, from: null, to: null }, true) }, words)));
}

const firstOf = (answer) => Math.min(...answer.series.map((series) => series.t_ms[0] ?? Infinity));

/** Fetch trends; `from` null is "since the first data", which is found by looking closer once it is roughly known. */
async function fetchTrends(feature, from, to) {
  const ask = (start) => get(`${api}/trends`, { feature, from: start ? new Date(start).toISOString() : ALL_FROM, to: new Date(to).toISOString(), points: POINTS });
  let answer = await ask(from);
  for (let look = 0; from === null && look < 2; look++) {
    const first = firstOf(answer);
    if (!Number.isFinite(first) || 1000 * answer.bucket_s <= (2 * (to - first)) / POINTS) break;
    answer = await ask(first);
  }
  return answer;
}

async function showTrends() {
  if (!machine) return;
  showChoices();
  const span = RANGES[rangeName()][1];
  const now = Date.now();
  const [from, to] = view.from && view.to ? [view.from, view.to] : [span ? now - span : null, now];
  const wanted = new Set(shownQuantities());
  const feature = ["health_index", "score", ...(machine.features ?? []).map((one) => one.name)].filter((name) => {
    const parts = split(name);
    return wanted.has(parts.quantity) && (parts.channel === null || shownChannels().includes(parts.channel));
  });
  if (feature.length) trends = await fetchTrends(feature, from, to);
  if (!trends) return;
  const range = [from ?? Math.min(firstOf(trends), to - SHORTEST_ZOOM_MS), to];
  const channels = { all: channelNames(), shown: shownChannels() };
  put(byId("legend"), trendLegend(channels, palette(), trends.series.some((series) => series.late?.some(Boolean))));
  put(byId("trends-span"), `${time(range[0])} to ${time(range[1])}, one point for ${duration(1000 * trends.bucket_s)}. Drag to zoom, double-click to go back.`);
  stretch = range;
  await panels.show(trends, { quantities: shownQuantities(), channels, alarms, moment: view.at ? ms(pictures.find((one) => one.id === view.at)?.end) : null, range, found, judges });
}

// ---- the picture of a moment ----

let shownPicture = null;

async function showMoment() {
  const select = byId("moment");
  const asked = hovered ?? view.at;
  if (select.options.length !== pictures.length + 1 || select.options[1]?.value !== pictures[0]?.id) select.replaceChildren(...momentOptions(pictures));
  select.value = pictures.some((one) => one.id === asked) ? asked : "";
  await panels.moment(view.at ? ms(pictures.find((one) => one.id === view.at)?.end) : null);
  const wanted = select.value || pictures[0]?.id;
  byId("spectrum-link").hidden = !wanted || isSlow(machine.features);
  byId("spectrum-link").href = `${pageOf("machines", id)}/spectrum${select.value ? `?at=${encodeURIComponent(select.value)}` : ""}`;
  waterfall.mark(wanted);
  put(byId("spectrum-title"), isSlow(machine.features) ? "What came before?" : "Which fault is it?");
  if (!wanted) {
    slow.empty();
    spectrum.empty(nothing(isSlow(machine.features) ? "No picture yet" : "No spectrum yet", "The gateway sends one a few minutes after it has started, and with every alarm."));
    return;
  }
  if (wanted === shownPicture) return;
  const picture = await pictureOf(wanted);
  if (wanted !== (hovered ?? (select.value || pictures[0]?.id))) return; // the cursor went on meanwhile
  const [seen, other] = isSlowPicture(picture) ? [slow, spectrum] : [spectrum, slow];
  other.empty();
  await seen.show(picture, alarms.find(isOpen)?.channel);
  shownPicture = wanted;
}

const PICTURES_KEPT = 12; // a cursor goes to and fro; each is a few hundred kilobytes
const kept = new Map();

async function pictureOf(wanted) {
  const picture = kept.get(wanted) ?? (await get(`${api}/spectra/${encodeURIComponent(wanted)}`));
  kept.delete(wanted);
  kept.set(wanted, picture);
  if (kept.size > PICTURES_KEPT) kept.delete(kept.keys().next().value);
  return picture;
}

const shown = (title) => delete byId(title).closest("section").dataset.waiting;

async function labelStretch() {
  if (machine && stretch && (await answerStretch(machine, ...stretch))) await refresh();
}

async function refresh() {
  try {
    machine = await get(api);
  } catch (reason) {
    if (reason.status !== 404) throw reason;
    byId("machine").hidden = true;
    byId("missing").hidden = false;
    put(byId("missing"), nothing(`There is no machine “${id}”`, "It may have been renamed or retired."), element("p", {}, element("a", { href: "/" }, "See all machines")));
    return;
  }
  [alarms, relearning] = await Promise.all([getAll("/alarms", { machine: id }), get(`${api}/relearning`)]);
  showHead();
  showAlarms();
  delete byId("machine").dataset.waiting;
  const before = pictures[0]?.id;
  [found, judges] = await Promise.all([getAll("/labels", { machine: id }), get("/models/changes", { machine: id }).then(({ items }) => items)]);
  pictures = (await get(`${api}/spectra`)).items.sort((a, b) => ms(b.end) - ms(a.end));
  // A zoomed view stands still; a range that ends now moves with the plant.
  if (!view.from || !trends) await showTrends();
  shown("trends-title");
  await showMoment();
  shown("spectrum-title");
  byId("waterfall-section").hidden = isSlow(machine.features);
  if (!isSlow(machine.features) && (!before || pictures[0]?.id !== before)) await waterfall.load();
  shown("waterfall-title");
}

byId("alarms").dataset.rows = "";
showRanges();
byId("label-stretch").addEventListener("click", labelStretch);
byId("moment").addEventListener("change", (event) => go({ at: event.target.value || null }, false));
start({ refresh, concerns: (kind, what) => kind === "machine" && (what === null || what === id), answer });
