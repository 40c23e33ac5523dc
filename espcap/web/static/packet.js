// The dissection tree, and the bytes of the selected line.

const tree = () => document.querySelector("#packet [role=tree]");
const level = (node) => Number(node.getAttribute("aria-level"));

function* below(node) {
  for (let next = node.nextElementSibling; next && level(next) > level(node); next = next.nextElementSibling) yield next;
}

function expand(node, isOpen) {
  if (!node.hasAttribute("aria-expanded")) return;
  node.setAttribute("aria-expanded", String(isOpen));
  let closedAt = Infinity;
  for (const child of below(node)) {
    const depth = level(child);
    if (depth <= closedAt) closedAt = Infinity;
    child.hidden = !isOpen || depth > closedAt;
    if (!child.hidden && child.getAttribute("aria-expanded") === "false") closedAt = depth;
  }
}

function parent(node) {
  let above = node.previousElementSibling;
  while (above && level(above) >= level(node)) above = above.previousElementSibling;
  return above;
}

function select(node) {
  for (const other of tree().querySelectorAll("[aria-selected=true]")) other.setAttribute("aria-selected", "false");
  for (const other of tree().querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
  node.setAttribute("aria-selected", "true");
  node.tabIndex = 0;
  node.focus({ preventScroll: true });
  node.scrollIntoView({ block: "nearest", inline: "nearest" });
  mark(node);
}

function marked(line, first, last) {
  const text = line.textContent;
  const start = text.indexOf("  ") + 2;
  const pieces = [
    [start + 3 * first, start + 3 * last + 2],
    [start + 50 + first, start + 50 + last + 1],
  ];
  const parts = [];
  let at = 0;
  for (const [from, to] of pieces) {
    const mark = document.createElement("mark");
    mark.textContent = text.slice(from, to);
    parts.push(text.slice(at, from), mark);
    at = to;
  }
  line.replaceChildren(...parts, text.slice(at));
}

function mark(node) {
  for (const line of document.querySelectorAll("#packet pre span:has(mark)")) line.textContent = line.textContent;
  const { source, start, length } = node.dataset;
  const place = length && document.querySelector(`#packet pre[data-source="${Number(source)}"]`);
  if (!place) return;
  const from = Number(start);
  const to = from + Number(length) - 1;
  for (let row = Math.floor(from / 16); row <= Math.floor(to / 16) && row < place.children.length; row++) {
    marked(place.children[row], Math.max(from - 16 * row, 0), Math.min(to - 16 * row, 15));
  }
  place.querySelector("mark")?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

document.addEventListener("click", (event) => {
  const node = event.target.closest("#packet .node");
  if (!node || event.target.closest("a")) return;
  if (event.target.closest(".twist") || event.detail === 2) expand(node, node.getAttribute("aria-expanded") !== "true");
  select(node);
});

document.addEventListener("keydown", (event) => {
  const node = event.target.closest("#packet .node");
  if (!node || event.target.closest("a")) return;
  const seen = [...tree().querySelectorAll(".node:not([hidden])")];
  const at = seen.indexOf(node);
  const isOpen = node.getAttribute("aria-expanded");
  if (event.key === "ArrowDown") select(seen[Math.min(at + 1, seen.length - 1)]);
  else if (event.key === "ArrowUp") select(seen[Math.max(at - 1, 0)]);
  else if (event.key === "ArrowRight" && isOpen === "false") expand(node, true);
  else if (event.key === "ArrowLeft" && isOpen === "true") expand(node, false);
  else if (event.key === "ArrowLeft" && parent(node)) select(parent(node));
  else if (event.key === "Enter") node.querySelector("a[data-filter]")?.click();
  else return;
  event.preventDefault();
});

htmx.onLoad((part) => {
  const first = part.id === "packet" || part.closest("#packet") ? document.querySelector("#packet .node") : null;
  if (!first || tree().querySelector("[tabindex='0']")) return;
  first.tabIndex = 0;
  const tops = [...tree().querySelectorAll(".top")];
  if (tops.length) expand(tops[tops.length - 1], true);
});
