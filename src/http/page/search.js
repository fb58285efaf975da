// Questions put to the server, and the answers kept, so that "back" is instant.

import { Lookalike, LookalikeError } from "./lookalike.js";
import { photo } from "./photos.js";
import { write } from "./state.js";

export const STEP = 12; // results shown at first, and added by "Show more"
const MOST = 100; // what the server gives in one answer
const DEEPEST = 500; // how far down it goes

const KEPT = 40;
const answers = new Map(); // state as written → answer, the oldest first

let api = connected();

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

/** How the address's names are the client's. */
function options({ color_weight, diversity, collapse, category, box }) {
  return {
    colorWeight: color_weight ?? undefined, diversity: diversity || undefined, collapse: collapse ? "product" : undefined,
    category, box: box ?? undefined,
  };
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
  const answer = await ask(state, { k: Math.min(Math.max(shown, STEP), MOST), signal, onProgress });
  remember(state, answer);
  return answer;
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
