// A filter form that lives in the address: a link to a filtered list shows the same list again.

/** Bind a form to the query string; `changed(values)` is called with every change, and `values()` reads it. */
export function filters(form, changed) {
  const fields = [...form.elements].filter((field) => field.name);
  const wanted = new URLSearchParams(location.search);
  const defaults = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  for (const field of fields) if (wanted.has(field.name)) setField(field, wanted.get(field.name));
  const values = () => Object.fromEntries(fields.map((field) => [field.name, field.value.trim()]));

  function remember() {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(values())) if (value !== defaults[name]) query.set(name, value);
    history.replaceState(null, "", query.size ? `?${query}` : location.pathname);
    changed(values());
  }

  form.addEventListener("input", remember);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(remember));
  return values;
}

function setField(field, value) {
  if (field.tagName === "SELECT" && ![...field.options].some((option) => option.value === value)) field.append(new Option(value, value));
  field.value = value;
}

/** Offer what there is to choose, and keep the choice. `choices` is a list of [value, words]. */
export function offer(select, choices) {
  const chosen = select.value;
  const options = [select.options[0], ...choices.map(([value, words]) => new Option(words, value))];
  if (chosen && !choices.some(([value]) => value === chosen)) options.push(new Option(chosen, chosen));
  select.replaceChildren(...options);
  select.value = chosen;
}

/** Whether any of the texts holds every word that is searched for. */
export function found(search, ...texts) {
  const all = texts.join(" ").toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => all.includes(word));
}
