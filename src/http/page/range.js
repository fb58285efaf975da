// A number from and to: two thumbs on one line, and behind them how many items lie where.

import { make, settled, unseen } from "./dom.js";
import { amount } from "./money.js";

const STEPS = 100; // about so many places for a thumb
const THINNEST = 1 / 24; // of the line: a part of a single number has no width

/** 1, 2 or 5 of some power of ten. */
function rounded(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return [1, 2, 5, 10].map((n) => n * power).find((one) => one >= step * 0.999);
}

/** The ends of the line and the way between two places, as round numbers around all there are. */
export function line({ min, max }) {
  const whole = Number.isInteger(min) && Number.isInteger(max);
  const step = Math.max(rounded((max - min) / STEPS), whole || max - min > 20 ? 1 : 0);
  const digits = Math.max(0, -Math.floor(Math.log10(step)));
  const even = (number) => Number((number * step).toFixed(digits));
  return { least: even(Math.floor(min / step)), most: even(Math.ceil(max / step)), step };
}

/** The outline of the bars, as corners in percent: a bar is as high as its items are dense, the parts being of about as many each. */
export function outline(bins, { least, most }) {
  const place = (number) => (number - least) / (most - least);
  const bars = bins.map(({ from, to, items }) => {
    const width = Math.max(place(to) - place(from), THINNEST);
    const left = (place(from) + place(to) - width) / 2;
    return { left: Math.min(Math.max(left, 0), 1 - width), width, dense: items / width };
  });
  const densest = Math.max(...bars.map(({ dense }) => dense));
  const corners = bars.flatMap(({ left, width, dense }) => {
    const top = 1 - Math.max(dense / densest, 0.06);
    return [[left, 1], [left, top], [left + width, top], [left + width, 1]];
  });
  return [[0, 1], ...corners, [1, 1]].map(([x, y]) => `${(x * 100).toFixed(2)}% ${(y * 100).toFixed(2)}%`).join();
}

export class Range {
  #key; #onChange; #numbers; #line; #moving = false;
  #ends = [null, null]; // as the state has them: between two places of a thumb, too
  #thumbs; #said; #bars; #track;
  #soon = settled(() => this.#tell(), 180);

  /** `onChange` gets the ends, null where one is open. */
  constructor(key, onChange) {
    [this.#key, this.#onChange] = [key, onChange];
    const thumb = (end) => make("input", { type: "range", className: end, ariaLabel: `${key} ${end}` });
    this.#thumbs = ["from", "to"].map(thumb);
    this.#said = make("span", { className: "said" });
    this.#bars = make("span", { className: "bars", ariaHidden: "true" });
    this.#track = make("div", { className: "track" }, this.#bars, ...this.#thumbs);
    this.element = make("fieldset", { className: "range" }, make("legend", {}, make("b", { className: "key" }, key), unseen(" "), this.#said), this.#track);
    this.element.dataset.key = key;
    this.#thumbs.forEach((input, i) => input.addEventListener("input", () => this.#moved(i)));
    this.#track.addEventListener("click", (event) => this.#press(event));
  }

  /** `numbers` is the facet's, null where no item has one; `chosen` the state's range. */
  show(numbers, chosen) {
    this.#numbers = numbers ?? this.#numbers;
    const { min, max, bins } = this.#numbers;
    this.element.hidden = min === max && !chosen;
    if (this.#moving || this.element.hidden) return;
    this.#line = min === max ? { least: min, most: max + 1, step: 1 } : line({ min, max });
    this.#ends = [chosen?.from ?? null, chosen?.to ?? null];
    const { least, most, step } = this.#line;
    for (const input of this.#thumbs) Object.assign(input, { min: least, max: most, step });
    this.#thumbs[0].value = this.#ends[0] ?? least;
    this.#thumbs[1].value = this.#ends[1] ?? most;
    this.#bars.style.clipPath = `polygon(${outline(bins, this.#line)})`;
    this.#say();
  }

  /** At its end of the line a thumb means nothing, and at the other one it stops. */
  #moved(which) {
    const { least, most } = this.#line;
    const [thumb, other] = [this.#thumbs[which], this.#thumbs[1 - which]];
    const past = which ? Number(thumb.value) <= Number(other.value) : Number(thumb.value) >= Number(other.value);
    if (past) thumb.value = other.value;
    const open = which ? Number(thumb.value) >= most : Number(thumb.value) <= least;
    this.#ends[which] = open ? null : past ? (this.#ends[1 - which] ?? Number(other.value)) : Number(thumb.value);
    this.#moving = true;
    this.#say();
    this.#soon();
  }

  #tell() {
    this.#moving = false;
    this.#onChange(...this.#ends);
  }

  /** A press on the line brings the nearer thumb there. */
  #press(event) {
    if (event.target instanceof HTMLInputElement) return;
    const { left, width } = this.#track.getBoundingClientRect();
    const { least, most } = this.#line;
    const wanted = least + ((event.clientX - left) / width) * (most - least);
    const [from, to] = this.#thumbs.map((input) => Math.abs(Number(input.value) - wanted));
    const which = from < to || (from === to && wanted < Number(this.#thumbs[0].value)) ? 0 : 1;
    this.#thumbs[which].value = wanted;
    this.#moved(which);
  }

  #say() {
    const { least, most } = this.#line;
    const ends = [this.#ends[0] ?? least, this.#ends[1] ?? most];
    const words = ends.map((end) => amount(this.#key, end));
    this.#said.textContent = words.join(" – ");
    this.#thumbs.forEach((input, i) => (input.ariaValueText = words[i]));
    const [from, to] = ends.map((end) => Math.min(Math.max((end - least) / (most - least), 0), 1));
    this.#track.style.setProperty("--from", from);
    this.#track.style.setProperty("--to", to);
    this.#thumbs[0].classList.toggle("above", from > 0.5); // where both stand at one end, the one that can go is on top
  }
}
