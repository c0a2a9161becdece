// Notifications: were people told? Targets with a test button, messages with what became of them, and why nobody was.

import { get, post } from "./api.js";
import { age, nothing, numberCell } from "./cells.js";
import { byId, element, pageOf, put } from "./dom.js";
import { NONE, ms, plural, time } from "./format.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";

const SHOWN = 100;
const WITHHELD_SHOWN = 30;
const WEEK_MS = 7 * 86_400_000;
const AFTER_TEST_MS = [300, 1_000, 3_000, 8_000]; // when to look what became of a test

const KINDS = { alarm: "Alarm", escalation: "Escalation", digest: "Digest", test: "Test" };
const WHY = { quiet: "quiet hours", schedule: "set time", flood: "many at once" };
const STATES = {
  delivered: ["normal", "Delivered"],
  waiting: ["learning", "Waiting"],
  sending: ["learning", "Sending"],
  failed: ["offline", "Failed"],
};
const WITHHELD = {
  late: "Reported late",
  old: "Too long ago",
  shelved: "Shelved",
  suppressed: "Suppressed",
  out_of_service: "Out of service",
  told_already: "Told already",
  no_route: "No route fits",
};

function targetSign(target) {
  if (!target.configured) return mark("withheld", "Not configured");
  if (target.problem) return mark("offline", "Trouble");
  return target.last_delivered ? mark("normal", "Works") : mark("uncertain", "Not tried");
}

async function sendTest(name, button) {
  button.disabled = true;
  try {
    const message = await post("/notifications/test", { target: name });
    say(`A test for ${name} is on its way.`);
    for (const wait of AFTER_TEST_MS) {
      await new Promise((resolve) => setTimeout(resolve, wait));
      const now = await get(`/notifications/${encodeURIComponent(message.id)}`);
      if (now.state === "delivered") say(`The test for ${name} was delivered.`);
      else if (now.problem) say(`The test for ${name} was not delivered: ${now.problem}.`);
      await refresh();
      if (now.state === "delivered" || now.state === "failed") break;
    }
  } catch (reason) {
    say(`No test: ${reason.detail ?? reason.message}.`);
  }
  button.disabled = false;
}

function say(words) {
  byId("tested").hidden = false;
  byId("tested").textContent = words;
}

function targetRow(target) {
  const button = element("button", { type: "button", class: "quiet", "data-key": "test", "aria-label": `Send a test to ${target.name}` }, "Test");
  button.addEventListener("click", () => sendTest(target.name, button));
  return element(
    "tr",
    { "data-id": target.name, class: target.problem || target.failed ? "" : "quiet-row" },
    element("td", { class: "c-state" }, targetSign(target)),
    element("th", { scope: "row", class: "c-name" }, target.name),
    element("td", { "data-label": "Address" }, target.address || NONE),
    numberCell(String(target.waiting), { class: "whole" }, "Waiting"),
    numberCell(String(target.delivered), { class: "whole" }, "Delivered"),
    numberCell(String(target.failed), { class: target.failed ? "whole noticed" : "whole" }, "Failed"),
    element("td", { class: "c-age", "data-label": "Last delivered" }, age(target.last_delivered)),
    element("td", { "data-label": "Problem", class: target.problem ? "noticed" : "" }, target.problem || NONE),
    element("td", { "data-label": "Test" }, target.configured ? button : NONE),
  );
}

function about(message) {
  if (message.kind === "test") return `Test asked for by ${message.by ?? "somebody"}`;
  const [first] = message.alarms;
  if (!first) return NONE;
  const link = element("a", { href: pageOf("alarms", first.alarm), "data-key": "alarm" }, `${first.machine_name}: ${first.sentence}`);
  return message.count > 1 ? [link, element("span", { class: "note" }, ` and ${message.count - 1} more`)] : link;
}

function kind(message) {
  const why = WHY[message.why] ? `, ${WHY[message.why]}` : "";
  const step = message.kind === "escalation" ? `, step ${message.step}` : "";
  return `${KINDS[message.kind] ?? message.kind}${step}${why}`;
}

function messageRow(message) {
  const [sign, word] = STATES[message.state] ?? ["uncertain", message.state];
  return element(
    "tr",
    { "data-id": message.id, tabindex: -1, class: message.state === "failed" ? "" : "quiet-row" },
    element("td", { class: "c-state" }, mark(sign, word)),
    element("th", { scope: "row", class: "c-name" }, about(message)),
    element("td", { "data-label": "Target" }, message.target),
    element("td", { "data-label": "Kind" }, kind(message)),
    element("td", { class: "c-age", "data-label": "Due" }, Date.parse(message.due) > Date.now() ? `at ${time(ms(message.due))}` : age(message.due)),
    numberCell(String(message.tries), { class: "whole" }, "Tries"),
    element("td", { class: "c-age", "data-label": "Finished" }, message.finished ? age(message.finished) : NONE),
    element("td", { "data-label": "Problem", class: message.problem ? "noticed" : "" }, message.problem || NONE),
  );
}

function withheldRow(item, at) {
  return element(
    "tr",
    { "data-id": `${item.alarm}/${at}`, class: "quiet-row" },
    element("td", { class: "c-state" }, mark("withheld", WITHHELD[item.why] ?? item.why)),
    element("th", { scope: "row", class: "c-name" }, element("a", { href: pageOf("alarms", item.alarm), "data-key": "alarm" }, `${item.machine_name}: ${item.sentence}`)),
    element("td", { class: "c-age", "data-label": "When" }, age(item.at)),
  );
}

function sentence({ enabled, problem, targets, items }) {
  if (!enabled) return "Nobody is told of anything.";
  if (problem) return `Messages wait: ${problem}.`;
  const failed = items.filter((message) => message.state === "failed" && Date.now() - Date.parse(message.finished) < WEEK_MS).length;
  const troubled = targets.filter((target) => target.configured && target.problem);
  if (troubled.length) return `${plural(troubled.length, "target does", "targets do")} not take messages: ${troubled.map((target) => target.name).join(", ")}.`;
  if (failed) return `${plural(failed, "message was", "messages were")} given up this week.`;
  const waiting = targets.reduce((sum, target) => sum + target.waiting, 0);
  return waiting ? `${plural(waiting, "message waits", "messages wait")} for its time.` : "Everything was delivered.";
}

async function refresh() {
  const [told, withheld] = await Promise.all([get("/notifications", { limit: SHOWN }), get("/notifications/withheld", { limit: WITHHELD_SHOWN })]);
  put(byId("sentence"), sentence(told));
  refill(byId("targets").tBodies[0], told.targets.map(targetRow));
  refill(byId("messages").tBodies[0], told.items.map(messageRow));
  refill(byId("withheld").tBodies[0], withheld.items.map(withheldRow));
  byId("withheld-section").hidden = !withheld.items.length;
  for (const section of ["targets", "messages"]) byId(section).closest("section").hidden = !told.enabled && !told.items.length;
  byId("empty").hidden = told.enabled || told.items.length > 0;
  if (!told.enabled)
    put(
      byId("empty"),
      nothing(
        "No targets are configured",
        "Add [notify] with a target and a route to the cloud's configuration, and start it again. “plantpulse cloud check --config …” says in one line what is wrong with it.",
        "Mail, chats and signed webhooks are possible; docs/notifications.md has a complete example.",
      ),
    );
}

byId("messages").dataset.rows = "";
start({ refresh, concerns: (kind) => kind === "alarm" });
