// Words and numbers for people: three significant digits, units, ages in words, times with the offset.

import { fromWall, offsetMinutes, toWall } from "./zone.js";

export const MINUS = "−";
export const NONE = "–"; // stands where there is no value
const THIN = "\u202f"; // narrow, and a number and its unit stay on one line

const UNITS = { "1": "", "m/s2": "m/s²", "mm/s2": "mm/s²", Cel: "°C", "[g]": "g", "[degF]": "°F", "[psi]": "psi", "dB[SPL]": "dB re 20 µPa", By: "B" };

/** Unit as it is printed; the dimensionless unit "1" prints nothing. */
export const unitWords = (unit) => (unit === null || unit === undefined ? "" : (UNITS[unit] ?? unit));

/** Number with three significant digits (whole numbers keep all of theirs); null gives a dash. */
export function number(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  const size = Math.abs(value);
  let text;
  if (size === 0) text = "0";
  else if (Number.isInteger(value)) text = grouped(value);
  else if (size >= 1e12 || size < 1e-4) {
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    text = `${mantissa} × 10${superscript(Number(exponent))}`;
  } else if (size >= 10 ** (digits - 1)) text = grouped(Math.round(value));
  else text = value.toPrecision(digits);
  return text.replace("-", MINUS);
}

const superscript = (exponent) =>
  String(exponent).replace(/[-0-9]/g, (sign) => (sign === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(sign)]));

function grouped(integer) {
  const text = String(integer);
  return text.replace("-", "").length > 4 ? text.replace(/\B(?=(\d{3})+$)/g, THIN) : text;
}

/** Number with a fixed count of decimals, for columns of one quantity. */
export function fixed(value, decimals) {
  return value === null || value === undefined || !Number.isFinite(value) ? NONE : value.toFixed(decimals).replace("-", MINUS);
}

export const withUnit = (value, unit) => [number(value), unitWords(unit)].filter(Boolean).join(THIN);

export function bytes(count) {
  if (count === null || count === undefined) return NONE;
  const steps = ["B", "kB", "MB", "GB", "TB", "PB"];
  const step = count > 0 ? Math.min(Math.floor(Math.log10(count) / 3), steps.length - 1) : 0;
  return `${number(count / 1000 ** step)}${THIN}${steps[step]}`;
}

/** Duration in words: "12 s", "3 min", "2 h 5 min", "9 days". */
export function duration(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 6 && minutes % 60) return `${hours} h ${minutes % 60} min`;
  if (hours < 48) return `${Math.round(minutes / 60)} h`;
  const days = Math.round(minutes / 1440);
  return days < 60 ? `${days} days` : `${Math.round(days / 30.4)} months`;
}

const two = (value) => String(value).padStart(2, "0");

/** Offset of the zone at one moment, "+01:00". */
export function offset(ms) {
  const minutes = offsetMinutes(ms);
  const size = Math.abs(minutes);
  return `${minutes < 0 ? MINUS : "+"}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

const wallText = (ms) => new Date(toWall(ms)).toISOString();

/** Time of the day with its offset, "18:02:11 +01:00". */
export const clockTime = (ms) => `${wallText(ms).slice(11, 19)} ${offset(ms)}`;

/** Time with its offset, "2026-11-20 18:02:11 +01:00". */
export const time = (ms) => `${wallText(ms).slice(0, 10)} ${clockTime(ms)}`;

/** Time without zone, as plotly.js wants it (it would draw UTC otherwise). */
export const localTime = (ms) => wallText(ms).slice(0, 23).replace("T", " ");

/** The way back from `localTime`, also from the shorter forms that plotly.js and fields of forms give. */
export function fromLocalTime(text) {
  const [date, hours = "00:00"] = String(text).split(/[ T]/);
  return fromWall(Date.parse(`${date}T${hours}Z`));
}

/** Milliseconds of an ISO time of the API, or null. */
export const ms = (iso) => (iso === null || iso === undefined ? null : Date.parse(iso));

const FEATURES = {
  health_index: "Health",
  score: "Score",
  acceleration_rms: "Acceleration RMS",
  acceleration_peak: "Acceleration peak",
  crest_factor: "Crest factor",
  kurtosis: "Kurtosis",
  velocity_rms: "Velocity RMS",
  sound_level: "Sound level",
  sound_level_a: "Sound level, A-weighted",
  sound_pressure_peak: "Sound pressure peak",
  mean: "Level",
  last: "Last value",
};

/** Name of a feature for people: "velocity_rms" is "Velocity RMS", "band_3" is "Band 3". */
export const featureWords = (name) => FEATURES[name] ?? sentenceCase(name);

/** A snake_case word of the vocabulary for people: "outer_race" is "Outer race". */
export function sentenceCase(name) {
  const words = String(name).replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Operating state for people: "steady/default" is "Steady", "steady/high load" is "Steady, high load". */
export function stateWords(state) {
  if (!state) return NONE;
  const [kind, name] = state.split("/");
  return name && name !== "default" ? `${sentenceCase(kind)}, ${name}` : sentenceCase(kind);
}

/** The first sentence of a text; a full stop between digits or after a single letter ends none. */
export function firstSentence(text) {
  return /^.*?[^\s.][^\s.][.!?](?=\s+\p{Lu}|\s*$)/su.exec(text ?? "")?.[0] ?? text ?? "";
}

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;
