// The filters of a search above its results: each goes by a press, or all at once.

import { at, make, unseen } from "./dom.js";
import { NONE, filters } from "./filters.js";

let tell = () => {};
let shown = ""; // so that an answer leaves the chips, and what has the focus, as they are

/** `onChange` gets what changed and its name, as refine.js has it. */
export function listenToChips(onChange) {
  tell = onChange;
  at("filters-off").addEventListener("click", () => {
    tell(NONE, "filters");
    at("results").focus({ preventScroll: true });
  });
}

/** Shows the filters of a state. */
export function showChips(state) {
  const all = filters(state);
  const now = JSON.stringify(all);
  if (now === shown) return;
  shown = now;
  at("chosen").hidden = !all.length;
  at("chips").replaceChildren(...all.map((filter, i) => make("li", {}, chip(filter, i))));
}

function chip({ words, without }, i) {
  const button = make("button", { type: "button", className: "chip" }, unseen("Without "), words, make("span", { ariaHidden: "true" }, "×"));
  button.addEventListener("click", () => {
    tell(without, "filters");
    // The keyboard goes on at the next one, or at what was found without the last.
    const left = at("chips").querySelectorAll("button");
    (left[Math.min(i, left.length - 1)] ?? at("results")).focus({ preventScroll: true });
  });
  return button;
}
