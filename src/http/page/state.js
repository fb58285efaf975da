// What is searched with, and how: one plain object, and the address it is held in.
//
// { item } or { photo } is the question, neither is the start; the rest are settings, named as the API names them.
// A photo's number means something in its own tab alone: a link can carry the settings, never the photo.

export const SETTINGS = { color_weight: null, diversity: 0, collapse: false, category: [], box: null };

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
  box: corners,
};

/** The state an address's fragment describes, and the names of what in it could not be understood. */
export function read(fragment) {
  const state = { ...SETTINGS, category: [] };
  const bad = [];
  for (const [name, value] of new URLSearchParams(fragment.replace(/^#/, ""))) {
    if ((name === "item" || name === "photo") && value) state[name] = value;
    else if (name === "category" && value) state.category.push(value);
    else if (READ[name]?.(value) !== undefined) state[name] = READ[name](value);
    else bad.push(name);
  }
  if (state.item) delete state.photo;
  return { state, bad };
}

/** The fragment of a state: nothing for what is as it is by itself. */
export function write(state) {
  const pairs = new URLSearchParams();
  for (const name of ["item", "photo"]) if (state[name]) pairs.append(name, state[name]);
  if (state.color_weight !== null) pairs.append("color_weight", state.color_weight);
  if (state.diversity) pairs.append("diversity", state.diversity);
  if (state.collapse) pairs.append("collapse", "product");
  for (const name of state.category) pairs.append("category", name);
  if (state.box) pairs.append("box", state.box.join());
  return `${pairs}`.replaceAll("%2C", ",").replaceAll("%7E", "~");
}

/** What is asked about, whatever the settings; empty at the start. */
export const question = ({ item, photo }) => (item ? `item ${item}` : photo ? `photo ${photo}` : "");

/** The same settings for another question: all but the crop, which belongs to its photo. */
export const carried = ({ color_weight, diversity, collapse, category }) =>
  ({ color_weight, diversity, collapse, category, box: null });
