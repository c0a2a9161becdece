// What people say of a machine: its name, its place, how critical it is, in which states its alarms mean nothing.
//
// Opened with what is known and its ETag → saved with that ETag, only what was changed. Where somebody was first, their
// values come into the fields that were not touched, and one line says what they changed.

import { ApiError, amend, getTagged } from "./api.js";
import { byId } from "./dom.js";
import { ask } from "./forms.js";
import { ms, time } from "./format.js";

const CHANGED_MEANWHILE = 412;
const FIELDS = { display_name: "name", path: "place", criticality: "criticality", suppressed_in: "states without alarms" };
const form = byId("edit").querySelector("form");
const boxes = () => [...form.querySelectorAll("[name=suppressed_in]")];

/** What a document of the API says, as the fields hold it. */
const said = (document) => ({
  display_name: document.display_name ?? "",
  path: document.path ?? "",
  criticality: document.criticality,
  suppressed_in: boxes().map((box) => box.value).filter((state) => document.suppressed_in.includes(state)),
});

const entered = () => ({
  display_name: form.elements.display_name.value.trim(),
  path: form.elements.path.value.trim(),
  criticality: form.elements.criticality.value,
  suppressed_in: boxes().filter((box) => box.checked).map((box) => box.value),
});

function show(values) {
  for (const name of ["display_name", "path", "criticality"]) form.elements[name].value = values[name];
  for (const box of boxes()) box.checked = values.suppressed_in.includes(box.value);
}

/** Names of the fields in which two documents differ. */
const differing = (one, other) => Object.keys(FIELDS).filter((name) => String(one[name]) !== String(other[name]));

function words(value) {
  if (Array.isArray(value)) return value.length ? value.join(", ") : "none";
  return value ? `“${value}”` : "empty";
}

/** Ask and save; resolves to null where nothing was saved. */
export async function editMachine(api, machine) {
  const path = `${api}/edit`;
  let known = await getTagged(path);
  const theirs = byId("edit-theirs");
  theirs.hidden = true;
  theirs.onclick = () => {
    show(said(known.body));
    theirs.hidden = true;
    form.querySelector(".field-failure").hidden = true;
    form.elements.display_name.focus();
  };
  byId("edit-title").textContent = `Edit ${machine.name}`;
  show(said(known.body));
  return ask(byId("edit"), async () => {
    const [before, mine] = [said(known.body), entered()];
    const touched = differing(before, mine);
    try {
      return touched.length ? await amend(api, Object.fromEntries(touched.map((name) => [name, mine[name]])), known.tag) : {};
    } catch (reason) {
      if (!(reason instanceof ApiError && reason.status === CHANGED_MEANWHILE)) throw reason;
    }
    known = await getTagged(path);
    const now = said(known.body);
    show({ ...now, ...Object.fromEntries(touched.map((name) => [name, mine[name]])) });
    theirs.hidden = false;
    const news = differing(before, now).map((name) => `${FIELDS[name]} is now ${words(now[name])}`);
    throw new RangeError(`somebody has changed this machine meanwhile: ${news.join("; ")}. Save again to keep what stands above.`);
  });
}

/** Since when what is normal is learnt, and whether the gateway does so; nothing where nobody asked. */
export function relearningWords({ since, by, done }) {
  if (!since) return "";
  const state = done ? "Its gateway does so." : "It waits for its gateway.";
  return `What is normal is learnt anew since ${time(ms(since))}: ${by} said that a part was replaced. ${state}`;
}
