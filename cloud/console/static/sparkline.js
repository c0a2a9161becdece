// Up to a month of health in 120 pixels: the line, the limit it is judged by, and its last point.

import { drawn } from "./dom.js";
import { duration, number } from "./format.js";

const WIDTH = 120;
const HEIGHT = 24;
const DAYS = 30;
const SPAN_MS = DAYS * 86_400_000;

/** Health index that belongs to the score 1, the alarm threshold. */
export const HEALTH_LIMIT = 50;

/** Return a sparkline of `{t_ms, value}` over the last 30 days, or since the first data; a gap in the data is a gap in the line. */
export function sparkline(trend, now = Date.now()) {
  const points = (trend?.t_ms ?? []).map((t, index) => [t, trend.value[index]]).filter(([t]) => t >= now - SPAN_MS);
  const values = points.map(([, value]) => value).filter((value) => value !== null);
  const span = points.length ? Math.max(now - points[0][0], 1) : SPAN_MS;
  const x = (t) => (((t - now + span) / span) * (WIDTH - 4)).toFixed(1);
  const y = (value) => (2 + (1 - Math.min(Math.max(value, 0), 100) / 100) * (HEIGHT - 4)).toFixed(1);
  const longestStep = 3 * median(points.slice(1).map(([t], index) => t - points[index][0]));
  let path = "";
  let before = null;
  for (const [t, value] of points) {
    if (value === null) {
      before = null;
      continue;
    }
    path += `${before !== null && t - before <= longestStep ? "L" : "M"}${x(t)} ${y(value)}`;
    before = t;
  }
  const last = points.findLast(([, value]) => value !== null);
  const words = values.length ? `Health over ${duration(span)}: from ${number(values[0])} to ${number(values.at(-1))}, lowest ${number(Math.min(...values))}` : "No health yet";
  return drawn(
    "svg",
    { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: WIDTH, height: HEIGHT, role: "img", "aria-label": words },
    drawn("line", { class: "limit", x1: 0, x2: WIDTH, y1: y(HEALTH_LIMIT), y2: y(HEALTH_LIMIT) }),
    path ? drawn("path", { d: path }) : null,
    last ? drawn("circle", { cx: x(last[0]), cy: y(last[1]), r: 2, class: last[1] < HEALTH_LIMIT ? "below" : null }) : null,
  );
}

function median(steps) {
  return steps.length ? [...steps].sort((a, b) => a - b)[Math.floor(steps.length / 2)] : Infinity;
}
