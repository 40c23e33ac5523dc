// The state of the page is that of its form. The address is updated from it.

export const form = document.getElementById("view");

export function submit(changes = {}) {
  for (const [name, value] of Object.entries(changes)) form.elements[name].value = value;
  form.requestSubmit();
}

export function parameters() {
  const given = new FormData(form);
  return new URLSearchParams([...given].filter(([, value]) => value));
}

// Puts the open packet into the address without a new entry in the history.
export function setOpen(identifier) {
  form.elements.packet.value = identifier;
  const address = new URL(location.href);
  if (identifier) address.searchParams.set("packet", identifier);
  else address.searchParams.delete("packet");
  history.replaceState(history.state, "", address);
}

function both(present, added, operator) {
  if (!present) return added;
  return /\|\||\bor\b|\bOR\b/.test(present) ? `(${present})${operator}${added}` : `${present}${operator}${added}`;
}

// Links that change the view change the form instead. With a modifier key they open their address.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-filter], a[data-query], a[data-follow], a[data-sort], a[data-column]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const { filter, query, follow, sort, column } = link.dataset;
  if (filter) submit({ filter: both(form.elements.filter.value.trim(), filter, " && ") });
  else if (query) submit({ query: both(form.elements.query.value.trim(), query, " AND ") });
  else if (follow) submit({ filter: "", query: follow, since: "", until: "" });
  else if (sort) submit({ sort });
  else submit({ columns: `${form.elements.columns.value.trim()} ${column}` });
});

// Another type of documents keeps the query and the times that the form has now.
for (const link of document.querySelectorAll("a[data-type]")) {
  link.addEventListener("click", () => {
    const kept = ["query", "since", "until"].map((name) => [name, form.elements[name].value.trim()]);
    const given = [["type", link.dataset.type], ...kept].filter(([, value]) => value);
    link.href = `./?${new URLSearchParams(given)}`;
  });
}
