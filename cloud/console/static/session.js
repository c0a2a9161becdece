// Who is signed in, and what they may: asked once a page; controls that a role may not use are not shown.
// This hides what would be refused anyway; the cloud itself decides (cloud/permissions.py).

import { get, remove } from "./api.js";
import { byId, element, put } from "./dom.js";

let person = null;
let asked = null;

/** Resolve once it is known who is signed in. */
export function known() {
  asked ??= get("/session").then(
    (answer) => {
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

/** Whether the person may do something at one site at least; nothing before it is known who they are. */
export const may = (action) => person?.may.includes(action) ?? false;

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
