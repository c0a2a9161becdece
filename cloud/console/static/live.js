// What changed, as the cloud says it: server-sent events name an id, the page fetches that again.
// The sign in the head says whether this works, and how old the newest answer is.

import { isFailing, show as showFailure } from "./api.js";
import { growOlder } from "./cells.js";
import { byId } from "./dom.js";
import { duration } from "./format.js";

const COALESCE_MS = 500; // a burst of events is one fetch
const ALARM_MS = 20; // an alarm is not kept waiting for the burst to end
const LOOK_AGAIN_MS = 60_000; // also without events: ages and limits move with time
const RETRY_MS = 5_000; // while the API fails

/**
 * Call `refresh()` now, after each event that `concerns(kind, id)`, after a reconnection, and once a minute.
 * Refreshes never overlap; what comes in between is one more refresh afterwards.
 */
export function live(refresh, concerns = () => true) {
  let updated = null;
  let running = false;
  let again = false;
  let planned = null; // the timer
  let due = Infinity;

  async function run() {
    planned = null;
    due = Infinity;
    if (running) {
      again = true;
      return;
    }
    running = true;
    try {
      await refresh();
      updated = Date.now();
    } catch (reason) {
      // ApiError already shows its line on the page; anything else is a defect and belongs in the console.
      if (reason.status === undefined) console.error(reason);
    }
    running = false;
    sign();
    if (again) {
      again = false;
      plan(COALESCE_MS);
    }
  }

  function plan(delay) {
    if (performance.now() + delay >= due) return;
    clearTimeout(planned);
    due = performance.now() + delay;
    planned = setTimeout(run, delay);
  }

  let connected = null;
  function connect() {
    const source = new EventSource("/api/v1/events");
    source.onopen = () => {
      if (connected === false) plan(0);
      connected = true;
      sign();
    };
    source.onerror = () => {
      // A lost stream mostly means a lost cloud; one fetch tells, and puts the line on the page if so.
      if (connected !== false) plan(COALESCE_MS);
      connected = false;
      sign();
      // The browser retries a lost connection by itself, but not one that was refused with an error answer.
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    };
    for (const kind of ["machine", "alarm", "gateway", "model", "rollout", "everything"]) {
      source.addEventListener(kind, (event) => {
        // "everything" comes instead when this page was too slow to be told each change.
        if (kind === "everything" || concerns(kind, idOf(event))) plan(kind === "alarm" ? ALARM_MS : COALESCE_MS);
      });
    }
  }

  function sign() {
    const state = connected ? "live" : connected === null ? "waiting" : "reconnecting";
    const words = { live: "Live", waiting: "Connecting", reconnecting: "Reconnecting" }[state];
    byId("live").dataset.state = isFailing() && connected ? "reconnecting" : state;
    const text = updated === null ? words : `${words} · ${duration(Date.now() - updated)} ago`;
    byId("live").title = "Whether changes arrive by themselves, and when this page last fetched its data";
    if (byId("live-words").textContent !== text) byId("live-words").textContent = text;
  }

  setInterval(() => {
    growOlder();
    showFailure();
    sign();
    const wait = isFailing() ? RETRY_MS : LOOK_AGAIN_MS;
    if (!running && (updated === null ? isFailing() : Date.now() - updated > wait)) plan(wait === RETRY_MS ? RETRY_MS : 0);
  }, 1000);
  connect();
  run();
}

/** Id in an event, or null: an event that cannot be read still says that something changed. */
function idOf(event) {
  try {
    return JSON.parse(event.data).id ?? null;
  } catch {
    return null;
  }
}
