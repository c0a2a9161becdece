// Pictures of a machine as a choice of moments, and what it was like at first.

import { get } from "./api.js";
import { ms, plural, time } from "./format.js";

/** Options of a select, newest first; the first one is whatever is latest. `pictures` as the API gives them, sorted. */
export const momentOptions = (pictures) => [
  new Option(pictures.length ? `latest, ${time(ms(pictures[0].end))}` : "latest", ""),
  ...pictures.map((one) => new Option(`${time(ms(one.end))}${one.subject === "spectrum" ? "" : " (alarm)"}`, one.id)),
];

/** The median of the oldest spectra, with words for it; null where there is none. */
export async function baselineOf(api) {
  const document = await get(`${api}/spectra/baseline`);
  return document.pictures ? { ...document, words: `median of ${plural(document.pictures, "spectrum", "spectra")} from ${time(ms(document.first)).slice(0, 10)} on` } : null;
}
