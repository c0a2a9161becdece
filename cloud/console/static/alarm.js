// Alarm: can I believe it? The sentence, checks that a sceptic would make, the evidence, and every change.

import { acknowledgement, alarmStateWords, withheldWords } from "./alarmrows.js";
import { allows, answerAlarm, button, buttons, mayDo, tapOutcome, toldFinding } from "./answer.js";
import { ApiError, get } from "./api.js";
import { aroundView } from "./around.js";
import { age, fact, nothing, numberCell } from "./cells.js";
import { byId, element, idOfPage, pageOf, put } from "./dom.js";
import { featureWords, fixed, ms, number, sentenceCase, stateWords, time, unitWords } from "./format.js";
import { showFaultLines } from "./faultlines.js";
import { mayEverywhere } from "./session.js";
import { start } from "./shell.js";
import { mark, sign } from "./signs.js";
import { isSlowPicture, slowView } from "./slow.js";
import { spectrumView } from "./spectrum.js";
import { split } from "./trends.js";
import { waveformView } from "./waveform.js";

const id = idOfPage("alarms");
const api = `/alarms/${encodeURIComponent(id)}`;
const spectrum = spectrumView(byId("spectrum"));
const waveform = waveformView(byId("waveform"));
const slow = slowView(byId("slow"));
const around = aroundView(api, () => refresh());
let alarm = null;
let evidence = null;
let machineClass; // for whoever may change the advice; null where the machine has none

const isOfProcess = () => (evidence ? isSlowPicture(evidence) : alarm.family === "process");

function showHead() {
  document.title = `${alarm.machine_name}: ${sentenceCase(alarm.label)} · plantpulse`;
  put(byId("path"), element("a", { href: "/alarms" }, "Alarms"), " / ", element("a", { href: pageOf("machines", alarm.machine) }, alarm.machine_name));
  put(byId("sentence"), alarm.sentence);
  byId("next-step").hidden = !alarm.next_step && !machineClass;
  put(byId("next-step"), element("strong", {}, "What to do: "), alarm.next_step || "nobody has said yet.", machineClass ? [" ", adviceLink()] : null);
  put(byId("actions"), buttons(alarm, answer));
  put(
    byId("facts"),
    fact("Priority", mark(alarm.priority), `severity ${alarm.severity}`),
    fact("State", alarmStateWords(alarm), alarm.withheld ? withheldWords(alarm.withheld) : alarm.acknowledged ? ["by ", acknowledgement(alarm)] : null),
    fact("Since", age(alarm.since), time(ms(alarm.since))),
    fact("Occurrences", String(alarm.occurrences ?? 1), "of this alarm"),
    fact("Where", alarm.component, alarm.channel ? `clearest on ${alarm.channel}` : null),
    fact("What", sentenceCase(alarm.label), sentenceCase(alarm.family)),
    fact("Score", number(alarm.score), "alarm limit 1"),
  );
}

const adviceLink = () => element("a", { id: "advice-link", href: `/advice?${new URLSearchParams({ class: machineClass, cause: alarm.label })}` }, `Change this advice for class ${machineClass}`);

async function fetchClass() {
  if (machineClass !== undefined || !mayEverywhere("configure_machines")) return;
  try {
    machineClass = (await get(`/machines/${encodeURIComponent(alarm.machine)}`)).class;
  } catch (reason) {
    if (!(reason instanceof ApiError)) throw reason; // an alarm is shown without the link as well
  }
}

function showOutcome() {
  const { outcome } = alarm;
  const told = toldFinding(alarm);
  put(
    byId("outcome"),
    outcome
      ? [element("strong", {}, sentenceCase(outcome.finding)), `, says ${outcome.by}, `, age(outcome.at), [outcome.part ? `. Replaced: ${outcome.part}` : "", outcome.action ? `. ${outcome.action}` : "", outcome.comment ? `. ${outcome.comment}` : ""].join("")]
      : "Nobody has said yet. How often alarms are right is counted from these answers.",
  );
  const tap = (found, words) => element("button", { type: "button", onclick: () => tapped(found) }, words);
  put(
    byId("outcome-buttons"),
    outcome || !mayDo("outcome", alarm.machine) ? null : [told ? tap(told, `As told: ${sentenceCase(told).toLowerCase()}`) : null, tap("nothing", "Nothing"), " "],
    button("outcome", answer, false, alarm.machine),
  );
}

async function tapped(found) {
  if (await tapOutcome(alarm, found)) await refresh();
}

/** What speaks for it and what against it, each with a word and a shape. */
function checks() {
  const lines = alarm.lines?.length ? alarm.lines : (evidence?.fault_lines ?? []);
  const matched = lines.filter((line) => line.matched).length;
  const isSteady = alarm.operating_state?.startsWith("steady");
  const rows = [
    [alarm.confidence >= 0.7, `Confidence in ${isOfProcess() ? "the cause" : "the name of the fault"}: ${number(100 * alarm.confidence)} %`, alarm.confidence >= 0.7 ? "high enough to act on" : "the change is real, its cause is uncertain"],
    lines.length ? [matched > 0, `${matched} of ${lines.length} fault lines were found`, matched ? "listed below, with those that were not" : "nothing in the envelope names a bearing fault"] : null,
    [isSteady, `Judged while the machine was: ${stateWords(alarm.operating_state).toLowerCase()}`, isSteady ? "compared with the baseline of this state" : "not a steady state, so comparison is doubtful"],
    [alarm.clock_quality === "synchronised", `Clock of the gateway: ${alarm.clock_quality ?? "unknown"}`, alarm.clock_quality === "synchronised" ? "the times can be trusted" : "the times may be off; the order of events is right"],
    [!alarm.late, alarm.late ? "It arrived late" : "It arrived when it happened", alarm.late ? "the gateway was offline; this is history" : "no delay in delivery"],
    [alarm.evidence === "complete", `Evidence: ${alarm.evidence}`, { complete: isOfProcess() ? "what came before is shown below" : "waveform and spectra below", partial: "some parts are still on their way", none: "the gateway has not sent any" }[alarm.evidence] ?? ""],
    [null, `Judged by: ${alarm.model || "unknown model"}`, ""],
  ];
  return rows.filter(Boolean).map(([speaksFor, words, note]) =>
    element("li", {}, speaksFor === null ? element("span", { class: "sign-space" }) : sign(speaksFor ? "normal" : "uncertain", speaksFor ? "for" : "doubt"), element("span", {}, words, note ? element("span", { class: "note" }, ` – ${note}`) : null)),
  );
}

function showLines() {
  const lines = alarm.lines?.length ? alarm.lines : (evidence?.fault_lines ?? []);
  byId("lines-section").hidden = !lines.length && isOfProcess();
  showFaultLines(lines, "None: no bearing is configured on this point, or this kind of alarm does not look for lines.");
}

function showBaseline() {
  // Temperatures have no zero to be a multiple of: what a process does is told by differences, channel by channel.
  const isProcess = isOfProcess();
  const known = Object.entries(evidence?.facts?.features ?? {}).map(([name, [value, baseline, unit]]) => ({ name, value, baseline, unit, factor: baseline ? value / baseline : null }));
  const features = isProcess
    ? known.sort((a, b) => Number(split(b.name).channel === alarm.channel) - Number(split(a.name).channel === alarm.channel))
    : known.sort((a, b) => Math.abs(Math.log(b.factor || 1)) - Math.abs(Math.log(a.factor || 1)));
  byId("against-how").textContent = isProcess ? "Difference" : "Factor";
  byId("against").hidden = !features.length;
  byId("baseline-hint").textContent = features.length ? "" : "The evidence holds no features.";
  put(
    byId("against").tBodies[0],
    features.map(({ name, value, baseline, unit, factor }) => {
      const difference = baseline === null ? null : value - baseline;
      const { channel, quantity } = split(name);
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, featureWords(quantity), " ", element("span", { class: "unit" }, [channel, unitWords(unit)].filter(Boolean).join(", "))),
        numberCell(number(value)),
        numberCell(number(baseline)),
        numberCell(number(isProcess ? difference : factor)),
      );
    }),
  );
}

function showTimeline() {
  const entries = [...(alarm.timeline ?? [])].sort((a, b) => ms(b.at) - ms(a.at));
  put(
    byId("timeline").tBodies[0],
    entries.map((entry) => element("tr", {}, element("td", { class: "c-when" }, time(ms(entry.at))), element("td", {}, entry.who), element("td", {}, sentenceCase(entry.what)), element("td", {}, entry.detail ?? ""))),
  );
}

async function fetchEvidence() {
  try {
    evidence = await get(`${api}/evidence`);
  } catch (reason) {
    if (reason.status !== 404) throw reason;
    evidence = null;
  }
}

async function showEvidence() {
  if (!evidence) {
    waveform.empty();
    slow.empty();
    spectrum.empty(nothing("No evidence has arrived yet", "The gateway sends the waveform and the spectra after the alarm itself; if it is offline they wait on its disk."));
    return;
  }
  if (isSlowPicture(evidence)) {
    await slow.show(evidence, alarm.channel);
    return;
  }
  await waveform.show(evidence, alarm.channel);
  await spectrum.show(evidence, alarm.channel);
}

async function answer(action) {
  if (!alarm || !allows(alarm, action)) return;
  if (await answerAlarm(action, alarm)) await refresh();
}

async function refresh() {
  const before = alarm?.evidence;
  try {
    alarm = await get(api);
  } catch (reason) {
    if (reason.status !== 404) throw reason;
    byId("alarm").hidden = true;
    byId("missing").hidden = false;
    put(byId("missing"), nothing(`There is no alarm “${id}”`, "Alarms are never deleted; check the address."), element("p", {}, element("a", { href: "/alarms" }, "See all alarms")));
    return;
  }
  await fetchClass();
  showHead();
  showOutcome();
  put(byId("checks"), checks());
  delete byId("alarm").dataset.waiting;
  if (alarm.evidence !== "none" && (alarm.evidence !== before || !evidence)) await fetchEvidence();
  showOutcome();
  put(byId("checks"), checks());
  showLines();
  showBaseline();
  showTimeline();
  delete byId("reasons").dataset.waiting;
  if (alarm.evidence !== before || evidence) await showEvidence();
  await around.show(alarm.channel);
  for (const section of ["evidence", "history"]) delete byId(section).dataset.waiting;
}

start({ refresh, concerns: (kind, what) => kind === "alarm" && (what === null || what === id), answer });
