// <similar-items>: a shop's items that look like a photo or like one of its items, for a product page. See README.md.

import { Lookalike, LookalikeError } from "./lookalike.js";
import { sheet } from "./style.js";

/** Attributes that are options of a search, by their names there; what is no number stays text. */
const SETTINGS = {
  "color-weight": "colorWeight", diversity: "diversity", collapse: "collapse", "min-score": "minScore", box: "box", sort: "sort", pool: "pool",
};
/** Attributes that are lists with commas between. */
const LISTS = { category: "category", "not-category": "notCategory", boost: "boost" };
/** The same of `key:value`. */
const PAIRS = { attributes: "attributes", "not-attributes": "notAttributes" };
/** Attributes after whose change everything is asked for anew. */
const ASKED = ["api", "api-key", "image", "item", "k", "range", ...[SETTINGS, LISTS, PAIRS].flatMap(Object.keys)];
/** Attributes that change what is shown alone. */
const SHOWN = ["heading", "link", "scores", "currency"];
/** Where this file was sent from, if that was a Lookalike server's /assets/. */
const HOME = new URL("../", import.meta.url).href;

const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

/**
 * @fires load  `detail` is the answer.
 * @fires error  `detail` is a LookalikeError.
 * @fires select  An item was chosen: `detail` is the result. Cancelling it keeps the browser from following the link.
 */
export class SimilarItems extends HTMLElement {
  static observedAttributes = [...ASKED, ...SHOWN];

  /** Makes a card's content of a result; what it gives back stands within the link. @type {((result: import("./lookalike.js").Result) => Node) | null} */
  renderItem = null;

  #parts = {};
  #photo = null;
  #picture = { url: "", blob: null }; // the photo of `image`, fetched once
  #answer = null;
  #asking = new AbortController();
  #watching = null; // until the element comes near the window
  #due = false;

  constructor() {
    super();
    const parts = this.#parts;
    parts.heading = make("h2", { part: "heading", id: "heading" });
    parts.status = make("p", { className: "unseen", role: "status" });
    parts.list = make("ul", { part: "list", role: "list" });
    parts.loading = make("slot", { name: "loading" }, ...Array.from({ length: 4 }, () => make("span", { part: "ghost", className: "ghost", ariaHidden: "true" })));
    parts.retry = make("button", { part: "retry", type: "button" }, "Try again");
    parts.retry.addEventListener("click", () => this.refresh());
    const section = make("section", { part: "section" },
      make("slot", { name: "heading" }, parts.heading), parts.status, make("div", { part: "loading", className: "loading" }, parts.loading), parts.list,
      make("div", { part: "empty", className: "empty" }, make("slot", { name: "empty" }, "Nothing like it was found.")),
      make("div", { part: "error", className: "error" }, make("slot", { name: "error" }, make("p", {}, "Similar items cannot be shown right now."), parts.retry)));
    section.setAttribute("aria-labelledby", "heading");
    parts.section = section;
    this.attachShadow({ mode: "open" }).append(section);
    this.shadowRoot.adoptedStyleSheets = [sheet()];
  }

  /** A photo to search with instead of `image` or `item`; null takes it away. @param {Blob | null} photo */
  set photo(photo) {
    this.#photo = photo;
    this.#soon();
  }

  get photo() {
    return this.#photo;
  }

  /** What was found last. @returns {import("./lookalike.js").Answer | null} */
  get answer() {
    return this.#answer;
  }

  connectedCallback() {
    if (Object.hasOwn(this, "photo")) {
      const { photo } = this; // given before this file was there
      delete this.photo;
      this.photo = photo;
    }
    this.#show();
    if (this.getAttribute("loading") === "eager" || !globalThis.IntersectionObserver) return this.#soon();
    this.#watching = new IntersectionObserver(([entry]) => {
      if (!entry.isIntersecting) return;
      this.#unwatch();
      this.#soon();
    }, { rootMargin: "300px" });
    this.#watching.observe(this);
  }

  disconnectedCallback() {
    this.#unwatch();
    this.#asking.abort();
  }

  attributeChangedCallback(name, before, after) {
    if (before === after || !this.isConnected) return;
    if (SHOWN.includes(name)) this.#show();
    else this.#soon();
  }

  #unwatch() {
    this.#watching?.disconnect();
    this.#watching = null;
  }

  /** Several changes at once are one search; before the element is near, none is made. */
  #soon() {
    if (this.#due || this.#watching || !this.isConnected) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      if (this.isConnected) this.refresh();
    });
  }

  /** Searches again. What it comes to is told by events; the promise ends with either. */
  async refresh() {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    if (!this.#photo && !this.hasAttribute("image") && !this.hasAttribute("item")) return this.#state("idle");
    this.#state("loading");
    try {
      const answer = await this.#ask(signal);
      if (signal.aborted) return;
      this.#answer = answer;
      this.#show();
      this.#state(answer.results.length ? "ready" : "empty");
      this.dispatchEvent(new CustomEvent("load", { detail: answer }));
    } catch (error) {
      if (signal.aborted) return;
      this.#state("error");
      this.dispatchEvent(new CustomEvent("error", { detail: error }));
    }
  }

  async #ask(signal) {
    const server = this.#server();
    const options = { ...this.#options(), signal };
    if (this.#photo) return server.similar(this.#photo, options);
    if (this.hasAttribute("item")) return server.itemSimilar(this.getAttribute("item"), options);
    return server.similar(await this.#fetchImage(signal), options);
  }

  #server() {
    return new Lookalike(this.getAttribute("api") ?? HOME, { apiKey: this.getAttribute("api-key") ?? undefined });
  }

  #options() {
    const options = { k: this.getAttribute("k") ?? undefined };
    for (const [attribute, name] of Object.entries(LISTS)) if (this.hasAttribute(attribute)) options[name] = this.#list(attribute);
    for (const [attribute, name] of Object.entries(PAIRS)) {
      for (const pair of this.#list(attribute)) ((options[name] ??= {})[before(pair, pair.indexOf(":"))] ??= []).push(after(pair, pair.indexOf(":")));
    }
    for (const range of this.#list("range")) {
      const [key, ends] = [before(range, range.lastIndexOf(":")), after(range, range.lastIndexOf(":"))];
      const at = ends.indexOf("..");
      (options.ranges ??= {})[key] = at < 0 ? [ends, null] : [ends.slice(0, at), ends.slice(at + 2)];
    }
    for (const [attribute, name] of Object.entries(SETTINGS)) if (this.hasAttribute(attribute)) options[name] = this.getAttribute(attribute);
    if (options.box) options.box = options.box.split(",");
    return options;
  }

  #list(attribute) {
    return (this.getAttribute(attribute) ?? "").split(",").map((one) => one.trim()).filter(Boolean);
  }

  async #fetchImage(signal) {
    const url = new URL(this.getAttribute("image"), document.baseURI).href;
    if (this.#picture.url === url) return this.#picture.blob;
    const response = await fetch(url, { signal }).catch((cause) => {
      throw signal.aborted ? signal.reason : missing(url, "cannot be reached, or its server does not let this page read it (CORS)", cause);
    });
    if (!response.ok) throw missing(url, `answers ${response.status}`);
    this.#picture = { url, blob: await response.blob() };
    return this.#picture.blob;
  }

  #state(name) {
    const said = { loading: "Searching for similar items", empty: "No similar items", error: "Similar items cannot be shown" };
    const found = `${this.#answer?.results.length} similar items`;
    this.setAttribute("state", name);
    this.#parts.section.ariaBusy = `${name === "loading"}`;
    this.#parts.status.textContent = name === "ready" ? found : (said[name] ?? "");
  }

  #show() {
    this.#parts.heading.textContent = this.getAttribute("heading") ?? "Similar items";
    this.#parts.list.replaceChildren(...(this.#answer?.results ?? []).map((result) => this.#card(result)));
  }

  #card(result) {
    const link = this.getAttribute("link");
    const card = make(link === null ? "button" : "a", { part: "card" }, this.renderItem?.(result) ?? this.#content(result));
    if (link === null) card.type = "button";
    else card.href = link.replace(/\{(id|product|category)\}/g, (_, name) => encodeURIComponent(result[name] ?? result.id));
    card.addEventListener("click", (event) => {
      const chosen = new CustomEvent("select", { detail: result, bubbles: true, composed: true, cancelable: true });
      if (!this.dispatchEvent(chosen)) event.preventDefault();
    });
    return make("li", { part: "item" }, card);
  }

  #content(result) {
    const picture = make("img", { part: "image", alt: "", loading: "lazy", decoding: "async", src: this.#server().imageUrl(result, { width: 512 }) });
    picture.addEventListener("error", () => picture.classList.add("missing"));
    const [category, product] = [make("span", { part: "category" }, result.category), make("span", { part: "product" }, result.title ?? result.product ?? result.id)];
    const about = make("span", { part: "about" }, category, product);
    if (result.numbers.price !== undefined) about.append(make("span", { part: "price" }, this.#price(result.numbers.price)));
    if (this.hasAttribute("scores")) {
      about.append(make("span", { part: "score" }, make("span", { className: "unseen" }, "score "), result.score.toFixed(2)));
    }
    const all = document.createDocumentFragment();
    all.append(picture, about);
    return all;
  }

  #price(number) {
    const currency = this.getAttribute("currency");
    try {
      return new Intl.NumberFormat(this.closest("[lang]")?.lang || undefined, currency ? { style: "currency", currency } : {}).format(number);
    } catch {
      return `${number}`; // no currency, or no language, that a browser knows
    }
  }
}

const before = (text, at) => (at < 0 ? text : text.slice(0, at));
const after = (text, at) => (at < 0 ? "" : text.slice(at + 1));
const missing = (url, why, cause) =>
  new LookalikeError({ status: 0, code: "image_unreachable", title: "No photo", detail: `the photo at ${url} ${why}`, cause });

if (!customElements.get("similar-items")) customElements.define("similar-items", SimilarItems);
