// The clock on the wall: the plant's where the page names its time zone, else the browser's own.

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const plant = document.documentElement.dataset.timeZone;
const known = new Map();
let format = null;
try {
  if (plant) format = new Intl.DateTimeFormat("en", { timeZone: plant, timeZoneName: "longOffset" });
} catch {
  // A browser that does not know the zone shows its own; the offset beside each time says so.
}

/** Minutes by which the wall's clock is ahead of UTC at one moment. */
export function offsetMinutes(ms) {
  if (!format) return -new Date(ms).getTimezoneOffset();
  // Clocks are changed at quarters of an hour, and a chart asks for thousands of moments.
  const quarter = Math.floor(ms / QUARTER);
  if (!known.has(quarter)) known.set(quarter, minutesOf(format.formatToParts(quarter * QUARTER)));
  return known.get(quarter);
}

/** "GMT+05:30" as 330; "GMT" as 0. */
function minutesOf(parts) {
  const [, sign, hours, minutes] = /GMT(?:([+-])(\d{2}):(\d{2}))?/.exec(parts.find((part) => part.type === "timeZoneName").value);
  return hours ? (sign === "-" ? -1 : 1) * (60 * Number(hours) + Number(minutes)) : 0;
}

/** Milliseconds of which the UTC fields are what the wall's clock shows. */
export const toWall = (ms) => ms + offsetMinutes(ms) * MINUTE;

/** The way back; of an hour that is there twice one of both, of one that is left out the one after. */
export function fromWall(wall) {
  const near = wall - offsetMinutes(wall) * MINUTE;
  return wall - offsetMinutes(near) * MINUTE;
}
