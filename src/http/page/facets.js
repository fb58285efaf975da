// What the shop's items can be filtered by beside their category: numbers from and to, what is in stock, attributes. The answer's
// facets say what there is, and how many items it would bring.

import { at, make } from "./dom.js";
import { parted, rangeOf, toggled, withRange } from "./filters.js";
import { ordered } from "./keys.js";
import { Picks, arrange } from "./picks.js";
import { Range } from "./range.js";

const FEW = 8; // values shown before more are asked for
const OPEN = 2; // attributes unfolded at first

let tell = () => {};
let now = null; // the state shown
let facets = []; // of the newest answer
const groups = new Map(); // key → what shows an attribute
const ranges = new Map(); // key → what shows a number

/** `onChange` gets what changed and its name, as refine.js has it. */
export function listenToFacets(onChange) {
  tell = onChange;
  at("in-stock").addEventListener("change", () => tell(withRange(now, "stock", at("in-stock").checked ? 1 : null, null), "stock"));
}

/** The newest answer's facets. */
export function takeFacets(found) {
  facets = ordered(found);
}

/** How many items each category would bring; null for one that is beyond the most frequent. */
export function categoryCounts() {
  const facet = facets.find(({ key }) => key === "category");
  if (!facet) return undefined;
  const counts = new Map(facet.values.map(({ value, items }) => [value, items]));
  return (name) => counts.get(name) ?? (facet.other ? null : 0);
}

/** Whether items have a price, so that an order by it means something. */
export const priced = () => facets.some(({ key, numbers }) => key === "price" && numbers);

/** Shows what there is to choose from, and of a state what is chosen. */
export function showFacets(state) {
  now = state;
  const stock = rangeOf(state, "stock");
  at("in-stock").checked = (stock?.from ?? 0) >= 1;
  at("stock-setting").hidden = !stock && !facets.some(({ key, numbers }) => key === "stock" && numbers);
  arrange(at("ranges"), facets.map(showRange).filter(Boolean));
  arrange(at("facets"), facets.filter(({ key }) => key !== "category").map(showValues).filter(Boolean));
}

function showRange({ key, numbers }) {
  const chosen = rangeOf(now, key);
  if (key === "stock" || !(numbers || (chosen && ranges.has(key)))) return undefined;
  if (!ranges.has(key)) ranges.set(key, new Range(key, (from, to) => tell(withRange(now, key, from, to), `range:${key}`)));
  ranges.get(key).show(numbers, chosen);
  return ranges.get(key).element;
}

function showValues({ key, values }) {
  const chosen = now.attribute.map(parted).filter((one) => one.key === key).map(({ value }) => value);
  if (!values.length && !chosen.length) return undefined;
  if (!groups.has(key)) groups.set(key, group(key, groups.size < OPEN || chosen.length));
  const { element, picks, said } = groups.get(key);
  picks.show(values, chosen);
  said.textContent = chosen.join(", ");
  return element;
}

/** One attribute's values, which fold away. */
function group(key, open) {
  const said = make("span");
  const list = make("div", { className: "picks", role: "group", ariaLabel: key });
  const more = make("button", { className: "link", type: "button" });
  const element = make("details", { className: "facet", open: Boolean(open) }, make("summary", {}, make("b", { className: "key" }, key), said), list, more);
  element.dataset.key = key;
  const onPick = (value) => tell({ attribute: toggled(now.attribute, `${key}:${value}`) }, `attribute:${key}`);
  return { element, said, picks: new Picks(list, more, { few: FEW, words: (hidden) => `${hidden} more`, onPick }) };
}
