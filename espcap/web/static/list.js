// The list. Tab reaches one row, arrows move between rows, Enter and a click open a packet, a flow or a transaction.

import { form, parameters, setOpen } from "./view.js";

const rows = () => [...document.querySelectorAll("#list tbody tr[data-packet]")];

function makeCurrent(row) {
  for (const other of document.querySelectorAll("#list tr[tabindex='0']")) other.tabIndex = -1;
  row.tabIndex = 0;
}

function select(identifier) {
  for (const row of rows()) row.setAttribute("aria-selected", String(row.dataset.packet === identifier));
}

export function focusList() {
  const row = document.querySelector("#list tr[tabindex='0']") || rows()[0];
  if (row) {
    makeCurrent(row);
    row.focus();
  }
}

function open(identifier) {
  select(identifier);
  setOpen(identifier);
  const place = document.getElementById("packet");
  // A large capture takes seconds when its first packet is opened.
  place.textContent = "Reading the capture…";
  htmx.ajax("GET", `${place.dataset.opens}?${parameters()}`, { target: "#packet", swap: "innerHTML" });
}

function openRow(row) {
  makeCurrent(row);
  open(row.dataset.packet);
}

export function closePacket() {
  if (!form.elements.packet.value) return;
  setOpen("");
  select("");
  document.getElementById("packet").replaceChildren();
  focusList();
}

document.addEventListener("click", (event) => {
  const row = event.target.closest("#list tr[data-packet]");
  const link = event.target.closest("a");
  if (link?.dataset.open && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(link.dataset.open);
  } else if (row && !link) {
    row.focus();
    openRow(row);
  } else if (event.target.closest("a[data-close]")) {
    event.preventDefault();
    closePacket();
  }
});

const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20 };

document.addEventListener("keydown", (event) => {
  const row = event.target.closest("#list tr[data-packet]");
  if (!row) return;
  if (event.key === "Enter" && event.target === row) {
    event.preventDefault();
    openRow(row);
  } else if (event.key in steps || event.key === "Home") {
    event.preventDefault();
    const all = rows();
    const at = event.key === "Home" ? 0 : all.indexOf(row) + steps[event.key];
    const next = all[Math.max(0, Math.min(all.length - 1, at))];
    makeCurrent(next);
    next.focus();
  }
});

htmx.onLoad((part) => {
  if (part.id !== "results" && !part.closest("#results")) return;
  const row = document.querySelector("#list tr[aria-selected='true']") || rows()[0];
  if (row && !document.querySelector("#list tr[tabindex='0']")) row.tabIndex = 0;
});
