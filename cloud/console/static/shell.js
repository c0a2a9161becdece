// What every page has around its content: keys, open alarms in the head, a line that announces a new alarm.

import { getAll } from "./api.js";
import { isOpen } from "./answer.js";
import { byId, pageOf, put } from "./dom.js";
import { listen } from "./keyboard.js";
import { live } from "./live.js";
import { known as whoIsKnown } from "./session.js";
import { PRIORITIES, counts } from "./signs.js";

let known = null; // ids with occurrence of the alarms seen so far; null before the first fetch

async function alarms() {
  const open = (await getAll("/alarms", { state: "open" })).filter(isOpen);
  const byPriority = Object.fromEntries(PRIORITIES.map((priority) => [priority, open.filter((alarm) => alarm.priority === priority).length]));
  put(byId("open-alarms"), counts(byPriority));
  const named = (alarm) => `${alarm.id}/${alarm.occurrences}`;
  // A late alarm is history that arrived now; it is shown, not announced.
  const fresh = known === null ? [] : open.filter((alarm) => !known.has(named(alarm)) && alarm.condition === "active" && !alarm.late);
  known = new Set(open.map(named));
  if (fresh.length) announce(fresh);
}

function announce(fresh) {
  const worst = fresh.sort((a, b) => PRIORITIES.indexOf(a.priority) - PRIORITIES.indexOf(b.priority))[0];
  const more = fresh.length > 1 ? ` (and ${fresh.length - 1} more)` : "";
  byId("announcement").hidden = false;
  const words = `New ${worst.priority} alarm, ${worst.machine_name}: ${worst.sentence}${more}`;
  byId("announcement-words").textContent = words;
  byId("spoken").textContent = words;
  byId("announcement-link").href = pageOf("alarms", worst.id);
}

/**
 * Start a page.
 *
 * @param refresh fetches and shows what the page is about; called again whenever it `concerns(kind, id)`.
 * @param answer called with an action and the id of the row under the keyboard.
 */
export function start({ refresh, concerns = () => true, answer = null }) {
  listen({ answer });
  byId("announcement-close").addEventListener("click", () => {
    byId("announcement").hidden = true;
  });
  let alarmsMoved = true;
  live(
    async () => {
      await whoIsKnown();
      await refresh();
      if (alarmsMoved) await alarms();
      alarmsMoved = false;
    },
    (kind, id) => {
      if (kind === "alarm") alarmsMoved = true;
      return kind === "alarm" || concerns(kind, id);
    },
  );
}
