// The card of what is searched with: the picture of a photo or an item with its crop box, and what is known of it.

import { Cropper } from "./crop.js";
import { at, make, percent } from "./dom.js";
import { price } from "./money.js";
import { photo } from "./photos.js";
import { server } from "./search.js";

/** An item in a few words. */
const named = ({ title, category, product }) => title ?? (product ? `${category}, ${product}` : category);

let stage, cropper; // the picture that is shown, and the box on it

/** Shows the question, before anything is known of it. `onCrop` gets each new box, null for the whole picture. */
export function showQuestion(state, onCrop) {
  const source = state.photo ? photo(state.photo).url : server().imageUrl(state.item);
  const alt = state.photo ? "The photo you searched with" : "The item you searched with";
  const picture = make("img", { id: "asked", src: source, alt, draggable: false });
  stage = make("div", { className: "stage", title: "Draw a box to search with a part of it" }, picture);
  const bar = make("progress", { id: "progress", max: 1, value: 0, hidden: true, ariaLabel: "Sending the photo" });
  const well = make("div", { className: "well" }, stage, bar);
  picture.addEventListener("load", () => stage.style.setProperty("--ratio", picture.naturalWidth / picture.naturalHeight));
  picture.addEventListener("error", () => well.classList.add("bare"));
  cropper = new Cropper(stage, (box) => (showTools(), onCrop(box)));
  at("query").classList.remove("large");
  const head = make("div", { className: "head" }, make("p", { className: "kind" }, state.photo ? "Your photo" : "Item"), tools());
  const facts = make("div", { id: "facts" }, make("h2", { className: "waiting" }, "\u00a0"));
  at("query").replaceChildren(well, make("div", { className: "about-query" }, head, facts));
  showBox(state.box);
}

function tools() {
  const crop = make("button", { className: "tool", id: "crop", type: "button" });
  const whole = make("button", { className: "tool", id: "whole", type: "button" }, "Whole");
  crop.addEventListener("click", () => {
    const on = !stage.classList.contains("cropping");
    cropping(on);
    if (on) cropper.begin();
    showTools();
  });
  whole.addEventListener("click", () => {
    cropping(false);
    cropper.clear();
    showTools();
    crop.focus();
  });
  return make("div", { className: "tools" }, whole, crop);
}

/** Fingers draw on the picture, which is large on a small screen. */
function cropping(on) {
  stage.classList.toggle("cropping", on);
  at("query").classList.toggle("large", on);
}

function showTools() {
  if (!cropper.box && document.activeElement !== at("whole")) cropping(false);
  at("whole").hidden = !cropper.box;
  at("crop").textContent = !cropper.box ? "Crop" : stage.classList.contains("cropping") ? "Done" : "Adjust";
}

/** The box of a state, where the picture stays the same. */
export function showBox(box) {
  cropper.set(box);
  showTools();
}

/** How far the photo is: 0 to 1 on its way, null once it is there. */
export function showProgress(share) {
  const bar = at("progress");
  if (!bar) return;
  bar.hidden = share === null;
  bar.value = share ?? 1;
}

/** What the answer tells of the question. `onCategory` is called with a predicted category that is picked. */
export function showFacts(state, query, onCategory) {
  at("facts").replaceChildren(...(state.item ? itemFacts(query.item) : photoFacts(state, query, onCategory)));
}

function itemFacts(item) {
  at("asked").alt = named(item);
  const chips = Object.entries(item.attributes).slice(0, 8).map(([name, values]) =>
    make("li", {}, `${name}: `, make("b", {}, values.join(", "))));
  const facts = [item.product ?? item.id, price(item), item.numbers.stock <= 0 && "out of stock"].filter(Boolean);
  return [
    make("h2", {}, item.title ?? item.category),
    make("p", { className: "facts" }, facts.join(" · ")),
    make("ul", { className: "chips" }, ...chips),
  ];
}

function photoFacts(state, query, onCategory) {
  const facts = `${query.width} × ${query.height}, ${query.format}${query.orientation_applied ? ", turned upright" : ""}`;
  const guesses = query.categories.map(({ name, score }) => guess(name, score, state.category.includes(name), onCategory));
  const list = make("ul", { className: "guesses", ariaLabel: "What the photo is taken for" }, ...guesses);
  return [
    make("h2", {}, query.categories[0]?.name ?? photo(state.photo)?.name ?? "Photo"),
    make("p", { className: "facts" }, facts),
    ...(guesses.length ? [list] : []),
  ];
}

/** A predicted category, which a press makes one to search in. */
function guess(name, score, picked, onCategory) {
  const title = picked ? "Search in other categories too" : `Search in ${name} alone`;
  const button = make("button", { type: "button", className: "guess", title, ariaPressed: `${picked}` },
    make("span", {}, name), make("i", {}, percent(score)), make("span", { className: "gauge", ariaHidden: "true" }));
  button.style.setProperty("--share", score);
  button.addEventListener("click", () => onCategory(name));
  return make("li", {}, button);
}
