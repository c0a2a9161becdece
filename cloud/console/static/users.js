// Users: who is there, and what may they do? For admins of the whole plant.

import { get, getAll, post, remove, replace } from "./api.js";
import { age, nothing } from "./cells.js";
import { byId, element, put } from "./dom.js";
import { ask } from "./forms.js";
import { plural } from "./format.js";
import { refill } from "./keyboard.js";
import { me, rolesWords } from "./session.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";

const ROLES = ["viewer", "technician", "engineer", "ops", "admin"];
let sites = [];

const pathOf = (user) => `/users/${encodeURIComponent(user.name)}`;

const CHANGES = {
  roles: { words: "Roles", title: (user) => `Roles of ${user.name}`, what: "Their sessions end; they sign in again with what they may then.", do: "Give these roles", send: (user, values) => replace(`${pathOf(user)}/roles`, { roles: rolesOf(values) }) },
  password: { words: "Password", title: (user) => `Another password for ${user.name}`, what: "Their sessions end. Tell it to nobody else.", do: "Set the password", send: (user, { password }) => replace(`${pathOf(user)}/password`, { password }) },
  disable: { words: "Disable", title: (user) => `Keep ${user.name} out?`, what: "Sessions end, tokens rest, nothing is lost; can be taken back.", do: "Disable", send: (user) => post(`${pathOf(user)}/disable`, {}) },
  enable: { words: "Enable", title: (user) => `Let ${user.name} in again?`, what: "With the same password and the same tokens.", do: "Enable", send: (user) => post(`${pathOf(user)}/enable`, {}) },
  remove: { words: "Remove", title: (user) => `Remove ${user.name}?`, what: "With all their tokens. What they did stays in the audit log.", do: "Remove", send: (user) => remove(pathOf(user)) },
};

/** Roles by site out of the dialog's fields. */
function rolesOf(values) {
  const roles = values.everywhere ? { "*": values.everywhere } : {};
  for (const [name, role] of Object.entries(values)) if (name.startsWith("site ") && role) roles[name.slice(5)] = role;
  return roles;
}

function showSites(roles) {
  const all = [...new Set([...sites, ...Object.keys(roles).filter((site) => site !== "*")])].sort();
  put(
    byId("user-sites"),
    all.map((site) =>
      element("label", {}, `At ${site} `, element("select", { name: `site ${site}` }, element("option", { value: "" }, "as everywhere"), ROLES.map((role) => element("option", { selected: roles[site] === role }, role)))),
    ),
  );
}

async function open({ title, what, todo, fields, roles = {}, send }) {
  const form = byId("user").querySelector("form");
  put(byId("user-title"), title);
  put(byId("user-what"), what);
  put(byId("user-do"), todo);
  byId("user-name-label").hidden = !fields.includes("name");
  form.elements.name.required = fields.includes("name");
  form.elements.name.value = "";
  byId("user-password-label").hidden = !fields.includes("password");
  form.elements.password.required = fields.includes("password");
  byId("user-roles").hidden = !fields.includes("roles");
  form.elements.everywhere.value = roles["*"] ?? "";
  showSites(roles);
  if (await ask(byId("user"), send)) await refresh();
}

const change = (user, key) =>
  open({ title: CHANGES[key].title(user), what: CHANGES[key].what, todo: CHANGES[key].do, fields: [key], roles: user.roles, send: (values) => CHANGES[key].send(user, values) });

const add = () =>
  open({ title: "Add a user", what: "The name stands on alarms and in the audit log.", todo: "Add", fields: ["name", "roles", "password"], roles: { "*": "viewer" }, send: (values) => post("/users", { name: values.name, roles: rolesOf(values), password: values.password }) });

function row(user) {
  const changes = ["roles", "password", user.disabled ? "enable" : "disable", "remove"];
  const state = user.disabled ? mark("withheld", "Disabled") : user.can_sign_in ? mark("normal", "May sign in") : mark("off", "No password");
  return element(
    "tr",
    { "data-id": user.name, tabindex: -1, class: user.can_sign_in ? "" : "quiet-row" },
    element("th", { scope: "row", class: "c-name" }, element("span", { class: "who" }, user.name), user.name === me()?.name ? " (you)" : ""),
    element("td", { "data-label": "Roles" }, rolesWords(user.roles)),
    element("td", { class: "c-state" }, state),
    element("td", { class: "c-age", "data-label": "Last sign-in" }, user.last_sign_in ? age(user.last_sign_in) : "never"),
    element("td", { class: "c-age", "data-label": "Added" }, age(user.created)),
    element("td", { class: "buttons" }, changes.map((key) => element("button", { type: "button", "data-key": key, "aria-label": `${CHANGES[key].words}: ${user.name}`, onclick: () => change(user, key) }, CHANGES[key].words))),
  );
}

async function refresh() {
  const users = (await get("/users")).items;
  sites = [...new Set((await getAll("/gateways")).map((gateway) => gateway.group))];
  const [active, admins] = [users.filter((user) => user.can_sign_in), users.filter((user) => user.roles["*"] === "admin" && user.can_sign_in)];
  put(byId("sentence"), `${plural(active.length, "person", "people")} may sign in, ${plural(admins.length, "admin")} among them.`);
  refill(byId("users").tBodies[0], users.length ? users.map(row) : element("tr", {}, element("td", { colspan: 6 }, nothing("No users yet", "Add the first one."))));
  byId("users").tBodies[0].removeAttribute("aria-busy");
}

byId("users").dataset.rows = "";
byId("add").addEventListener("click", add);
start({ refresh, concerns: () => false });
