// The page: a photo or an item is asked with, similar items are shown, each leads on. No library, no build step.

const STEP = 12; // results shown at first, and added by "Show more"
const MOST = 100; // what the API gives at most

const at = (id) => document.getElementById(id);
const photos = new Map(); // photos asked with, so that "back" finds them: number → { file, url }
const answers = new Map(); // answers by state, so that "back" is instant
let current = 0; // the newest question; older answers that come late are dropped

/** An element with properties and children; text stays text. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// ---- asking ----

class Refusal extends Error {
  constructor(title, detail, id = "") {
    super(detail);
    this.title = title;
    this.id = id;
  }
}

const TITLES = {
  400: "That request was not understood",
  404: "That is not here",
  408: "The upload took too long",
  413: "That photo is too large",
  415: "That is not a photo we can read",
  422: "That photo cannot be used",
  429: "Many people are searching right now",
  503: "The server is not ready",
  504: "The search took too long",
};

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Refusal("No connection", "The server cannot be reached. Is it running?");
  }
  const body = await response.json().catch(() => ({}));
  if (response.ok) return body;
  const detail = body.detail ?? `The server answered ${response.status}.`;
  const sentence = detail.charAt(0).toUpperCase() + detail.slice(1) + (/[.?!]$/.test(detail) ? "" : ".");
  throw new Refusal(TITLES[response.status] ?? "Something went wrong", sentence, body.request_id);
}

function search({ item, photo }, k) {
  if (item) return ask(`items/${encodeURIComponent(item)}/similar?k=${k}`);
  const form = new FormData();
  form.append("image", photos.get(photo).file);
  return ask(`similar?k=${k}`, { method: "POST", body: form });
}

// ---- states: {} is the start, { item } and { photo } are questions; the address says which ----

const key = (state) => (state.item ? `item=${state.item}` : state.photo ? `photo=${state.photo}` : "");

function fromAddress() {
  const [, name, value] = /^#(item|photo)=(.+)$/.exec(location.hash) ?? [];
  if (name === "item") return { item: decodeURIComponent(value) };
  return name === "photo" && photos.has(value) ? { photo: value } : {};
}

function go(state) {
  history.replaceState({ scroll: scrollY }, "");
  history.pushState(null, "", key(state) ? `#${key(state)}` : location.pathname);
  show(state);
}

async function show(state, scroll = 0) {
  const mine = ++current;
  hideAlert();
  const asking = Boolean(key(state));
  document.body.classList.toggle("asking", asking);
  at("start").hidden = asking;
  at("found").hidden = !asking;
  document.title = "Lookalike";
  if (!asking) return;
  const known = answers.get(key(state));
  if (!known) await load(state, STEP, mine);
  else render(state, known);
  if (mine === current) scrollTo({ top: scroll, behavior: "instant" });
}

async function load(state, k, mine = ++current) {
  busy(state, k);
  try {
    const answer = await search(state, k);
    answers.set(key(state), answer);
    if (mine === current) render(state, answer);
  } catch (error) {
    if (mine === current) refuse(error);
  }
}

// ---- showing ----

function busy(state, k) {
  document.body.classList.add("busy");
  at("status").textContent = "Searching …";
  at("more").hidden = true;
  if (k > STEP) return;
  at("query").replaceChildren(...queryCard(state, null));
  const ghost = () =>
    make("li", { className: "ghost" }, make("span", { className: "card" },
      make("span", { className: "frame" }),
      make("span", { className: "about" }, make("i"), make("i"))));
  at("gallery").replaceChildren(...Array.from({ length: 8 }, ghost));
}

function render(state, answer) {
  document.body.classList.remove("busy");
  at("query").replaceChildren(...queryCard(state, answer));
  at("gallery").replaceChildren(...answer.results.map(card));
  const { returned, exhausted, timings_ms: timings, catalogue } = answer;
  at("status").textContent = returned
    ? `${returned} of ${catalogue.items.toLocaleString("en")} items, found in ${duration(timings.total)}`
    : "The catalogue has nothing to show.";
  at("more").hidden = exhausted || returned >= MOST;
  if (answer.query.item) document.title = `${answer.query.item.category} · Lookalike`;
}

function queryCard(state, answer) {
  if (state.item) {
    const item = answer?.query.item;
    const picture = make("img", { src: `images/${encodeURIComponent(state.item)}`, alt: item ? named(item) : "The item asked with" });
    const chips = Object.entries(item?.attributes ?? {}).slice(0, 6).map(([name, values]) =>
      make("li", {}, `${name}: `, make("b", {}, values.join(", "))));
    return [picture, make("div", {},
      make("p", { className: "kind" }, "Item"),
      make("h3", {}, item?.category ?? "…"),
      make("p", { className: "facts" }, item?.product ?? state.item),
      make("ul", { className: "chips" }, ...chips))];
  }
  const { file, url } = photos.get(state.photo);
  const picture = make("img", { src: url, alt: "The photo asked with", className: "photo" });
  picture.addEventListener("error", () => picture.remove());
  const query = answer?.query;
  const guesses = (query?.categories ?? []).map(({ name, score }) =>
    make("li", {}, make("span", {}, name, make("i", {}, `${Math.round(score * 100)} %`)),
      make("meter", { value: score, max: 1, ariaLabel: `${name}: ${Math.round(score * 100)} percent` })));
  const facts = query ? `${query.width} × ${query.height}, ${query.format}${query.orientation_applied ? ", turned upright" : ""}` : "";
  return [picture, make("div", {},
    make("p", { className: "kind" }, "Your photo"),
    make("h3", {}, query?.categories[0]?.name ?? file.name ?? "Photo"),
    make("p", { className: "facts" }, facts),
    make("ul", { className: "guesses" }, ...guesses))];
}

const duration = (ms) =>
  ms < 1 ? "under 1 ms" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

const named = (item) => (item.product ? `${item.category}, ${item.product}` : item.category);

function card(result) {
  const frame = make("span", { className: "frame" }, make("span", { className: "rank" }, `${result.rank}`));
  const picture = make("img", { src: result.image_url.replace(/^\//, ""), alt: named(result), loading: "lazy", decoding: "async" });
  picture.addEventListener("error", () => (picture.remove(), frame.classList.add("bare")));
  frame.prepend(picture);
  const score = result.score.toFixed(2);
  const { deep, colour, blend } = result.distance;
  const link = make("a", { className: "card", href: `#item=${encodeURIComponent(result.id)}` }, frame,
    make("span", { className: "about" },
      make("b", {}, make("span", {}, result.category), make("span", { className: "score", ariaLabel: `score ${score}` }, score)),
      make("small", {}, result.product ?? result.id),
      make("meter", { value: result.score, max: 1, ariaHidden: "true" })));
  link.title = `distance ${blend.toFixed(3)} (deep ${deep.toFixed(3)}, colour ${colour.toFixed(3)})`;
  link.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button) return;
    event.preventDefault();
    go({ item: result.id });
  });
  return make("li", {}, link);
}

function refuse(error) {
  document.body.classList.remove("busy", "asking");
  at("alert-title").textContent = error.title ?? "Something went wrong";
  at("alert-detail").textContent = error.message;
  at("alert-id").textContent = error.id ? `Request ${error.id}` : "";
  at("alert").hidden = false;
  at("status").textContent = "";
  at("gallery").replaceChildren();
  at("found").hidden = true;
  at("start").hidden = false;
  scrollTo({ top: 0, behavior: "instant" });
}

function hideAlert() {
  at("alert").hidden = true;
}

// ---- what people do ----

function usePhoto(file) {
  if (!file) return;
  const number = `${photos.size + 1}`;
  photos.set(number, { file, url: URL.createObjectURL(file) });
  go({ photo: number });
}

async function useRandom() {
  try {
    go({ item: (await ask("random")).id });
  } catch (error) {
    refuse(error);
  }
}

at("file").addEventListener("change", (event) => {
  usePhoto(event.target.files[0]);
  event.target.value = ""; // so that the same photo can be chosen again
});
at("random").addEventListener("click", useRandom);
at("surprise").addEventListener("click", useRandom);
at("home").addEventListener("click", (event) => (event.preventDefault(), go({})));
at("alert-close").addEventListener("click", hideAlert);
at("more").addEventListener("click", async () => {
  const before = at("gallery").children.length;
  await load(fromAddress(), Math.min(before + STEP, MOST));
  at("gallery").children[before]?.querySelector("a").focus({ preventScroll: true });
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address holds the question, not the place
  (at("found").hidden ? at("file") : at("results")).focus();
});
addEventListener("popstate", (event) => show(fromAddress(), event.state?.scroll ?? 0));
addEventListener("paste", (event) => usePhoto([...event.clipboardData.files][0]));

let depth = 0; // dragenter and dragleave come for every child
const dragging = (change) => {
  depth = Math.max(0, depth + change);
  document.body.classList.toggle("dragging", depth > 0);
};
addEventListener("dragenter", (event) => (event.preventDefault(), dragging(1)));
addEventListener("dragleave", () => dragging(-1));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  dragging(-depth);
  usePhoto(event.dataTransfer.files[0]);
});

history.scrollRestoration = "manual";
show(fromAddress());
