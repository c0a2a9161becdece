// A gateway in words, the same in the list and on its own page.

import { NONE, duration, fixed, number, sentenceCase } from "./format.js";

const DROPPED = {
  budget_summary_merged: "summaries merged",
  budget_evidence: "evidence packages",
  budget_summary: "summaries",
  budget_health: "health reports",
  budget_alarm: "alarms",
  corrupt: "corrupt",
  oversized: "too large",
};

/** How many records a gateway gave up, over all reasons. */
export const droppedCount = (gateway) => Object.values(gateway.dropped ?? {}).reduce((total, count) => total + count, 0);

/** Which sign a gateway carries. */
export const gatewaySign = (gateway) => (!gateway.online ? "offline" : gateway.foreign ? "foreign" : "normal");

export const gatewayWords = (gateway) => (!gateway.online ? "Offline" : gateway.foreign ? "Foreign, online" : "Online");

/** What was dropped, by reason, in words. */
export const droppedWords = (gateway) =>
  droppedCount(gateway)
    ? Object.entries(gateway.dropped)
        .filter(([, count]) => count)
        .map(([reason, count]) => `${number(count)} ${DROPPED[reason] ?? sentenceCase(reason).toLowerCase()}`)
        .join(", ")
    : "none";

/** How far the clock can be trusted, in words. */
export function clockWords(gateway) {
  if (!gateway.clock_quality) return NONE;
  const off = gateway.clock_offset_s;
  const by = off === null || off === undefined ? "" : Math.abs(off) < 1 ? `, ${fixed(1000 * off, 0)} ms` : `, ${off < 0 ? "behind" : "ahead"} ${duration(Math.abs(1000 * off))}`;
  return sentenceCase(gateway.clock_quality) + by;
}

const DAY_MS = 86_400_000;
/** Days below which a certificate that nobody has renewed deserves a look: renewal starts at a third of a quarter's life. */
const SOON_DAYS = 30;

/** Whether the gateway's certificate has ended or soon will. */
export const certificateEndsSoon = (gateway) => gateway.certificate_days !== null && gateway.certificate_days < SOON_DAYS;

/** How long the certificate is good that the gateway shows the broker, in words. */
export function certificateWords(gateway) {
  const days = gateway.certificate_days;
  if (days === null || days === undefined) return "none";
  if (days < 0) return `expired ${duration(-days * DAY_MS)} ago`;
  return duration(days * DAY_MS);
}

/** Share of the raw bytes that was sent, in per cent, as text. */
export const sentShare = (gateway) => (gateway.raw_bytes > 0 ? `${number((100 * gateway.sent_bytes) / gateway.raw_bytes)} %` : NONE);
