// The state of the page is what its form holds; the address follows it.

export const form = document.getElementById("view");

export function submit(changes = {}) {
  for (const [name, value] of Object.entries(changes)) form.elements[name].value = value;
  form.requestSubmit();
}

export function parameters() {
  const given = new FormData(form);
  return new URLSearchParams([...given].filter(([, value]) => value));
}

// Keeps what is open in the address without a further step back.
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

// Links that change a part of the view do it in place; with a modifier they are links as ever.
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
