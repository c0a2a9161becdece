// The way to /api/v1: fetches JSON, follows cursors, and keeps one line on the page while the API fails.

import { byId } from "./dom.js";
import { clockTime } from "./format.js";

const ROOT = "/api/v1";
const TIMEOUT_MS = 20_000;
const LAST_PAGE = 40; // a list longer than this many pages is shown as far as it was read

let lastAnswer = null; // when the API last answered
let failing = null; // why it does not, or null

/** What the API answered instead of what was asked for. `status` is 0 when nothing answered. */
export class ApiError extends Error {
  constructor(status, title, detail) {
    super(detail ? `${title}: ${detail}` : title);
    this.status = status;
    this.title = title;
    this.detail = detail;
  }
}

/** Return what the API answered, and the ETag that goes with a change of it. */
async function asked(path, options) {
  let response;
  try {
    response = await fetch(ROOT + path, { ...options, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (reason) {
    throw failed(new ApiError(0, reason.name === "TimeoutError" ? `no answer within ${TIMEOUT_MS / 1000} s` : "no connection"));
  }
  const body = await response.json().catch(() => null);
  if (response.ok) {
    answered();
    return { body, tag: response.headers.get("ETag") };
  }
  // Signed out, here or elsewhere: whoever signs in again comes back to this page.
  if (response.status === 401) location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  const error = new ApiError(response.status, body?.title ?? `HTTP ${response.status}`, body?.detail);
  if (response.status >= 500) failed(error);
  else answered(); // "there is no such machine" is an answer
  throw error;
}

const call = async (path, options) => (await asked(path, options)).body;

/** Fetch one document and its ETag, `{ body, tag }`. */
export const getTagged = (path) => asked(path, {});

/** Fetch one document; a parameter that is a list is repeated. */
export function get(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== null && one !== undefined) query.append(name, one);
  }
  return call(query.size ? `${path}?${query}` : path);
}

/** Fetch a list to its end, `{ items, next }`, or until there are as many as wanted: `next` says that there are more. */
export async function getSome(path, parameters, wanted) {
  const items = [];
  let cursor = null;
  for (let page = 0; page < LAST_PAGE; page++) {
    const answer = await get(path, { ...parameters, cursor });
    items.push(...answer.items);
    cursor = answer.next;
    if (!cursor || items.length >= wanted) break;
  }
  return { items, next: cursor };
}

/** Fetch a list to its end. */
export const getAll = async (path, parameters = {}) => (await getSome(path, parameters, Infinity)).items;

const change = (method) => (path, body, headers = {}) => call(path, { method, headers: { "Content-Type": "application/json", ...headers }, body: body === undefined ? undefined : JSON.stringify(body) });

export const post = change("POST");
export const replace = change("PUT");
export const remove = change("DELETE");

/** Change a part of a document, if it still is what its ETag says. */
export const amend = (path, body, tag) => change("PATCH")(path, body, { "If-Match": tag });

function answered() {
  lastAnswer = Date.now();
  failing = null;
  show();
}

function failed(error) {
  failing = error;
  show();
  return error;
}

/** Whether the last call got no usable answer. */
export const isFailing = () => failing !== null;

/** Bring the line on the page up to date; called again as time passes. */
export function show() {
  const line = byId("failure");
  line.hidden = failing === null;
  if (failing === null) return;
  // The time and not the age: a screen reader would read a line that changes every second every second.
  const shown = lastAnswer === null ? "Nothing has been loaded yet" : `What you see was loaded at ${clockTime(lastAnswer)}`;
  const words = `The cloud does not answer (${failing.message}). ${shown}; trying again by itself.`;
  if (line.textContent !== words) line.textContent = words;
}
