// What is said when something did not go as it should, and small confirmations.

import { at, sentence } from "./dom.js";

const TITLES = {
  0: "No connection",
  400: "That request was not understood",
  401: "This server asks for a key",
  403: "That key may not do this",
  404: "That is not here",
  408: "The upload took too long",
  413: "That photo is too large",
  415: "That is not a photo we can read",
  422: "That photo cannot be used",
  429: "Many people are searching right now",
  503: "The server is not ready",
  504: "The search took too long",
};

const ADVICE = {
  unreachable: "Check your connection, then try again.",
  unknown_format: "Save it as JPEG or PNG, or take a screenshot of it, and drop that.",
  undecodable_photo: "Open it and save it anew, or choose another photo.",
  body_too_large: "A smaller version of it does as well: the search looks at shapes and colours, not at details.",
  too_many_pixels: "A smaller version of it does as well: the search looks at shapes and colours, not at details.",
  too_much_memory: "Open it and save it anew, as JPEG, or take a screenshot of it.",
  empty_box: "Draw a larger box, or search with the whole photo.",
  unknown_item: "It may have been sold out. Begin with a photo or a random item.",
  slow_upload: "A smaller photo, or a better connection, helps.",
};

/** These pass by themselves, or with a key. */
const PASSING = [0, 401, 408, 429, 500, 502, 503, 504];

let counting; // down to the time that the server asked to be left in peace until

/** Shows an error; `again` is called to try once more, where that may help. */
export function alarm(error, again) {
  clearInterval(counting);
  const { status, code, detail, requestId, retryAfter } = error;
  at("alert-title").textContent = TITLES[status] ?? "Something went wrong";
  at("alert-detail").textContent = sentence(detail ?? error.message ?? "");
  at("alert-do").textContent = ADVICE[code] ?? "";
  at("alert-id").textContent = requestId ? `Request ${requestId}` : "";
  const button = at("alert-again");
  button.hidden = !(again && PASSING.includes(status));
  button.onclick = again;
  wait(button, retryAfter ?? 0);
  at("alert").hidden = false;
}

function wait(button, seconds) {
  const show = () => {
    button.disabled = seconds > 0;
    button.textContent = seconds > 0 ? `Try again in ${seconds} s` : "Try again";
    if (seconds-- <= 0) clearInterval(counting);
  };
  show();
  if (seconds >= 0) counting = setInterval(show, 1000);
}

export function calmDown() {
  clearInterval(counting);
  at("alert").hidden = true;
}

let leaving;

/** A word at the foot of the page, gone by itself. */
export function toast(text) {
  clearTimeout(leaving);
  at("toast").textContent = text;
  at("toast").classList.add("shown");
  leaving = setTimeout(() => at("toast").classList.remove("shown"), 5000);
}

at("alert-close").addEventListener("click", calmDown);
