// The settings beside the results: colour, variety, products, categories; facets.js has the other filters. And the results' order.

import { at, settled } from "./dom.js";
import { categoryCounts, listenToFacets, priced, showFacets, takeFacets } from "./facets.js";
import { NONE, filters, toggled } from "./filters.js";
import { Picks } from "./picks.js";
import { SETTINGS } from "./state.js";

const FEW = 10; // categories shown before "all" is asked for
const WIDE = matchMedia("(min-width: 761px)");

let now = { ...SETTINGS }; // the settings shown
let tell = () => {}; // hears of every change
let usual = 0.1; // the server's own colour weight
let categories = []; // { name, items }, the largest first
let picks;

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
  at("sort").addEventListener("change", () => tell({ sort: at("sort").value || null }, "sort"));
  picks = new Picks(at("pick-list"), at("pick-all"), { few: FEW, words: (_, count) => `All ${count} categories`, onPick: pick });
  listenToFacets(onChange);
  at("settings").addEventListener("submit", (event) => event.preventDefault());
  at("settings").addEventListener("reset", (event) => {
    event.preventDefault();
    const { color_weight, diversity, collapse, sort } = SETTINGS;
    tell({ color_weight, diversity, collapse, sort, ...NONE }, "reset");
    at(at("colour-setting").hidden ? "diversity" : "color_weight").focus();
  });
  const open = () => (at("refine").open = WIDE.matches);
  WIDE.addEventListener("change", open);
  open();
}

/** Puts a category in, or out. */
export function pick(name) {
  tell({ category: toggled(now.category, name) }, "category");
}

/** What the catalogue and the model have: its categories, and its own colour weight (null: no colours). */
export function offer(found, weight) {
  categories = [...found].sort((a, b) => b.items - a.items || a.name.localeCompare(b.name));
  usual = weight ?? 0;
  at("colour-setting").hidden = weight === null;
  document.body.classList.toggle("colourless", weight === null);
  showSettings(now);
}

/** What an answer counted. */
export function showCounts(facets) {
  takeFacets(facets);
  showSettings(now);
}

/** Shows the settings of a state. */
export function showSettings(state) {
  now = state;
  for (const [name, value] of [["color_weight", state.color_weight ?? usual], ["diversity", state.diversity]]) {
    if (Number(at(name).value) !== value) at(name).value = value;
    say(name, value);
  }
  at("diversity").disabled = Boolean(state.sort);
  at("diversity-why").hidden = !state.sort;
  at("collapse").checked = state.collapse;
  at("sort").value = state.sort ?? "";
  at("sorting").hidden = !state.sort && !priced();
  showCategories();
  showFacets(state);
  const changed = [
    state.color_weight !== null && "colour", state.diversity > 0 && !state.sort && "variety", state.collapse && "one a product",
    filtered(filters(state)),
  ].filter(Boolean);
  at("refined").textContent = changed.join(" · ");
  at("reset").hidden = !changed.length && !state.sort && !state.diversity;
}

const filtered = (all) => (all.length > 1 ? `${all.length} filters` : all[0]?.words);

function say(name, value) {
  const text = SAID[name](value);
  at(`${name}-said`).textContent = text;
  at(name).ariaValueText = text;
}

function showCategories() {
  const count = categoryCounts();
  const options = categories.map(({ name, items }) => ({ value: name, items: count ? count(name) : items }));
  // What brings most comes first; one that nobody counted, for it is not among the most frequent, before those that bring nothing.
  if (count) options.sort((a, b) => (b.items ?? 0.5) - (a.items ?? 0.5));
  at("picks").hidden = !options.length && !now.category.length;
  picks.show(options, now.category);
}
