// The moment around an alarm: all samples from before and after it that its gateway kept, fetched when somebody asks.

import { ApiError, get, post } from "./api.js";
import { age } from "./cells.js";
import { byId, element, put } from "./dom.js";
import { may } from "./session.js";
import { waveformView } from "./waveform.js";

/** Build the view on the page of one alarm; `api` is the alarm's address, `moved()` is called after somebody asked. */
export function aroundView(api, moved) {
  const waveform = waveformView(byId("around-waveform"), "Before and after");
  let shown = null;

  async function ask(event) {
    event.target.disabled = true;
    try {
      await post(`${api}/moment`);
      await moved();
    } catch (reason) {
      if (!(reason instanceof ApiError)) throw reason;
      put(byId("around"), `Not asked: ${reason.detail ?? reason.message}`);
    }
  }

  function words(moment) {
    if (moment.state === "waiting") return [`${moment.by} asked for it `, age(moment.asked), "; the gateway sends it when it is online and within its budget."];
    if (moment.state === "refused") return [`The gateway cannot send it: ${moment.detail || "no reason given"}.`];
    if (moment.state === "delivered") return ["Fetched for ", moment.by, ", ", age(moment.answered), "."];
    return ["The gateway keeps the samples from before and after the alarm for a while; they are fetched when somebody asks."];
  }

  return {
    async show(preferredChannel) {
      const moment = await get(`${api}/moment`);
      const canAsk = ["not_asked", "refused"].includes(moment.state) && may("request_evidence");
      put(byId("around"), words(moment), canAsk ? [" ", element("button", { type: "button", onclick: ask }, "Fetch before and after")] : null);
      if (moment.state !== "delivered" || shown === moment.answered) return;
      const evidence = await get(`${api}/moment/evidence`);
      shown = moment.answered;
      await waveform.show(evidence, preferredChannel, evidence.facts?.kept_moment?.alarm_ns / 1e6 || null);
    },
  };
}
