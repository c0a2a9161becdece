// Everything by keyboard: rows with j and k, search with /, pages with g, help with ?.

import { byId, put } from "./dom.js";
import { legend } from "./signs.js";

const PAGES = { f: "/", s: "/site", a: "/alarms", g: "/gateways", m: "/models" };
const ANSWERS = { a: "acknowledge", s: "shelve", o: "outcome" };
const GO_MS = 1200; // how long a `g` waits for its second letter

const isTyping = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
const rows = () => [...document.querySelectorAll("table[data-rows] tbody tr[data-id]")];

function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(document.activeElement?.closest?.("tr[data-id]"));
  focusRow(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + step, 0), all.length - 1)]);
}

function focusRow(row) {
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

/** Refill a table body and leave the keyboard where it was. */
export function refill(body, newRows) {
  const held = document.activeElement?.closest?.("tr[data-id]");
  const id = held && body.contains(held) ? held.dataset.id : null;
  const inside = id !== null && document.activeElement !== held ? document.activeElement.dataset.key : null;
  put(body, newRows);
  if (id === null) return;
  const row = [...body.rows].find((one) => one.dataset.id === id);
  ((inside && row?.querySelector(`[data-key="${CSS.escape(inside)}"]`)) || row)?.focus({ preventScroll: true });
}

/** Listen. `answer(action, id)` is called for the row under the keyboard, or with null where there is none. */
export function listen({ answer = null } = {}) {
  let went = 0;
  put(byId("help-signs"), legend());
  byId("help-open").addEventListener("click", () => byId("help").showModal());
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const isSecond = Date.now() - went < GO_MS;
    went = 0;
    if (isSecond && event.key in PAGES) location.assign(PAGES[event.key]);
    else if (event.key === "g") went = Date.now();
    else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (event.key === "Enter" && event.target.matches?.("tr[data-id]")) (event.target.querySelector("a[data-open]") ?? event.target.querySelector("a[href]"))?.click();
    else if (event.key in ANSWERS && answer) answer(ANSWERS[event.key], event.target.closest?.("tr[data-id]")?.dataset.id ?? null);
    else if (event.key === "/") (document.querySelector('input[type="search"]') ?? byId("content")).focus();
    else if (event.key === "t") window.nextTheme();
    else if (event.key === "?") byId("help").showModal();
    else return;
    event.preventDefault();
  });
}
