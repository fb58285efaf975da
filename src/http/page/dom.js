// Elements and text, briefly.

export const at = (id) => document.getElementById(id);

/** An element with properties and children; text stays text. */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Text that only screen readers get. */
export const unseen = (text) => make("span", { className: "hidden" }, text);

export const duration = (ms) =>
  ms < 1 ? "under 1 ms" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

export const percent = (share) => `${Math.round(share * 100)} %`;

/** A sentence as it stands on its own: begun with a capital, ended with a stop. */
export const sentence = (text) =>
  text && text.charAt(0).toUpperCase() + text.slice(1) + (/[.?!…]$/.test(text) ? "" : ".");

/** `call`, once nothing has asked for it for `ms`; `.cancel()` forgets it. */
export function settled(call, ms) {
  let timer;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(call, ms, ...given);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

export const calm = matchMedia("(prefers-reduced-motion: reduce)");
