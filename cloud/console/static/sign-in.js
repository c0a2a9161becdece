// Sign in, and go where the person wanted to go.

const ROOT = "/api/v1/session";
const form = document.getElementById("sign-in");
const failure = document.getElementById("failure");

/** Where to go afterwards: a page of ours, never an address of somebody else. */
function target() {
  const wanted = new URLSearchParams(location.search).get("next") ?? "/";
  const address = new URL(wanted.startsWith("/") ? wanted : "/", location.origin);
  return address.origin === location.origin && address.pathname !== "/sign-in" ? address.pathname + address.search : "/";
}

function say(words) {
  failure.textContent = words;
  failure.hidden = !words;
}

async function look() {
  const answer = await fetch(ROOT).catch(() => null);
  if (!answer?.ok) return say("The cloud does not answer; try again in a moment.");
  const { person, hint } = await answer.json();
  // A link in a message comes without the cookie; the page itself sends it.
  if (person) return location.replace(target());
  document.getElementById("hint").textContent = hint ?? "";
  document.getElementById("hint").hidden = !hint;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const { name, password } = form.elements;
  button.disabled = true;
  say("");
  try {
    const answer = await fetch(ROOT, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ name: name.value, password: password.value }),
    });
    if (answer.ok) return location.replace(target());
    const problem = await answer.json().catch(() => ({}));
    say(`Not signed in: ${problem.detail ?? `HTTP ${answer.status}`}.`);
    password.value = "";
    password.focus();
  } catch {
    say("The cloud does not answer; try again in a moment.");
  }
  button.disabled = false;
});

look();
