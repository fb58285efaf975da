// Values to choose from, as many as one likes: a small box each, with how many items it would bring.

import { make } from "./dom.js";

const counted = (items) => (items === null ? "" : items.toLocaleString("en"));

function pill(value) {
  const text = make("span", {}, value, " ", make("small"));
  const label = make("label", { className: "pick" }, make("input", { type: "checkbox", value }), text);
  label.dataset.name = value;
  return label;
}

/** Shows these elements in this order and no others; what has the focus keeps it. */
export function arrange(parent, wanted) {
  const there = [...parent.children];
  if (there.length === wanted.length && there.every((element, i) => element === wanted[i])) return;
  const focused = document.activeElement;
  parent.replaceChildren(...wanted);
  if (parent.contains(focused)) focused.focus({ preventScroll: true });
}

export class Picks {
  #list; #more; #few; #words; #options = []; #chosen = []; #all = false;

  /** `list` holds the boxes, `more` shows all of them or `few`, `words` says what of that; `onPick` hears of a value. */
  constructor(list, more, { few, words, onPick }) {
    [this.#list, this.#more, this.#few, this.#words] = [list, more, few, words];
    list.addEventListener("change", ({ target }) => onPick(target.value));
    more.addEventListener("click", () => ((this.#all = !this.#all), this.#show()));
  }

  /** `options` are { value, items }, null where nobody counted; what is chosen is shown whether it is among them or not. */
  show(options, chosen) {
    const missing = chosen.filter((value) => !options.some((option) => option.value === value));
    this.#options = [...options, ...missing.map((value) => ({ value, items: 0 }))];
    this.#chosen = chosen;
    this.#show();
  }

  #show() {
    const [options, chosen] = [this.#options, this.#chosen];
    const pills = new Map([...this.#list.children].map((label) => [label.dataset.name, label]));
    const shown = options.filter(({ value }, i) => this.#all || i < this.#few || chosen.includes(value));
    const wanted = shown.map(({ value, items }) => {
      const label = pills.get(value) ?? pill(value);
      label.querySelector("input").checked = chosen.includes(value);
      label.querySelector("small").textContent = counted(items);
      label.classList.toggle("none", items === 0);
      return label;
    });
    arrange(this.#list, wanted);
    const hidden = options.length - (this.#all ? this.#few : shown.length);
    this.#more.hidden = hidden <= 0;
    this.#more.textContent = this.#all ? "Fewer" : this.#words(hidden, options.length);
    this.#more.ariaExpanded = `${this.#all}`;
  }
}
