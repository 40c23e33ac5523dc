import { form, submit } from "./view.js";
import "./completion.js";
import "./drop.js";
import "./extract.js";
import "./histogram.js";
import { closePacket, focusList } from "./list.js";
import "./packet.js";

// Shows errors next to the input while the user types.
const boxes = ["filter", "query", "since", "until", "columns"];

function markErrors() {
  for (const name of boxes) {
    const message = document.getElementById(`${name}-error`);
    const isWrong = Boolean(message && message.textContent.trim());
    form.elements[name].setAttribute("aria-invalid", String(isWrong));
  }
}

let waiting = 0;
form.addEventListener("input", (event) => {
  if (!boxes.includes(event.target.name)) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => htmx.ajax("GET", "check", { source: form, target: "#messages", swap: "none" }), 300);
});
form.addEventListener("submit", () => clearTimeout(waiting));
document.addEventListener("htmx:oobAfterSwap", markErrors);
document.addEventListener("htmx:afterSettle", markErrors);
document.body.addEventListener("indexed", () => submit());
markErrors();

document.addEventListener("keydown", (event) => {
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    form.elements.filter.focus();
    form.elements.filter.select();
  } else if (event.key === "Escape" && !event.defaultPrevented) {
    if (isTyping) focusList();
    else closePacket();
  } else if (event.key === "ArrowDown" && event.target === document.body) {
    event.preventDefault();
    focusList();
  }
});
