// One small dialog to acknowledge an alarm: who, an optional comment, Enter. The name is remembered on this device.

import { ApiError, post } from "./api.js";
import { byId } from "./dom.js";

const NAME = "plantpulse-name";

function remembered() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

function remember(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // then it is typed again next time
  }
}

/** Ask for a name and acknowledge; resolves to the changed alarm, or to null where nothing was changed. */
export function acknowledge(alarm) {
  const dialog = byId("acknowledge");
  const [form, by, comment, failure] = ["form", "by", "comment", "failure"].map((part) => byId(`acknowledge-${part}`));
  const before = document.activeElement;
  byId("acknowledge-what").textContent = `${alarm.machine_name}: ${alarm.sentence}`;
  by.value = remembered();
  comment.value = "";
  failure.hidden = true;
  dialog.showModal();
  (by.value ? comment : by).focus();

  return new Promise((resolve) => {
    const listening = new AbortController();
    const finish = (changed) => {
      listening.abort();
      if (dialog.open) dialog.close();
      before?.focus?.({ preventScroll: true });
      resolve(changed);
    };
    const options = { signal: listening.signal };
    dialog.addEventListener("close", () => finish(null), options);
    byId("acknowledge-cancel").addEventListener("click", () => finish(null), options);
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        const name = by.value.trim();
        if (!name) {
          by.focus();
          return;
        }
        try {
          const changed = await post(`/alarms/${encodeURIComponent(alarm.id)}/acknowledge`, { by: name, comment: comment.value.trim() });
          remember(name);
          finish(changed ?? alarm);
        } catch (reason) {
          if (!(reason instanceof ApiError)) throw reason;
          failure.textContent = `Not acknowledged: ${reason.detail ?? reason.message}`;
          failure.hidden = false;
        }
      },
      options,
    );
  });
}

/** Whether people still have to acknowledge it. */
export const isUnacknowledged = (alarm) => alarm.state === "unacknowledged" || alarm.state === "returned_unacknowledged";

/** Whether it still asks for attention: active, or returned and not yet acknowledged. */
export const isOpen = (alarm) => alarm.condition === "active" || isUnacknowledged(alarm);
