// Where an axis has its ticks and what stands beside them. Pure.

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

/** Local times between two moments, about so many, as `[ms, clock or date, date where the day begins or null]`. */
export function timeTicks(from, to, count) {
  const rough = (to - from) / Math.max(count, 1);
  const step = STEPS_MS.find((one) => one >= rough);
  const ticks = [];
  let day = null;
  const start = new Date(from);
  start.setHours(0, 0, 0, 0);
  if (step) {
    // From local midnight on, so that ticks are round hours also where the clock was changed.
    for (let midnight = start; midnight.getTime() <= to; midnight = nextDay(midnight, 1)) {
      const next = nextDay(midnight, 1).getTime();
      for (let at = midnight.getTime(); at < next && at <= to; at += step) {
        if (at < from) continue;
        const moment = new Date(at);
        const own = dayOf(moment);
        ticks.push([at, `${two(moment.getHours())}:${two(moment.getMinutes())}`, own === day ? null : own]);
        day = own;
      }
    }
    return ticks;
  }
  const days = STEPS_DAYS.find((one) => one * DAY >= rough) ?? STEPS_DAYS.at(-1) * Math.ceil(rough / (STEPS_DAYS.at(-1) * DAY));
  let year = null;
  for (let at = start; at.getTime() <= to; at = nextDay(at, days)) {
    if (at.getTime() < from) continue;
    ticks.push([at.getTime(), `${MONTHS[at.getMonth()]} ${at.getDate()}`, at.getFullYear() === year ? null : String(at.getFullYear())]);
    year = at.getFullYear();
  }
  return ticks;
}

const dayOf = (date) => `${MONTHS[date.getMonth()]} ${date.getDate()}, ${date.getFullYear()}`;

function nextDay(date, days) {
  const next = new Date(date);
  next.setDate(next.getDate() + days);
  return next;
}
