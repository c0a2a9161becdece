// The machine as a simple drawing: a shaft with its measurement points, the axes measured there, and where an alarm sits.

import { drawn, put } from "./dom.js";
import { plural } from "./format.js";

const WIDTH = 300;
const HEIGHT = 104;
const SHAFT_Y = 50;
const BODY = { x: 66, width: 168 };
// Non-drive end on the left, drive end on the right, as the point names of ISO 13373 have it; others in between.
const PLACES = { NDE: 52, DE: 248 };

/** Draw into `host`; `channels` as the API gives them, `alarmed` a map from point to priority. */
export function drawMachine(host, channels, alarmed, className) {
  const points = new Map();
  for (const { name } of channels) {
    const dot = name.lastIndexOf(".");
    const [point, axis] = dot < 0 ? [name, ""] : [name.slice(0, dot), name.slice(dot + 1)];
    points.set(point, [...(points.get(point) ?? []), axis]);
  }
  const others = [...points.keys()].filter((point) => !(point in PLACES));
  const placeOf = (point) => PLACES[point] ?? BODY.x + ((others.indexOf(point) + 1) * BODY.width) / (others.length + 1);
  const words = [...points].map(([point, axes]) => `${point} (${axes.filter(Boolean).join(", ") || "one axis"})`).join(", ");
  if (!points.size) {
    put(host);
    return;
  }
  put(
    host,
    drawn(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${plural(points.size, "measurement point")}: ${words}` },
      drawn("line", { class: "shaft", x1: 14, x2: WIDTH - 8, y1: SHAFT_Y, y2: SHAFT_Y }),
      drawn("rect", { class: "body", x: BODY.x, y: SHAFT_Y - 28, width: BODY.width, height: 56, rx: 5 }),
      drawn("text", { class: "body-name", x: WIDTH / 2, y: SHAFT_Y + 4, "text-anchor": "middle" }, others.length ? "" : (className ?? "")),
      [...points].map(([point, axes]) => pointAt(placeOf(point), point, axes, alarmed.get(point) ?? null)),
    ),
  );
}

function pointAt(x, point, axes, priority) {
  return drawn(
    "g",
    { class: `point ${priority ?? ""}` },
    drawn("rect", { class: "bearing", x: x - 7, y: SHAFT_Y - 16, width: 14, height: 32, rx: 2 }),
    axes.some((axis) => axis.startsWith("V")) ? drawn("path", { d: `M${x} ${SHAFT_Y - 30}v12m-3-4l3 4 3-4` }) : null,
    axes.some((axis) => axis.startsWith("H")) ? drawn("circle", { cx: x, cy: SHAFT_Y, r: 2.5 }) : null,
    axes.some((axis) => axis.startsWith("A")) ? drawn("path", { d: `M${x + 22} ${SHAFT_Y - 9}h-13m4-3l-4 3 4 3` }) : null,
    drawn("text", { x, y: SHAFT_Y + 36, "text-anchor": "middle" }, point),
    drawn("text", { class: "axes", x, y: SHAFT_Y + 49, "text-anchor": "middle" }, axes.filter(Boolean).join(" ")),
    priority ? drawn("text", { class: "alarmed", x, y: SHAFT_Y - 34, "text-anchor": "middle" }, priority) : null,
  );
}
