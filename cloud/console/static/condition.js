// Which one sign a machine carries and in which order machines are listed: worst first. Pure.

import { PRIORITIES, highestPriority, signWord } from "./signs.js";

const HOUR_MS = 3_600_000;

/** Worst first; the order of the fleet list and of the filter. */
export const CONDITIONS = [...PRIORITIES, "nodata", "uncertain", "withheld", "learning", "normal", "off"];

/** The one sign of a machine. An open alarm goes before silence, silence before everything that is no longer known. */
export function condition(machine) {
  const priority = highestPriority(machine.open_alarms);
  if (priority) return priority;
  if (machine.maintenance) return "withheld"; // whoever works on it may well pull the plug
  if (machine.stale || !machine.last_data) return "nodata";
  if (machine.operating_state === "off") return "off";
  if (machine.verdict?.label === "uncertain") return "uncertain";
  if (machine.learning_progress !== null && machine.learning_progress < 1) return "learning";
  return "normal";
}

export function conditionWords(machine) {
  const key = condition(machine);
  if (key === "withheld") return "In maintenance";
  return key === "learning" ? `Learning ${Math.floor(100 * machine.learning_progress)} %` : signWord(key);
}

/** Order of two machines: condition, number of alarms of the highest priority, health, name. */
export function worseFirst(a, b) {
  const [first, second] = [condition(a), condition(b)];
  return (
    CONDITIONS.indexOf(first) - CONDITIONS.indexOf(second) ||
    (b.open_alarms?.[second] ?? 0) - (a.open_alarms?.[first] ?? 0) ||
    (a.health_index ?? 101) - (b.health_index ?? 101) ||
    a.name.localeCompare(b.name)
  );
}

/** Site and area: the first two places of a machine's path. */
export function places(machine) {
  const [site = "", area = ""] = (machine.path ?? "").split("/").map((place) => place.trim());
  return { site, area };
}

/**
 * Change of health since the last value that is at least `hours` old, as `{change, value, at}`; null where there is none.
 * The trend comes in buckets named by their start, so a value is as old as its bucket's end.
 */
export function healthChange(machine, hours, now = Date.now()) {
  const { t_ms: times = [], value = [] } = machine.health_trend ?? {};
  if (machine.health_index === null || machine.stale || times.length < 2) return null;
  const steps = times.slice(1).map((t, at) => t - times[at]).sort((a, b) => a - b);
  const step = steps[Math.floor(steps.length / 2)];
  const before = times.findLastIndex((t, at) => t + step <= now - hours * HOUR_MS && value[at] !== null);
  // A value from long before the shift says nothing about the shift.
  if (before < 0 || now - times[before] - step > 2 * hours * HOUR_MS + step) return null;
  return { change: machine.health_index - value[before], value: value[before], at: times[before] };
}
