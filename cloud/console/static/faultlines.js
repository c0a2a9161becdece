// The table of fault lines: matched first, those that were not found below them. On the alarm and on the spectrum.

import { numberCell } from "./cells.js";
import { byId, element, put } from "./dom.js";
import { NONE, fixed } from "./format.js";
import { mark } from "./signs.js";

/** Fill the table of the page; `hint` stands where there are none. */
export function showFaultLines(lines, hint) {
  const ordered = [...lines].sort((a, b) => Number(b.matched) - Number(a.matched) || a.expected_hz - b.expected_hz);
  byId("lines").hidden = !ordered.length;
  byId("lines-hint").textContent = ordered.length ? "" : hint;
  put(
    byId("lines").tBodies[0],
    ordered.map((line) =>
      element(
        "tr",
        { class: line.matched ? "" : "quiet-row" },
        element("td", {}, line.matched ? mark("normal", "found") : mark("off", "not found")),
        element("th", { scope: "row" }, line.line),
        numberCell(fixed(line.order, 3)),
        numberCell(fixed(line.expected_hz, 1)),
        numberCell(fixed(line.found_hz, 1)),
        numberCell(line.found_hz === null ? NONE : fixed((100 * (line.found_hz - line.expected_hz)) / line.expected_hz, 2)),
        numberCell(fixed(line.snr_db, 1)),
      ),
    ),
  );
}
