// By which keys results are counted: the server lists none, so that they are learned from what results have.

import { parted, ranged } from "./filters.js";

const MOST = 10; // keys that the server counts at once
const ATTRIBUTES = 6;
const NUMBERS = ["price", "stock"]; // asked for before anything is known: without items that have them they cost nothing
const HIDDEN = ["currency"]; // said with prices

let learned = { about: null, attributes: [], numbers: [] };

/** How much there is to choose from in these values; nothing where every item has its own, as a number of an article. */
function choice(values) {
  const different = new Set(values).size;
  return different === values.length ? 0 : different;
}

/** The keys that most of these objects have, those of many values first; what was there before stays in its order. */
function frequent(objects, before, most) {
  const keys = [...new Set(objects.flatMap(Object.keys))].filter((key) => !HIDDEN.includes(key) && key.length <= 128);
  const told = keys.map((key) => {
    const having = objects.filter((object) => Object.hasOwn(object, key));
    return { key, items: having.length, choice: choice(having.flatMap((object) => object[key])) };
  });
  const top = told.sort((a, b) => b.items - a.items || b.choice - a.choice || a.key.localeCompare(b.key)).slice(0, most).map(({ key }) => key);
  return [...before.filter((key) => top.includes(key)), ...top.filter((key) => !before.includes(key))];
}

/** Learns from the first results of another question; its refinements change no keys, or what is chosen from would move about. */
export function learn(about, results) {
  if (!results.length || learned.about === about) return;
  const attributes = frequent(results.map((result) => result.attributes), learned.attributes, ATTRIBUTES);
  const numbers = frequent(results.map((result) => result.numbers), learned.numbers, 3).filter((key) => !NUMBERS.includes(key));
  learned = { about, attributes, numbers };
}

/** The keys to count by: those with a filter first, so that none of them is left out. */
export function counted(state) {
  const own = [...state.attribute.map((text) => parted(text).key), ...state.range.map((text) => ranged(text).key)];
  return [...new Set(["category", ...own, ...NUMBERS, ...learned.attributes, ...learned.numbers])].slice(0, MOST);
}

const places = [...NUMBERS]; // the order in which keys are shown, from their first time on

/** Facets in the order they are shown: as before, and of new ones first those of many values. */
export function ordered(facets) {
  const rich = ({ values }) => values.filter(({ items }) => items > 1).length;
  const fresh = facets.filter(({ key }) => !places.includes(key)).sort((a, b) => rich(b) - rich(a));
  places.push(...fresh.map(({ key }) => key));
  return [...facets].sort((a, b) => places.indexOf(a.key) - places.indexOf(b.key));
}
