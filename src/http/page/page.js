// The page: a photo or an item is searched with, similar items are shown, each leads on. No library, no build step.
// The address holds the state; whatever people do makes a new state, and `show` makes the page of it.

import { listenToChips, showChips } from "./chips.js";
import { at } from "./dom.js";
import { NONE } from "./filters.js";
import { focusCard } from "./gallery.js";
import { whenPhotoComes } from "./incoming.js";
import { alarm, calmDown, toast } from "./notice.js";
import { keep, photo, recall } from "./photos.js";
import { showBox, showQuestion } from "./query.js";
import { listen, offer, pick, showSettings } from "./refine.js";
import { further, known, offers, search, server, useKey } from "./search.js";
import { carried, question, read, write } from "./state.js";
import { showAnswer, showBusy, showFrame, showIdle, showNote, showSending } from "./view.js";

let state = read("").state; // what is shown
let lastChange = ""; // the setting changed last: a second turn at the same one is the same step back
let failed = false; // what is in the address could not be had, and is no place to come back to
let asking = new AbortController(); // the newest question; older answers that come late are dropped

// ---- from state to state ----

const address = (of) => (write(of) ? `#${write(of)}` : location.pathname + location.search);

function go(next, { replace = false } = {}) {
  if (failed || replace) history.replaceState(null, "", address(next));
  else {
    history.replaceState({ ...history.state, scroll: scrollY }, "");
    history.pushState(null, "", address(next));
  }
  show(next);
}

/** Another question, with the settings that are there. */
function ask(about) {
  lastChange = "";
  go({ ...carried(state), ...about });
}

/** The same question, with other settings. */
function refine(change, name) {
  const again = name === lastChange && (["color_weight", "diversity", "box"].includes(name) || name.startsWith("range:"));
  lastChange = name;
  go({ ...state, ...change }, { replace: again });
}

function fromAddress() {
  const { state: found, bad } = read(location.hash);
  if (bad.length) toast(`A part of this link is not understood and was left out: ${bad.join(", ")}.`);
  return found;
}

// ---- showing a state ----

const ways = {
  address: (item) => address({ ...carried(state), item }),
  pick: (item) => ask({ item }),
  category: pick,
};

async function show(next, { scroll, shown } = {}) {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  const fresh = failed || question(state) !== question(next) || !at("asked");
  const lost = Boolean(next.photo && !photo(next.photo));
  const asks = Boolean(question(next)) && !lost;
  [state, failed] = [next, lost];
  calmDown();
  showIdle();
  showFrame(asks);
  showNote(lost ? state : null);
  showSettings(state);
  showChips(state);
  if (fresh) scrollTo({ top: 0, behavior: "instant" });
  if (!asks) return;
  if (fresh) showQuestion(state, (box) => refine({ box }, "box"));
  else showBox(state.box);
  const answer = known(state);
  if (answer) showAnswer(state, answer, ways);
  else await load(signal, shown, fresh);
  if (signal.aborted) return;
  if (scroll !== undefined) scrollTo({ top: scroll, behavior: "instant" });
  if (fresh && document.activeElement === document.body) at("results").focus({ preventScroll: true });
}

async function load(signal, shown, fresh) {
  showBusy(fresh);
  try {
    const onProgress = fresh && state.photo ? (share) => signal.aborted || showSending(share) : undefined;
    const answer = await search(state, { shown, signal, onProgress });
    if (!signal.aborted) showAnswer(state, answer, ways);
  } catch (error) {
    if (!signal.aborted) refused(error, fresh);
  }
}

/** A question that failed leads back to the start; a setting that cannot be had leaves what was there. */
function refused(error, fresh) {
  showIdle();
  at("status").textContent = "";
  failed = true;
  if (fresh) showFrame(false);
  const askKey = error.status === 401 ? () => at("keys").showModal() : null;
  alarm(error, askKey ?? (() => show(fromAddress())));
  askKey?.();
  scrollTo({ top: 0, behavior: "instant" });
}

// ---- what people do ----

async function useRandom() {
  try {
    ask({ item: (await server().random()).id });
  } catch (error) {
    refused(error, !question(state));
  }
}

async function showMore() {
  const { signal } = asking;
  const before = known(state);
  at("more").disabled = true;
  at("status").textContent = "Searching …";
  try {
    const whole = await further(state, before, signal);
    if (signal.aborted) return;
    history.replaceState({ ...history.state, shown: whole.results.length }, "");
    showAnswer(state, whole, ways);
    focusCard(before.results.length);
  } catch (error) {
    if (!signal.aborted) refused(error, false);
  } finally {
    at("more").disabled = false;
  }
}

async function share() {
  try {
    await navigator.clipboard.writeText(location.href);
    toast(state.photo ? "Link copied. It brings your settings; the photo stays in this tab." : "Link copied.");
  } catch {
    toast("The address bar has the link: copy it from there.");
  }
}

async function learn() {
  try {
    const { categories, colorWeight } = await offers();
    offer(categories, colorWeight);
  } catch {
    // The search itself will say what is wrong; without categories there is none to pick.
  }
}

function start() {
  history.scrollRestoration = "manual";
  at("random").addEventListener("click", useRandom);
  at("surprise").addEventListener("click", useRandom);
  at("more").addEventListener("click", showMore);
  at("share").addEventListener("click", share);
  at("empty-clear").addEventListener("click", () => (refine(NONE, "filters"), at("results").focus({ preventScroll: true })));
  at("home").addEventListener("click", (event) => (event.preventDefault(), go(read("").state)));
  at("keys").addEventListener("close", () => {
    if (at("keys").returnValue !== "use") return;
    useKey(at("key").value);
    at("key").value = "";
    learn();
    show(fromAddress());
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the address holds the state, not the place
    (at("found").hidden ? at("choose") : at("results")).focus();
  });
  addEventListener("popstate", ({ state: kept }) => ((lastChange = ""), show(fromAddress(), { scroll: 0, ...kept })));
  whenPhotoComes(async (file) => ask({ photo: await keep(file) }), toast);
  listen(refine);
  listenToChips(refine);
  recall();
  learn();
  show(fromAddress(), { ...history.state });
}

start();
