// A small dialog with a form: opened, sent, closed; what the cloud does not like is said inside it.

import { ApiError } from "./api.js";

/**
 * Open a dialog and wait; resolves to what `send` returned, or to null where nothing was sent.
 *
 * @param dialog holds a form, with a .field-failure and a button .cancel inside.
 * @param send called with the form's values by name.
 */
export function ask(dialog, send) {
  const form = dialog.querySelector("form");
  const failure = form.querySelector(".field-failure");
  const before = document.activeElement;
  failure.hidden = true;
  dialog.showModal();
  (form.querySelector("[autofocus]") ?? form.elements[0]).focus();
  return new Promise((resolve) => {
    const listening = new AbortController();
    const options = { signal: listening.signal };
    const finish = (result) => {
      listening.abort();
      if (dialog.open) dialog.close();
      // Secrets do not wait in a hidden form.
      for (const field of form.querySelectorAll('[type="password"]')) field.value = "";
      before?.focus?.({ preventScroll: true });
      resolve(result);
    };
    dialog.addEventListener("close", () => finish(null), options);
    form.querySelector(".cancel").addEventListener("click", () => finish(null), options);
    form.addEventListener(
      "submit",
      async (event) => {
        event.preventDefault();
        try {
          finish((await send(Object.fromEntries(new FormData(form)))) ?? {});
        } catch (reason) {
          if (!(reason instanceof ApiError || reason instanceof RangeError)) throw reason;
          failure.textContent = `Not done: ${reason.detail ?? reason.message}`;
          failure.hidden = false;
        }
      },
      options,
    );
  });
}
