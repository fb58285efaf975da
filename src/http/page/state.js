// What is searched with, and how: one plain object, and the address it is held in.
//
// { item } or { photo } is the question, neither is the start; the rest are settings, named and written as the API has them.
// A photo's number means something in its own tab alone: a link can carry the settings, never the photo.
// `sort` and `diversity` are two orders: with both, `sort` is searched with, and `diversity` waits until it is gone.

import { parted, ranged } from "./filters.js";

export const SETTINGS = { color_weight: null, diversity: 0, collapse: false, category: [], attribute: [], range: [], sort: null, box: null };
/** The orders that the page offers, beside likeness. */
export const SORTS = ["price", "-price"];

const share = (text) => (/^(0|1|0?\.\d+|1\.0+)$/.test(text) ? Number(text) : undefined);

function corners(text) {
  const box = text.split(",").map(share);
  const [x1, y1, x2, y2] = box;
  return box.length === 4 && !box.includes(undefined) && x1 < x2 && y1 < y2 ? box : undefined;
}

const READ = {
  color_weight: share,
  diversity: share,
  collapse: (text) => (text === "product" ? true : undefined),
  sort: (text) => (SORTS.includes(text) ? text : undefined),
  box: corners,
};

/** What may stand there several times; each is given the text and those before it. */
const LISTED = {
  category: (text) => text,
  attribute: (text) => parted(text),
  range: (text, before) => ranged(text) && !before.some((other) => ranged(other).key === ranged(text).key), // the server takes one a key
};

/** The state an address's fragment describes, and the names of what in it could not be understood. */
export function read(fragment) {
  const state = { ...SETTINGS, category: [], attribute: [], range: [] };
  const bad = [];
  for (const [name, value] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if ((name === "item" || name === "photo") && value) state[name] = value;
    else if (Object.hasOwn(LISTED, name) && LISTED[name](value, state[name])) state[name].push(value);
    else if (Object.hasOwn(READ, name) && READ[name](value) !== undefined) state[name] = READ[name](value);
    else bad.push(name);
  }
  if (state.item) delete state.photo;
  return { state, bad: [...new Set(bad)] };
}

/** The fragment of a state: nothing for what is as it is by itself. */
export function write(state) {
  const pairs = new URLSearchParams();
  for (const name of ["item", "photo"]) if (state[name]) pairs.append(name, state[name]);
  if (state.color_weight !== null) pairs.append("color_weight", state.color_weight);
  if (state.diversity) pairs.append("diversity", state.diversity);
  if (state.collapse) pairs.append("collapse", "product");
  for (const name of Object.keys(LISTED)) for (const one of state[name]) pairs.append(name, one);
  if (state.sort) pairs.append("sort", state.sort);
  if (state.box) pairs.append("box", state.box.join());
  return `${pairs}`.replaceAll("%2C", ",").replaceAll("%3A", ":").replaceAll("%7E", "~");
}

/** What is asked about, whatever the settings; empty at the start. */
export const question = ({ item, photo }) => (item ? `item ${item}` : photo ? `photo ${photo}` : "");

/** The same settings for another question: all but the crop, which belongs to its photo. */
export const carried = ({ item, photo, ...settings }) => ({ ...settings, box: null });
