// What a shopper filters by: texts as the API has them (`colour:red`, `price:10..49.9`), the words for them, and how each is
// taken away.

import { amount } from "./money.js";

/** Every filter gone. */
export const NONE = { category: [], attribute: [], range: [] };

/** Key and value of `colour:red`; undefined where it is none. A key holds no colon, a value may. */
export function parted(text) {
  const at = text.indexOf(":");
  return at > 0 && at < text.length - 1 ? { key: text.slice(0, at), value: text.slice(at + 1) } : undefined;
}

const end = (text) => (text === "" ? null : /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text) ? Number(text) : NaN);

/** Key and ends of `price:10..49.9`, an open end null; undefined where it is none. */
export function ranged(text) {
  const [, key, least, most] = /^(.+):([^:]*?)\.\.([^:]*)$/s.exec(text) ?? [];
  if (!key) return undefined;
  const [from, to] = [end(least), end(most)];
  const sound = [from, to].every((one) => one === null || Number.isFinite(one));
  return sound && (from ?? to) !== null && (from ?? -Infinity) <= (to ?? Infinity) ? { key, from, to } : undefined;
}

/** The range on a key; undefined where the state has none. */
export const rangeOf = ({ range }, key) => range.map(ranged).find((one) => one.key === key);

/** The state's ranges, this key's another one; none where both ends are open. */
export function withRange({ range }, key, from, to) {
  const others = range.filter((text) => ranged(text).key !== key);
  return { range: from === null && to === null ? others : [...others, `${key}:${from ?? ""}..${to ?? ""}`] };
}

/** With this one of a list more, or without it. */
export const toggled = (list, one) => (list.includes(one) ? list.filter((other) => other !== one) : [...list, one]);

const inStock = ({ key, from, to }) => key === "stock" && from === 1 && to === null;

function rangeWords(range) {
  const { key, from, to } = range;
  const [least, most] = [from, to].map((end) => end !== null && amount(key, end));
  if (inStock(range)) return "in stock";
  if (from === null) return `${key} up to ${most}`;
  return to === null ? `${key} from ${least}` : `${key} ${least} to ${most}`;
}

/** A state's filters: each in words, with the change that takes it away. */
export function filters(state) {
  const without = (name, one) => ({ [name]: state[name].filter((other) => other !== one) });
  const words = {
    category: (text) => text,
    attribute: (text) => `${parted(text).key}: ${parted(text).value}`,
    range: (text) => rangeWords(ranged(text)),
  };
  return Object.keys(NONE).flatMap((name) => state[name].map((text) => ({ name, words: words[name](text), without: without(name, text) })));
}

/** The same as the client has them. */
export function conditions({ category, attribute, range }) {
  const attributes = new Map();
  for (const { key, value } of attribute.map(parted)) attributes.set(key, [...(attributes.get(key) ?? []), value]);
  const ranges = range.map(ranged).map(({ key, from, to }) => [key, [from, to]]);
  return { category, attributes: Object.fromEntries(attributes), ranges: Object.fromEntries(ranges) };
}
