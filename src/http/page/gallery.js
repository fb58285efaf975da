// The results: one card each, kept while it stays among them, moved when the order changes.

import { at, calm, make, unseen } from "./dom.js";
import { price } from "./money.js";
import { server } from "./search.js";

const cards = new Map(); // id → card, those that are shown

class Card {
  constructor(result, href, onPick) {
    const small = (width) => server().imageUrl(result, { width });
    const srcset = WIDTHS.map((width) => `${small(width)} ${width}w`).join(", ");
    this.picture = make("img", { sizes: SIZES, srcset, src: small(WIDTHS[0]), alt: "", loading: "lazy", decoding: "async" });
    this.rank = make("span", { className: "rank" });
    this.frame = make("span", { className: "frame" }, this.picture, this.rank);
    if (result.numbers.stock <= 0) this.frame.append(make("span", { className: "gone" }, "out of stock"));
    this.picture.addEventListener("error", () => (this.picture.remove(), this.frame.classList.add("bare")));
    this.score = make("span", { className: "score" });
    this.split = make("span", { className: "split", ariaHidden: "true" }, make("i", { className: "deep" }), make("i", { className: "colour" }));
    this.parts = make("span", { className: "parts" });
    this.link = make("a", { className: "card" }, this.frame,
      make("span", { className: "about" },
        make("b", {}, make("span", { className: result.title ? "title" : "" }, result.title ?? result.category), this.score),
        make("span", { className: "line" }, make("small", {}, result.product ?? result.id), make("span", { className: "price" }, price(result))),
        this.split, this.parts));
    this.element = make("li", {}, this.link);
    this.link.addEventListener("click", (event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
      event.preventDefault();
      onPick(result.id);
    });
    this.update(result, href);
  }

  update({ id, rank, score, distance: { deep, colour, blend } }, href) {
    this.link.href = href(id);
    this.rank.replaceChildren(unseen("Rank "), `${rank}`);
    this.score.replaceChildren(unseen("score "), score.toFixed(2));
    const rest = Math.max(0, blend - deep); // what colour adds, weighed
    this.link.title = `distance ${blend.toFixed(3)}: shape ${deep.toFixed(3)}, colour ${colour.toFixed(3)}, which counts for ${rest.toFixed(3)}`;
    this.split.style.setProperty("--deep-share", Math.min(1, deep / SCALE));
    this.split.style.setProperty("--colour-share", Math.min(1, rest / SCALE));
    this.parts.replaceChildren(unseen("shape "), deep.toFixed(2), make("span", { className: "of-colour" }, make("i", {}, ` + ${rest.toFixed(2)}`), unseen(" colour")));
  }
}

const WIDTHS = [256, 384, 512, 768]; // of thumbnails
const SIZES = "(max-width: 760px) 50vw, 240px"; // a card's width, as results.css has it
const SCALE = 1.25; // the distance that fills a card's width

/** Shows these results in this order. `href` gives an item's address, `onPick` is called with an id. */
export function showResults(results, href, onPick) {
  const before = new Map([...cards].map(([id, { element }]) => [id, element.getBoundingClientRect()]));
  const shown = results.map((result) => {
    const card = cards.get(result.id);
    if (card) card.update(result, href);
    return card ?? new Card(result, href, onPick);
  });
  cards.clear();
  results.forEach(({ id }, i) => cards.set(id, shown[i]));
  const wanted = shown.map((card) => card.element);
  const focused = document.activeElement;
  const there = at("gallery").children;
  if (wanted.length !== there.length || wanted.some((element, i) => element !== there[i])) {
    at("gallery").replaceChildren(...wanted);
    if (at("gallery").contains(focused)) focused.focus({ preventScroll: true });
    move(before);
  }
}

/** Lets cards glide from where they were. */
function move(before) {
  if (calm.matches || !before.size) return;
  for (const [id, { element }] of cards) {
    const [from, to] = [before.get(id), element.getBoundingClientRect()];
    const options = { duration: 320, easing: "cubic-bezier(.2, .7, .2, 1)" };
    if (!from) {
      element.animate({ opacity: [0, 1], transform: ["scale(.97)", "none"] }, options);
      continue;
    }
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (x || y) element.animate({ transform: [`translate(${x}px, ${y}px)`, "none"] }, options);
  }
}

/** Grey shapes where results will be. */
export function showWaiting(count) {
  cards.clear();
  const ghost = () =>
    make("li", { className: "ghost" }, make("span", { className: "card" },
      make("span", { className: "frame" }),
      make("span", { className: "about" }, make("i"), make("i"))));
  at("gallery").replaceChildren(...Array.from({ length: count }, ghost));
}

/** Where the `n`th card leads, for the keyboard. */
export const focusCard = (n) => at("gallery").children[n]?.querySelector("a").focus({ preventScroll: true });
