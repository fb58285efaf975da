// The photos searched with: kept while the tab is open, made small before they travel.

import { make } from "./dom.js";

const LONGEST = 1280; // pixels: many times what a model looks at
const SMALL = 500_000; // bytes: not worth shrinking
const HUGE = 100_000_000;
const READ = ["image/jpeg", "image/png", "image/webp", "image/gif", "image/bmp"]; // by the server
const KEPT = 1_500_000; // bytes: what a tab's storage takes

const photos = new Map(); // number → { blob, url, name }

/** Takes a photo in, and gives the number it is known by. */
export async function keep(file) {
  const number = crypto.getRandomValues(new Uint32Array(1))[0].toString(36);
  const blob = await shrunk(await copy(file));
  photos.set(number, { blob, url: URL.createObjectURL(blob), name: file.name });
  remember(number, blob, file.name);
  return number;
}

export const photo = (number) => photos.get(number);

/** In memory: a file on a disk may change or go while it is searched with. What is too large will be refused anyway. */
async function copy(file) {
  return file.size > HUGE ? file : new Blob([await file.arrayBuffer()], { type: file.type });
}

/**
 * A telephone's photo is many megabytes, of which the search needs a tenth. One that the server does not read (HEIC, AVIF) is made a
 * JPEG, however small it is, where this browser reads it; what cannot be read here goes as it is.
 */
async function shrunk(file) {
  const foreign = !READ.includes(file.type);
  if (file.size <= SMALL && !foreign) return file;
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) return file;
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = make("canvas", { width, height });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  if (!truthful(context)) return file;
  context.fillStyle = "#fff"; // what is transparent lies on white, as the server has it
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob && (foreign || blob.size < file.size) ? blob : file;
}

/** Some browsers hand out noise for a canvas, so that nobody is recognised by it. */
function truthful(context) {
  context.fillStyle = "#336699";
  context.fillRect(0, 0, 1, 1);
  return `${context.getImageData(0, 0, 1, 1).data}` === "51,102,153,255";
}

/** The last photo outlives a reload, in this tab alone. */
function remember(number, blob, name) {
  sessionStorage.removeItem("photo");
  if (blob.size > KEPT) return;
  const reader = new FileReader();
  reader.addEventListener("load", () => {
    try {
      sessionStorage.setItem("photo", JSON.stringify({ number, name, data: reader.result }));
    } catch {
      // The storage is full or closed: a reload then asks for the photo again.
    }
  });
  reader.readAsDataURL(blob);
}

/** Brings the remembered photo back. */
export function recall() {
  try {
    const { number, name, data } = JSON.parse(sessionStorage.getItem("photo"));
    const [, type, text] = /^data:([^;,]*);base64,(.*)$/s.exec(data);
    const blob = new Blob([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], { type });
    photos.set(number, { blob, url: URL.createObjectURL(blob), name });
  } catch {
    // There is none.
  }
}
