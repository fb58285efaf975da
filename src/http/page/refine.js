// The settings beside the results: colour, variety, products, categories.

import { at, make, settled } from "./dom.js";
import { SETTINGS } from "./state.js";

const FEW = 10; // categories shown before "all" is asked for
const WIDE = matchMedia("(min-width: 761px)");

let now = { ...SETTINGS }; // the settings shown
let tell = () => {}; // hears of every change
let usual = 0.1; // the server's own colour weight
let categories = []; // { name, items }, the largest first
let all = false;

const SAID = {
  color_weight: (value) => (value === 0 ? "any colour" : value === 1 ? "this very colour" : value.toFixed(2)),
  diversity: (value) => (value === 0 ? "closest" : value === 1 ? "most varied" : value.toFixed(2)),
};

/** `onChange` gets what changed, e.g. `{ diversity: 0.3 }`, and the setting's name. */
export function listen(onChange) {
  tell = onChange;
  for (const name of ["color_weight", "diversity"]) {
    const soon = settled(() => tell({ [name]: Number(at(name).value) }, name), 180);
    at(name).addEventListener("input", () => (say(name, Number(at(name).value)), soon()));
  }
  at("collapse").addEventListener("change", () => tell({ collapse: at("collapse").checked }, "collapse"));
  at("pick-list").addEventListener("change", ({ target }) => pick(target.value));
  at("pick-all").addEventListener("click", () => ((all = !all), showPicks()));
  at("settings").addEventListener("submit", (event) => event.preventDefault());
  at("settings").addEventListener("reset", (event) => {
    event.preventDefault();
    const { color_weight, diversity, collapse } = SETTINGS;
    tell({ color_weight, diversity, collapse, category: [] }, "reset");
    at(at("colour-setting").hidden ? "diversity" : "color_weight").focus();
  });
  const open = () => (at("refine").open = WIDE.matches);
  WIDE.addEventListener("change", open);
  open();
}

/** Puts a category in, or out. */
export function pick(name) {
  const { category } = now;
  tell({ category: category.includes(name) ? category.filter((c) => c !== name) : [...category, name] }, "category");
}

/** What the catalogue and the model have: its categories, and its own colour weight (null: no colours). */
export function offer(found, weight) {
  categories = [...found].sort((a, b) => b.items - a.items || a.name.localeCompare(b.name));
  usual = weight ?? 0;
  at("colour-setting").hidden = weight === null;
  document.body.classList.toggle("colourless", weight === null);
  showSettings(now);
}

/** Shows the settings of a state. */
export function showSettings(state) {
  now = state;
  for (const [name, value] of [["color_weight", state.color_weight ?? usual], ["diversity", state.diversity]]) {
    if (Number(at(name).value) !== value) at(name).value = value;
    say(name, value);
  }
  at("collapse").checked = state.collapse;
  showPicks();
  const changed = [
    state.color_weight !== null && "colour", state.diversity > 0 && "variety", state.collapse && "one a product",
    state.category.length === 1 ? state.category[0] : state.category.length > 1 && `${state.category.length} categories`,
  ].filter(Boolean);
  at("refined").textContent = changed.join(" · ");
  at("reset").hidden = !changed.length;
}

function say(name, value) {
  const text = SAID[name](value);
  at(`${name}-said`).textContent = text;
  at(name).ariaValueText = text;
}

function showPicks() {
  const missing = now.category.filter((name) => !categories.some((c) => c.name === name));
  const known = [...categories, ...missing.map((name) => ({ name, items: 0 }))];
  const shown = known.filter(({ name }, i) => all || i < FEW || now.category.includes(name));
  const boxes = new Map([...at("pick-list").children].map((label) => [label.dataset.name, label]));
  const wanted = shown.map(({ name, items }) => boxes.get(name) ?? chip(name, items));
  for (const label of wanted) label.firstChild.checked = now.category.includes(label.dataset.name);
  const there = [...at("pick-list").children];
  if (there.length !== wanted.length || there.some((label, i) => label !== wanted[i])) at("pick-list").replaceChildren(...wanted);
  at("picks").hidden = !known.length;
  at("pick-all").hidden = known.length <= FEW;
  at("pick-all").textContent = all ? "Fewer" : `All ${known.length} categories`;
  at("pick-all").ariaExpanded = `${all}`;
}

function chip(name, items) {
  const text = make("span", {}, name, " ", make("small", {}, items.toLocaleString("en")));
  const label = make("label", { className: "pick" }, make("input", { type: "checkbox", value: name }), text);
  label.dataset.name = name;
  return label;
}
