// Your account: what you may, your password, your tokens.

import { get, post, remove, replace } from "./api.js";
import { age, fact } from "./cells.js";
import { byId, element, put } from "./dom.js";
import { ask } from "./forms.js";
import { ms, sentenceCase, time } from "./format.js";
import { refill } from "./keyboard.js";
import { known, me, rolesWords } from "./session.js";
import { start } from "./shell.js";

const ROLES = ["viewer", "technician", "engineer", "ops", "admin"];
const HOW = { session: "with your password", automatic: "automatically: whoever reaches this address on this machine is", token: "with a token" };

function showPerson() {
  const person = me();
  put(byId("sentence"), `You are ${person.name}.`);
  put(byId("facts"), fact("Role", sentenceCase(rolesWords(person.roles))), fact("Signed in", HOW[person.how]), fact("You may", person.may.filter((action) => action !== "own_account").map((action) => action.replaceAll("_", " ")).join(", ")));
  byId("facts").removeAttribute("aria-busy");
  byId("password-section").hidden = person.how !== "session";
  const highest = Math.max(...Object.values(person.roles).map((role) => ROLES.indexOf(role)));
  const select = byId("token").querySelector("[name=role]");
  if (!select.options.length) put(select, ROLES.slice(0, highest + 1).map((role) => element("option", {}, role)));
}

function row(token) {
  return element(
    "tr",
    { "data-id": token.id, tabindex: -1 },
    element("th", { scope: "row" }, token.name),
    element("td", {}, token.role),
    element("td", {}, age(token.created)),
    element("td", { class: ms(token.expires) < Date.now() ? "noticed" : "" }, ms(token.expires) < Date.now() ? "over" : time(ms(token.expires))),
    element("td", {}, token.last_used ? age(token.last_used) : "never"),
    element("td", {}, element("button", { type: "button", "data-key": "revoke", "aria-label": `Revoke: ${token.name}`, onclick: () => revoke(token) }, "Revoke")),
  );
}

async function revoke(token) {
  await remove(`/tokens/${encodeURIComponent(token.id)}`);
  await refresh();
}

async function makeToken() {
  const made = await ask(byId("token"), ({ name, role, days }) => post("/tokens", { name, role, days: Number(days) }));
  if (!made) return;
  put(byId("secret"), made.token);
  byId("made").hidden = false;
  await refresh();
  byId("secret").focus();
}

function hideSecret() {
  put(byId("secret"));
  byId("made").hidden = true;
}

async function copySecret() {
  // Where the page may not write the clipboard, the text is selected instead.
  try {
    await navigator.clipboard.writeText(byId("secret").textContent);
    byId("spoken").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId("secret"));
  }
}

const changePassword = () =>
  ask(byId("password"), (values) => {
    if (values.new !== values.again) throw new RangeError("the two new passwords differ");
    return replace("/session/password", { old: values.old, new: values.new });
  });

async function refresh() {
  await known();
  showPerson();
  const tokens = (await get("/tokens")).items;
  refill(byId("tokens").tBodies[0], tokens.map(row));
  byId("tokens").hidden = !tokens.length;
  byId("no-tokens").hidden = tokens.length > 0;
}

byId("tokens").dataset.rows = "";
byId("make-token").addEventListener("click", makeToken);
byId("change-password").addEventListener("click", changePassword);
byId("copy").addEventListener("click", copySecret);
byId("hide").addEventListener("click", hideSecret);
start({ refresh, concerns: () => false });
