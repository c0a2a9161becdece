// Gateways: is anything of ours broken? Those with trouble first.

import { getAll } from "./api.js";
import { age, nothing, numberCell } from "./cells.js";
import { byId, element, pageOf, put } from "./dom.js";
import { NONE, fixed, number, plural } from "./format.js";
import { certificateEndsSoon, certificateWords, clockWords, droppedCount, droppedWords, gatewaySign, gatewayWords, sentShare } from "./gatewaywords.js";
import { refill } from "./keyboard.js";
import { start } from "./shell.js";
import { mark } from "./signs.js";

const trouble = (gateway) => (gateway.online ? 0 : 4) + (gateway.quarantined ? 2 : 0) + (droppedCount(gateway) ? 1 : 0);

function row(gateway) {
  const key = gatewaySign(gateway);
  const mine = (text) => (gateway.foreign ? NONE : text);
  return element(
    "tr",
    { "data-id": gateway.id, tabindex: -1, class: trouble(gateway) ? "" : "quiet-row" },
    element("td", { class: "c-state" }, mark(key, gatewayWords(gateway))),
    element("th", { scope: "row", class: "c-name" }, element("a", { href: pageOf("gateways", gateway.id), "data-key": "name" }, gateway.name), element("span", { class: "path" }, gateway.group)),
    element("td", { class: "c-age", "data-label": "Last seen" }, age(gateway.last_seen)),
    element("td", { "data-label": "Version" }, gateway.agent_version ?? NONE),
    numberCell(mine(number(gateway.pending)), { class: "whole" }, "Waiting"),
    element("td", { "data-label": "Dropped", class: droppedCount(gateway) ? "noticed" : "" }, mine(droppedWords(gateway))),
    element("td", { "data-label": "Clock", class: gateway.clock_quality && gateway.clock_quality !== "synchronised" ? "noticed" : "" }, clockWords(gateway)),
    element("td", { "data-label": "Certificate", class: certificateEndsSoon(gateway) ? "noticed" : "" }, mine(certificateWords(gateway))),
    numberCell(mine(fixed(gateway.cpu_percent, 1)), {}, "CPU"),
    numberCell(mine(fixed(gateway.rss_mb, 1)), {}, "Memory"),
    numberCell(mine(sentShare(gateway)), {}, "Sent"),
    numberCell(mine(number(gateway.records_stored)), { class: "whole" }, "Stored"),
    numberCell(number(gateway.quarantined), { class: gateway.quarantined ? "whole noticed" : "whole" }, "Quarantine"),
    numberCell(String(gateway.machines?.length ?? 0), { class: "whole" }, "Machines"),
  );
}

function sentence(gateways) {
  const offline = gateways.filter((gateway) => !gateway.online);
  const others = gateways.filter((gateway) => gateway.online && trouble(gateway));
  const foreign = gateways.filter((gateway) => gateway.foreign).length;
  const rest = foreign ? ` ${foreign === 1 ? "One is" : `${foreign} are`} not ours.` : "";
  if (offline.length) return `${plural(offline.length, "gateway is", "gateways are")} offline: ${offline.map((gateway) => gateway.name).join(", ")}.${rest}`;
  if (others.length) return `All are online; ${others.map((gateway) => gateway.name).join(", ")} lost or refused something.${rest}`;
  return `${gateways.length === 1 ? "The gateway is" : `All ${gateways.length} gateways are`} online.${rest}`;
}

async function refresh() {
  const gateways = (await getAll("/gateways")).sort((a, b) => trouble(b) - trouble(a) || Number(a.foreign) - Number(b.foreign) || a.name.localeCompare(b.name));
  put(byId("sentence"), gateways.length ? sentence(gateways) : "No gateway yet.");
  refill(byId("gateways").tBodies[0], gateways.map(row));
  byId("gateways").hidden = !gateways.length;
  byId("empty").hidden = gateways.length > 0;
  if (!gateways.length)
    put(
      byId("empty"),
      nothing(
        "No gateway has connected yet",
        "A gateway appears here with its first birth message. Check that it reaches the broker: “plantpulse agent check --config …” on the gateway says so in one line.",
        "Any other Sparkplug B node on the same broker appears here too, with its metrics.",
      ),
    );
}

byId("gateways").dataset.rows = "";
start({ refresh, concerns: (kind) => kind === "gateway" });
