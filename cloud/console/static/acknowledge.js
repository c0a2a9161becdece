// The button of a link from a message: one request, and what became of it in words.

const button = document.getElementById("acknowledge");

function say(id, words) {
  const line = document.getElementById(id);
  line.textContent = words;
  line.hidden = !words;
}

async function acknowledge() {
  button.disabled = true;
  say("failure", "");
  try {
    const answer = await fetch(`/api/v1/notifications/links/${encodeURIComponent(button.dataset.token)}/acknowledge`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
    });
    const said = await answer.json().catch(() => ({}));
    if (answer.ok) {
      button.hidden = true;
      document.getElementById("hint").hidden = true;
      return say("done", `Acknowledged as ${said.by}. Thank you.`);
    }
    say("failure", `Not acknowledged: ${said.detail ?? `HTTP ${answer.status}`}.`);
    // What has ended does not begin again; what could not be stored may be tried again.
    button.hidden = answer.status === 409 || answer.status === 404;
  } catch {
    say("failure", "The cloud does not answer; try again in a moment.");
  }
  button.disabled = false;
}

button?.addEventListener("click", acknowledge);
