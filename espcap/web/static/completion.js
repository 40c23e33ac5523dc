// Completes names of fields at the cursor. Arrows select a name, Enter and Tab insert it, Escape closes the list.

const word = /[\w.@-]+$/;

class Completion {
  constructor(input) {
    this.input = input;
    this.list = document.getElementById(input.getAttribute("aria-controls"));
    this.chosen = -1;
    this.asked = 0;
    input.addEventListener("input", () => this.ask());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => this.close());
    this.list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.take(item.textContent);
    });
  }

  get begun() {
    return (word.exec(this.input.value.slice(0, this.input.selectionStart)) || [""])[0];
  }

  async ask() {
    const begun = this.begun;
    const asked = ++this.asked;
    if (!begun || /^[\d.]+$/.test(begun)) return this.close();
    const parameters = new URLSearchParams({ word: begun, language: this.input.dataset.language, type: this.input.form.elements.type.value });
    const answer = await fetch(`complete?${parameters}`);
    const names = answer.ok ? await answer.json() : [];
    if (asked === this.asked && document.activeElement === this.input) this.show(names.filter((name) => name !== begun));
  }

  show(names) {
    this.chosen = -1;
    this.list.replaceChildren(
      ...names.map((name, at) => {
        const item = document.createElement("li");
        item.id = `${this.list.id}-${at}`;
        item.setAttribute("role", "option");
        item.setAttribute("aria-selected", "false");
        item.textContent = name;
        return item;
      }),
    );
    this.list.hidden = !names.length;
    this.input.setAttribute("aria-expanded", String(names.length > 0));
    this.input.removeAttribute("aria-activedescendant");
  }

  close() {
    this.asked++;
    this.show([]);
  }

  choose(step) {
    const items = [...this.list.children];
    this.chosen = (this.chosen + step + items.length + (this.chosen < 0 && step < 0 ? 1 : 0)) % items.length;
    items.forEach((item, at) => item.setAttribute("aria-selected", String(at === this.chosen)));
    items[this.chosen].scrollIntoView({ block: "nearest" });
    this.input.setAttribute("aria-activedescendant", items[this.chosen].id);
  }

  take(name) {
    const { value, selectionStart: at } = this.input;
    const before = value.slice(0, at).replace(word, "") + name;
    this.input.value = before + value.slice(at);
    this.input.setSelectionRange(before.length, before.length);
    this.close();
    this.input.dispatchEvent(new Event("input", { bubbles: true }));
    this.close();
  }

  key(event) {
    if (this.list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") this.choose(event.key === "ArrowDown" ? 1 : -1);
    else if (event.key === "Escape") this.close();
    else if ((event.key === "Enter" || event.key === "Tab") && this.chosen >= 0) this.take(this.list.children[this.chosen].textContent);
    else return;
    event.preventDefault();
  }
}

for (const input of document.querySelectorAll("input[data-language]")) new Completion(input);
