// Advice: what does this plant do about a cause on a class of machines? Listed for everybody, changed by engineers.

import { get, replace } from "./api.js";
import { age, nothing } from "./cells.js";
import { byId, element, put } from "./dom.js";
import { ask } from "./forms.js";
import { plural, sentenceCase } from "./format.js";
import { refill } from "./keyboard.js";
import { mayEverywhere } from "./session.js";
import { start } from "./shell.js";

const form = byId("say").querySelector("form");
const { class: machineClass, cause, text } = form.elements;
let items = [];
let classes = [];
let asked = new URLSearchParams(location.search); // a link from an alarm names a class and a cause

const maySay = () => mayEverywhere("configure_machines");
const idOf = (item) => `${item.class}/${item.label}`;
const subject = (item) => `${sentenceCase(item.class)}, ${sentenceCase(item.label).toLowerCase()}`;
const known = (item) => items.find((one) => idOf(one) === idOf(item));

/** Words that are there: the cloud takes empty ones as "remove it". */
function said(words) {
  if (!words.trim()) throw new RangeError("say what is to be done");
  return words;
}

const send = (item, words) => replace(`/advice/${encodeURIComponent(item.class)}/${encodeURIComponent(item.label)}`, { text: words });

/** Ask with the fields that are named, and show what has become of it. */
async function open({ title, what, todo, fields, words, doIt }) {
  put(byId("say-title"), title);
  put(byId("say-what"), what);
  put(byId("say-do"), todo);
  for (const name of ["class", "cause", "text"]) byId(`say-${name}`).hidden = !fields.includes(name);
  text.value = words;
  text.required = fields.includes("text");
  const shown = ask(byId("say"), doIt);
  (fields.length ? form.elements[fields[0]] : byId("say-do")).focus();
  if (await shown) await refresh();
}

function add() {
  machineClass.selectedIndex = cause.selectedIndex = 0;
  const chosen = () => ({ class: machineClass.value, label: cause.value });
  const doIt = (values) => {
    if (known(chosen())) throw new RangeError(`for ${subject(chosen())} the plant already says something: change it in the list`);
    return send(chosen(), said(values.text));
  };
  return open({ title: "Add advice", what: "", todo: "Add", fields: ["class", "cause", "text"], words: "", doIt });
}

const change = (item) =>
  open({ title: subject(item), what: "Alarms that stand say it at once.", todo: "Save", fields: ["text"], words: known(item)?.text ?? "", doIt: (values) => send(item, said(values.text)) });

const removeItem = (item) =>
  open({ title: `Remove the advice for ${subject(item)}?`, what: "New alarms give what their gateway knows; those that stand keep this one.", todo: "Remove", fields: [], words: "", doIt: () => send(item, "") });

function row(item) {
  const button = (key, words, act) => element("button", { type: "button", "data-key": key, "aria-label": `${words}: ${subject(item)}`, onclick: () => act(item) }, words);
  return element(
    "tr",
    { "data-id": idOf(item), tabindex: -1 },
    element("th", { scope: "row" }, element("span", { class: "who" }, sentenceCase(item.class))),
    element("td", {}, sentenceCase(item.label)),
    element("td", { class: "c-verdict" }, item.text),
    element("td", {}, item.by, ", ", age(item.at)),
    maySay() ? element("td", {}, element("div", { class: "buttons" }, button("change", "Change", change), button("remove", "Remove", removeItem))) : null,
  );
}

/** Do what the link to this page was for, once. */
function follow() {
  const wanted = { class: asked.get("class"), label: asked.get("cause") };
  if (!wanted.class || !wanted.label) return;
  asked = new URLSearchParams();
  history.replaceState(null, "", location.pathname);
  if (maySay()) change(wanted);
  else [...byId("advice").tBodies[0].rows].find((one) => one.dataset.id === idOf(wanted))?.focus();
}

async function refresh() {
  const [advice, models] = await Promise.all([get("/advice"), get("/models")]);
  items = advice.items;
  classes = [...new Set([...models.items, ...items.map((item) => ({ machine_class: item.class }))].map((one) => one.machine_class).filter(Boolean))].sort();
  if (!byId("say").open) put(machineClass, classes.map((name) => element("option", { value: name }, sentenceCase(name))));
  put(byId("sentence"), items.length ? `The plant says what to do in ${plural(items.length, "case")}.` : "The plant says nothing of its own yet.");
  byId("add").hidden = !maySay() || !classes.length;
  byId("advice-change").hidden = !maySay();
  refill(byId("advice").tBodies[0], items.map(row));
  byId("advice-section").hidden = !items.length;
  byId("advice-hint").hidden = !items.length;
  byId("empty").hidden = items.length > 0;
  if (!items.length) put(byId("empty"), nothing("Alarms give what their gateway knows", classes.length ? "Say here what your people should do instead: which part from which store, whom to call, how soon." : "Advice is for classes of machines; they are known once a machine has reported."));
  follow();
}

byId("advice").dataset.rows = "";
byId("add").addEventListener("click", add);
start({ refresh, concerns: (kind) => kind === "machine" });
