// Questions put to the server, and the answers kept, so that "back" is instant.

import { conditions } from "./filters.js";
import { counted, learn } from "./keys.js";
import { Lookalike, LookalikeError } from "./lookalike.js";
import { photo } from "./photos.js";
import { question, write } from "./state.js";

export const STEP = 12; // results shown at first, and added by "Show more"
const MOST = 100; // what the server gives in one answer
const DEEPEST = 500; // how far down it goes
/** How many of the most similar are put into another order: more, and the cheapest of them would not look alike any more. */
export const POOL = 100;

const KEPT = 40;
const answers = new Map(); // state as written → answer, the oldest first

let api = connected();
let counts = true; // until the server says that its engine does not

function connected() {
  return new Lookalike(new URL("./", document.baseURI), { apiKey: sessionStorage.getItem("key") ?? undefined });
}

/** From now on with this key. */
export function useKey(key) {
  sessionStorage.setItem("key", key);
  api = connected();
}

export const server = () => api;

export const known = (state) => answers.get(write(state));

/** What may answer: never the item asked with, which would be counted otherwise. */
const admits = (state) => ({ ...conditions(state), exclude: state.item });

/** How the address's names are the client's. */
function options(state) {
  const { color_weight, diversity, collapse, sort, box } = state;
  const order = sort ? { sort, pool: POOL } : { diversity: diversity || undefined };
  return { ...admits(state), ...order, colorWeight: color_weight ?? undefined, collapse: collapse ? "product" : undefined, box: box ?? undefined };
}

function ask(state, more) {
  const all = { ...options(state), ...more };
  if (state.item) return api.itemSimilar(state.item, all);
  const kept = photo(state.photo);
  if (kept) return api.similar(kept.blob, all);
  throw new LookalikeError({ status: 404, code: "no_photo", title: "Not Found", detail: "the photo of this search is no longer in this tab; choose it again" });
}

/** The answer to a state; `shown` is how many results were there when it was left. */
export async function search(state, { shown = STEP, signal, onProgress }) {
  const answer = await counting(state, { k: Math.min(Math.max(shown, STEP), MOST), signal, onProgress });
  learn(question(state), answer.results);
  answer.facets.push(...(await uncounted(state, answer, signal)));
  remember(state, answer);
  return answer;
}

/** The answer with what is counted over; nothing is, by an engine that does not count. */
async function counting(state, more) {
  try {
    if (counts) return await ask(state, { ...more, facet: counted(state) });
  } catch (error) {
    if (error.code !== "not_supported") throw error;
    counts = false;
  }
  return { ...(await ask(state, more)), facets: [] };
}

/** Counts by keys that only the answer told of: they cost a request of their own once, then they come with every search. */
async function uncounted(state, { facets }, signal) {
  const missing = counted(state).filter((key) => !facets.some((facet) => facet.key === key));
  if (!counts || !missing.length) return [];
  try {
    return (await api.facets(missing, { ...admits(state), signal })).facets;
  } catch (error) {
    if (signal?.aborted) throw error;
    return []; // the results are there; the next search counts
  }
}

/** The same answer with the next results behind those that are there. */
export async function further(state, answer, signal) {
  const offset = answer.results.length;
  const next = await ask(state, { k: Math.min(STEP, DEEPEST - offset), offset, signal });
  const results = [...answer.results, ...next.results];
  const whole = { ...answer, results, exhausted: next.exhausted };
  remember(state, whole);
  return whole;
}

/** Whether the server has more to give. */
export const complete = ({ results, exhausted }) => exhausted || results.length >= DEEPEST;

/** How many items all filters together admit; undefined where no facet tells: a key's own filters are left out of its count. */
export function admitted(state, { facets }) {
  const { category, attributes, ranges } = conditions(state);
  const free = ({ key }) => !(key in attributes) && !(key in ranges) && !(key === "category" && category.length);
  return facets.find(free)?.items;
}

function remember(state, answer) {
  const key = write(state);
  answers.delete(key);
  answers.set(key, answer);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
}

/** What there is to choose from: the catalogue's categories, and the weight that colour has by itself (null: no colours). */
export async function offers() {
  const [{ categories }, { model }] = await Promise.all([api.categories(), api.info()]);
  return { categories, colorWeight: model.dims.colour ? model.color_weight : null };
}
