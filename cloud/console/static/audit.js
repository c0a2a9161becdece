// Audit: who did what? Filtered in the address, newest first, as a file on request.

import { get } from "./api.js";
import { nothing } from "./cells.js";
import { byId, element, pageOf, put } from "./dom.js";
import { filters } from "./filters.js";
import { fromLocalTime, ms, plural, time } from "./format.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";

const SECTIONS = { alarm: "alarms", machine: "machines" };
let rows = [];
let next = null;
let planned = null;
const values = filters(byId("filters"), () => {
  // A person types; the list follows when they pause.
  clearTimeout(planned);
  planned = setTimeout(refresh, 300);
});

/** The filter as the API has it: only what is asked, times in UTC. */
function asked() {
  const wanted = {};
  for (const [name, value] of Object.entries(values())) {
    if (!value) continue;
    wanted[name] = name === "from" || name === "to" ? new Date(fromLocalTime(value)).toISOString() : value;
  }
  return wanted;
}

function subject({ what, subject: id }) {
  const section = SECTIONS[what.split(".")[0]];
  return section && id ? element("a", { href: pageOf(section, id) }, id) : id;
}

const detail = (said) =>
  Object.entries(said)
    .map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`)
    .join("; ");

function row(entry, at) {
  return element(
    "tr",
    { "data-id": `${entry.at} ${at}`, tabindex: -1 },
    element("td", { class: "c-when" }, time(ms(entry.at))),
    element("td", { class: "who" }, entry.who),
    element("td", {}, entry.what),
    element("td", { class: "detail" }, subject(entry)),
    element("td", { class: "detail" }, detail(entry.detail)),
  );
}

function show() {
  refill(byId("audit").tBodies[0], rows.map(row));
  byId("audit").tBodies[0].removeAttribute("aria-busy");
  byId("audit").hidden = !rows.length;
  byId("older").hidden = next === null;
  byId("empty").hidden = rows.length > 0;
  put(byId("empty"), nothing("Nothing fits this filter", "Names and subjects are matched whole; “alarm” stands for everything done to alarms."));
  byId("shown").textContent = `${plural(rows.length, "entry", "entries")}${next === null ? "" : ", more behind"}`;
  put(byId("sentence"), rows.length ? `Last: ${rows[0].who}, ${rows[0].what}, ${time(ms(rows[0].at))}.` : "Nothing to see here.");
  byId("export").href = `/api/v1/audit/export.csv?${new URLSearchParams(asked())}`;
}

async function refresh() {
  const answer = await get("/audit", asked());
  [rows, next] = [answer.items, answer.next];
  show();
}

async function older() {
  const answer = await get("/audit", { ...asked(), cursor: next });
  rows = [...rows, ...answer.items];
  next = answer.next;
  show();
}

byId("audit").dataset.rows = "";
byId("older").addEventListener("click", older);
start({ refresh: async () => (rows.length <= 200 ? refresh() : null), concerns: () => true });
