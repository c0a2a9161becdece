// Who is signed in, and what they may: asked once a page; controls that a role may not use are not shown.
// This hides what would be refused anyway; the cloud itself decides (cloud/permissions.py).

import { get, getAll, remove } from "./api.js";
import { byId, element, put } from "./dom.js";

let person = null;
let asked = null;
const siteOf = new Map(); // by machine; filled for those only who are not the same at every site

/** Resolve once it is known who is signed in. */
export function known() {
  asked ??= get("/session").then(
    async (answer) => {
      const isMixed = Object.keys(answer.person?.roles ?? {}).length > 1;
      for (const gateway of isMixed ? await getAll("/gateways") : []) for (const machine of gateway.machines) siteOf.set(machine, gateway.group);
      person = answer.person;
      show();
    },
    (reason) => {
      asked = null; // asked again with the next refresh
      throw reason;
    },
  );
  return asked;
}

/** Whether the person may do something to a machine, without one: at one site at least; nothing before they are known. */
export function may(action, machine = null) {
  if (person === null) return false;
  if (machine === null || !siteOf.size) return person.may.includes(action);
  return ["*", siteOf.get(machine)].some((site) => person.may_at[site]?.includes(action));
}

/** Whether the person may do what concerns every site at once. */
export const mayEverywhere = (action) => person?.may_at["*"]?.includes(action) ?? false;

/** The person's name, roles by site, and how they are known. */
export const me = () => person;

/** A role at each site in words: "technician", or "technician in press-shop, viewer in paint-shop". */
export const rolesWords = (roles) =>
  Object.entries(roles)
    .map(([site, role]) => (site === "*" ? role : `${role} in ${site}`))
    .join(", ");

function show() {
  for (const node of document.querySelectorAll("[data-needs]")) node.hidden = !may(node.dataset.needs);
  const box = byId("who");
  box.hidden = person === null;
  if (person === null) return;
  const isAutomatic = person.how === "automatic";
  put(
    box,
    element("a", { href: "/account", title: `Your account: ${rolesWords(person.roles)}` }, element("span", { class: "who" }, person.name), isAutomatic ? ": signed in automatically" : ` · ${rolesWords(person.roles)}`),
    isAutomatic ? null : element("button", { type: "button", class: "quiet", id: "sign-out", onclick: signOut }, "Sign out"),
  );
}

async function signOut() {
  await remove("/session");
  location.assign("/sign-in");
}
