// A box on the photo, drawn with a mouse, a finger or keys: [x1, y1, x2, y2], as shares of the picture's width and height.

import { make, percent, settled } from "./dom.js";

const LEAST = 0.05; // the shortest side of a box
const STEP = 0.02; // a key's way
const FIRST = [0.15, 0.15, 0.85, 0.85]; // the box that the button begins with

const within = (value, least, most) => Math.min(Math.max(value, least), most);

/** Moved, and kept on the picture. */
export function moved([x1, y1, x2, y2], dx, dy) {
  [dx, dy] = [within(dx, -x1, 1 - x2), within(dy, -y1, 1 - y2)];
  return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
}

/** The edges named by `handle` (n, e, s, w and the corners) at x, y; none crosses its opposite. */
export function resized([x1, y1, x2, y2], handle, x, y) {
  if (handle.includes("w")) x1 = within(x, 0, x2 - LEAST);
  if (handle.includes("e")) x2 = within(x, x1 + LEAST, 1);
  if (handle.includes("n")) y1 = within(y, 0, y2 - LEAST);
  if (handle.includes("s")) y2 = within(y, y1 + LEAST, 1);
  return [x1, y1, x2, y2];
}

/** Between two points; null where they are too close to mean a box. */
export function between(a, b) {
  const [x1, x2] = [a.x, b.x].sort((p, q) => p - q);
  const [y1, y2] = [a.y, b.y].sort((p, q) => p - q);
  return x2 - x1 < LEAST || y2 - y1 < LEAST ? null : [x1, y1, x2, y2];
}

const rounded = (box) => box && box.map((v) => Math.round(v * 1000) / 1000);
const same = (a, b) => `${a}` === `${b}`;

export class Cropper {
  #stage; #frame; #said; #box = null; #told = null; #onSettled;
  #soon = settled(() => this.#settle(), 600); // keys come in rows

  /** `stage` holds the picture and nothing beside it; `onSettled` gets each new box, or null for the whole photo. */
  constructor(stage, onSettled) {
    this.#stage = stage;
    this.#onSettled = onSettled;
    this.#frame = make("div", { className: "crop", tabIndex: 0, role: "application", hidden: true });
    this.#frame.ariaRoleDescription = "crop box";
    this.#frame.ariaLabel = "Part of the photo to search with. Arrow keys move it, with Shift they resize it, Enter searches, Escape takes the whole photo.";
    for (const name of ["nw", "n", "ne", "e", "se", "s", "sw", "w"]) this.#frame.append(make("i", { className: `handle ${name}` }));
    this.#said = make("span", { className: "hidden", role: "status" });
    stage.append(this.#frame, this.#said);
    stage.addEventListener("pointerdown", (event) => this.#press(event));
    this.#frame.addEventListener("keydown", (event) => this.#key(event));
  }

  get box() {
    return this.#box;
  }

  /** Shows a box without telling anybody. */
  set(box) {
    this.#told = rounded(box);
    this.#show(box);
  }

  /** A box to begin with, in hand for the keyboard. */
  begin() {
    if (!this.#box) this.#show(FIRST);
    this.#frame.focus({ preventScroll: true });
    this.#settle();
  }

  clear() {
    this.#show(null);
    this.#settle();
  }

  #show(box) {
    this.#box = rounded(box);
    this.#frame.hidden = !box;
    if (!box) return;
    const [x1, y1, x2, y2] = this.#box;
    const place = { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
    for (const [side, value] of Object.entries(place)) this.#frame.style[side] = `${value * 100}%`;
  }

  #settle() {
    this.#soon.cancel();
    if (same(this.#told, this.#box)) return;
    this.#told = this.#box;
    this.#onSettled(this.#box);
  }

  #point(event) {
    const { left, top, width, height } = this.#stage.getBoundingClientRect();
    return { x: within((event.clientX - left) / width, 0, 1), y: within((event.clientY - top) / height, 0, 1) };
  }

  #press(event) {
    // A finger scrolls the page, until cropping was asked for.
    if (event.button || (event.pointerType === "touch" && !this.#stage.classList.contains("cropping"))) return;
    event.preventDefault();
    const [from, before] = [this.#point(event), this.#box];
    const handle = event.target.classList.contains("handle") && event.target.className.replace("handle ", "");
    const moving = event.target === this.#frame;
    const change = ({ x, y }) => {
      if (handle) return resized(before, handle, x, y);
      if (moving) return moved(before, x - from.x, y - from.y);
      return between(from, { x, y }) ?? before;
    };
    this.#follow(event.pointerId, change, before);
  }

  #follow(pointer, change, before) {
    const stage = this.#stage;
    const over = new AbortController();
    const on = (name, does) => stage.addEventListener(name, does, { signal: over.signal });
    stage.setPointerCapture(pointer);
    stage.classList.add("drawing");
    const end = (box) => {
      over.abort();
      stage.classList.remove("drawing");
      this.#show(box);
      this.#settle();
    };
    on("pointermove", (event) => this.#show(change(this.#point(event))));
    on("pointerup", (event) => end(change(this.#point(event))));
    on("pointercancel", () => end(before));
  }

  #key(event) {
    const [dx, dy] = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key] ?? [0, 0];
    if (event.key === "Enter") this.#settle();
    else if (event.key === "Escape") this.clear();
    else if (!dx && !dy) return;
    else {
      const [, , x2, y2] = this.#box;
      this.#show(event.shiftKey ? resized(this.#box, "se", x2 + dx, y2 + dy) : moved(this.#box, dx, dy));
      this.#say();
      this.#soon();
    }
    event.preventDefault();
  }

  #say() {
    const [x1, y1, x2, y2] = this.#box;
    this.#said.textContent = `${percent(x1)} from the left, ${percent(y1)} from the top, ${percent(x2 - x1)} wide, ${percent(y2 - y1)} high`;
  }
}
