// What of the page shows an answer, the waiting for it, and the lack of it.

import { showChips } from "./chips.js";
import { at, duration } from "./dom.js";
import { filters } from "./filters.js";
import { showResults, showWaiting } from "./gallery.js";
import { learnCurrency } from "./money.js";
import { showFacts, showProgress } from "./query.js";
import { showCounts } from "./refine.js";
import { POOL, STEP, admitted, complete } from "./search.js";

/** The start, or the search. */
export function showFrame(found) {
  document.body.classList.toggle("asking", found);
  at("start").hidden = found;
  at("found").hidden = !found;
  if (!found) document.title = "Lookalike";
}

/** A link came with a photo that is in another tab; null takes the note away. */
export function showNote(state) {
  at("note").hidden = !state;
  if (!state) return;
  const { color_weight, diversity, collapse, sort } = state;
  const words = [
    color_weight !== null && `colour ${color_weight}`, diversity && `variety ${diversity}`, collapse && "one photo a product", sort && "by price",
    ...filters(state).map((filter) => filter.words),
  ];
  const brought = words.filter(Boolean).join(", ");
  at("note").textContent = "This link was made with a photo. A photo stays in the tab it was chosen in and is in no link. " +
    (brought ? `The settings came with it (${brought}): choose a photo to search with them.` : "Choose one of your own.");
}

/** Searching; `fresh` where nothing on the page answers the question yet. */
export function showBusy(fresh) {
  document.body.classList.add("busy");
  at("results").ariaBusy = "true";
  at("status").textContent = "Searching …";
  at("more").hidden = true;
  at("end").textContent = "";
  if (!fresh) return;
  at("empty").hidden = true;
  at("legend").hidden = false;
  showWaiting(STEP);
}

export function showSending(share) {
  showProgress(share < 1 ? share : null);
  const text = share < 1 ? "Sending the photo …" : "Searching …";
  if (at("status").textContent !== text) at("status").textContent = text; // said once, not at every step
}

export function showIdle() {
  document.body.classList.remove("busy");
  at("results").ariaBusy = "false";
  showProgress(null);
}

/** `on` says where things lead: `on.address(id)` is an item's address, `on.pick(id)` goes there, `on.category(name)` picks one. */
export function showAnswer(state, answer, on) {
  showIdle();
  const { results, timings_ms: timings, catalogue, query, model } = answer;
  const [count, all] = [results.length, catalogue.items.toLocaleString("en")];
  learnCurrency(results);
  showFacts(state, query, on.category);
  showCounts(answer.facets);
  showChips(state);
  showResults(results, on.address, on.pick);
  const fit = filters(state).length ? admitted(state, answer) : undefined;
  const among = fit === undefined ? `${all} items` : `${fit.toLocaleString("en")} that fit your filters`;
  at("status").textContent = count ? `${count} of ${among}, found in ${duration(timings.total)}` : "Nothing found";
  at("legend").hidden = !count;
  at("more").hidden = !count || complete(answer);
  at("end").textContent = complete(answer) ? ending(state, count) : "";
  showEmpty(count, filters(state));
  document.title = `${query.item?.category ?? query.categories?.[0]?.name ?? "Photo"} · Lookalike`;
  at("about").textContent = `${all} items · ${model.architecture} · ${model.precision}`;
}

function ending({ sort }, count) {
  if (sort && count >= POOL) return `These are the ${POOL} most similar, by price.`;
  return count > STEP ? "That is all there is." : "";
}

function showEmpty(count, all) {
  at("empty").hidden = count > 0;
  at("empty-clear").hidden = !all.length;
  const words = all.map((filter) => filter.words).join(", ");
  at("empty-why").textContent = all.length ? `The catalogue has no other item with these filters: ${words}.` : "The catalogue has no other item.";
}
