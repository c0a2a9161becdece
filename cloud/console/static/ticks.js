// Where an axis has its ticks and what stands beside them.

import { fromWall, toWall } from "./zone.js";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const STEPS_MS = [1, 2, 5, 10, 15, 30].map((count) => count * MINUTE).concat([1, 2, 3, 6, 12].map((count) => count * HOUR));
const STEPS_DAYS = [1, 2, 7, 14, 30, 60, 90, 180, 365];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value) => String(value).padStart(2, "0");

/** Round values in [low, high], about so many, as `[value, text]`: steps of 1, 2 or 5 times a power of ten. */
export function numberTicks(low, high, count) {
  if (!(high > low)) return [];
  const rough = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high * (1 + 1e-12) + 1e-12; at++) ticks.push([at * step, (at * step).toFixed(decimals).replace(/^-(0(\.0+)?)$/, "$1").replace("-", "−")]);
  return ticks;
}

/** Powers of ten between two logarithms, as `[logarithm, text]`. */
export function decadeTicks(low, high) {
  const ticks = [];
  for (let power = Math.ceil(low - 1e-9); power <= high + 1e-9; power++) ticks.push([power, power >= -2 && power <= 3 ? String(Number((10 ** power).toPrecision(3))) : `10${[...String(power)].map((sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)])).join("")}`]);
  return ticks;
}

/** Times between two moments, about so many, as `[ms, clock or date, date where the day begins or null]`. */
export function timeTicks(from, to, count) {
  const rough = (to - from) / Math.max(count, 1);
  const step = STEPS_MS.find((one) => one >= rough);
  const ticks = [];
  const first = Math.floor(toWall(from) / DAY) * DAY;
  if (step) {
    let day = null;
    // From each midnight on, so that ticks are round hours also where the clock was changed.
    for (let midnight = first; fromWall(midnight) <= to; midnight += DAY) {
      const next = fromWall(midnight + DAY);
      for (let at = fromWall(midnight); at < next && at <= to; at += step) {
        if (at < from) continue;
        const moment = new Date(toWall(at));
        const own = dayOf(moment);
        ticks.push([at, `${two(moment.getUTCHours())}:${two(moment.getUTCMinutes())}`, own === day ? null : own]);
        day = own;
      }
    }
    return ticks;
  }
  const days = STEPS_DAYS.find((one) => one * DAY >= rough) ?? STEPS_DAYS.at(-1) * Math.ceil(rough / (STEPS_DAYS.at(-1) * DAY));
  let year = null;
  for (let midnight = first; fromWall(midnight) <= to; midnight += days * DAY) {
    const at = fromWall(midnight);
    if (at < from) continue;
    const date = new Date(midnight);
    const own = date.getUTCFullYear();
    ticks.push([at, `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`, own === year ? null : String(own)]);
    year = own;
  }
  return ticks;
}

const dayOf = (date) => `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;
