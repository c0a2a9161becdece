// Spectrum: which fault is it? One moment on a page of its own, every setting in the address.

import { get } from "./api.js";
import { nothing } from "./cells.js";
import { byId, element, pageOf, put } from "./dom.js";
import { showFaultLines } from "./faultlines.js";
import { ms, time } from "./format.js";
import { baselineOf, momentOptions } from "./moments.js";
import { start } from "./shell.js";
import { isSlowPicture, slowView } from "./slow.js";
import { spectrumView } from "./spectrum.js";
import { waterfallView } from "./waterfall.js";

const id = decodeURIComponent(location.pathname.slice("/machines/".length, -"/spectrum".length));
const api = `/machines/${encodeURIComponent(id)}`;
const NAMES = { channel: "channel", unit: "axis", scale: "scale", cursor: "cursor" };
const query = new URLSearchParams(location.search);
const initial = Object.fromEntries(Object.entries(NAMES).map(([name, parameter]) => [name, query.get(parameter) ?? undefined]));
let machine = null;
let pictures = [];
let shown = null;

const spectrum = spectrumView(byId("spectrum"), {
  initial: { ...initial, cursorHz: Number.parseFloat(query.get("hz")) || null, isCompared: query.get("baseline") !== "no" },
  changed: remember,
  baseline: () => baselineOf(api),
});
const slow = slowView(byId("slow"));
const waterfall = waterfallView(byId("waterfall"), (settings) => get(`${api}/spectra/waterfall`, settings), choose);

function remember(settings) {
  for (const [name, parameter] of Object.entries(NAMES)) query.set(parameter, settings[name]);
  if (settings.cursorHz) query.set("hz", String(Number(settings.cursorHz.toPrecision(6))));
  else query.delete("hz");
  if (settings.isCompared) query.delete("baseline");
  else query.set("baseline", "no");
  history.replaceState(null, "", `?${query}`);
}

function choose(picture) {
  if (picture) query.set("at", picture);
  else query.delete("at");
  history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
  show().catch((reason) => {
    if (reason.status === undefined) console.error(reason);
  });
}

async function show() {
  const select = byId("moment");
  select.replaceChildren(...momentOptions(pictures));
  select.value = pictures.some((one) => one.id === query.get("at")) ? query.get("at") : "";
  const wanted = select.value || pictures[0]?.id;
  byId("lines-section").hidden = !wanted;
  if (!wanted) {
    slow.empty();
    spectrum.empty(nothing("No spectrum yet", "The gateway sends one a few minutes after it has started, and with every alarm."));
    return;
  }
  waterfall.mark(wanted);
  if (wanted === shown) return;
  const picture = await get(`${api}/spectra/${encodeURIComponent(wanted)}`);
  put(byId("sentence"), `${time(ms(picture.end))}${picture.subject === "spectrum" ? "" : ", with an alarm"}`);
  const isSlow = isSlowPicture(picture);
  byId("lines-section").hidden = isSlow;
  (isSlow ? spectrum : slow).empty();
  await (isSlow ? slow : spectrum).show(picture);
  if (!isSlow) showFaultLines(picture.fault_lines, "None: no bearing is configured on this machine, or its speed was not known.");
  shown = wanted;
}

async function refresh() {
  try {
    machine = await get(api);
  } catch (reason) {
    if (reason.status !== 404) throw reason;
    byId("machine").hidden = true;
    byId("missing").hidden = false;
    put(byId("missing"), nothing(`There is no machine “${id}”`, "It may have been renamed or retired."), element("p", {}, element("a", { href: "/" }, "See all machines")));
    return;
  }
  document.title = `Spectrum of ${machine.name} · plantpulse`;
  put(byId("path"), element("a", { href: "/" }, "Fleet"), " / ", element("a", { href: pageOf("machines", id) }, machine.name), " / Spectrum");
  put(byId("name"), machine.name);
  const before = pictures[0]?.id;
  pictures = (await get(`${api}/spectra`)).items.sort((a, b) => ms(b.end) - ms(a.end));
  if (!pictures.length) put(byId("sentence"), "No picture of it has arrived yet.");
  await show();
  delete byId("machine").dataset.waiting;
  if (pictures[0]?.id !== before || !before) await waterfall.load();
}

byId("moment").addEventListener("change", (event) => choose(event.target.value));
start({ refresh, concerns: (kind, what) => kind === "machine" && (what === null || what === id) });
