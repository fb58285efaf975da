// Asks a Lookalike server which of a shop's items look like a photo, or like one of its items.
// One file, no dependencies: browsers, and every other runtime that has fetch.

/**
 * @typedef {Blob | ArrayBuffer | Uint8Array} Photo  A photo's bytes as they are: JPEG, PNG, WebP, GIF or BMP.
 *
 * @typedef {object} Options  What is not given is as the server has it by itself; what it does not take, it refuses by name.
 * @property {number} [k]  How many results, 1 to 100 (10).
 * @property {number} [offset]  How many to leave out before them; offset + k is 500 at most.
 * @property {number} [minScore]  The least score, 0 to 1.
 * @property {string | string[]} [category]  Of one of these categories.
 * @property {Record<string, string | string[]>} [attributes]  With one of these values for every key.
 * @property {Record<string, [number | null, number | null]>} [ranges]  With a number from the first to the second for every key; null is
 *   an open end.
 * @property {string | string[]} [notCategory]  Of none of these categories.
 * @property {Record<string, string | string[]>} [notAttributes]  With none of these values.
 * @property {string | string[]} [facet]  Keys to count by, into `facets` of the answer.
 * @property {string | string[]} [exclude]  Ids that must not come.
 * @property {number} [colorWeight]  From 0, the same shape in any colour, to 1, this very colour (0.1).
 * @property {number[]} [box]  The part to search with: [x1, y1, x2, y2], shares of the upright photo's width and height.
 * @property {"product" | "none"} [collapse]  `product`: one item a product.
 * @property {boolean} [dedup]  Of items that show nearly the same photo, one.
 * @property {number} [diversity]  From 0, the closest, to 1, the most varied (0).
 * @property {string} [sort]  `price`: the most similar by that number; `-price`: the largest first.
 * @property {string | string[]} [boost]  `stock:1..*1.2`: such items count for more, in `rank_score`.
 * @property {number} [pool]  How many of the most similar are sorted or boosted, 1 to 500 (100).
 * @property {boolean} [exact]  Compare with every item instead of walking the graph.
 * @property {AbortSignal} [signal]  Gives the request up.
 * @property {(share: number) => void} [onProgress]  Hears how much of the photo is sent, 0 to 1. Browsers only.
 *
 * @typedef {object} Item
 * @property {string} id
 * @property {string | null} product
 * @property {string} category
 * @property {Record<string, string[]>} attributes
 * @property {Record<string, number>} numbers
 * @property {string | null} title
 * @property {string | null} url  The shop's page about it.
 * @property {Record<string, unknown> | null} payload  Whatever the shop gave along.
 * @property {string | null} [source_hash]  What a program that follows a feed knows this version by; not with results.
 * @property {string | null} updated  When it last came in online, in RFC 3339.
 * @property {string} image_url  Relative to the server: see `imageUrl`.
 *
 * @typedef {Item & { rank: number, score: number, rank_score: number | null, distance: { deep: number, colour: number, blend: number } }} Result
 *
 * @typedef {object} Facet
 * @property {string} key
 * @property {number} items  How many were counted over: those that the filters on other keys admit.
 * @property {{ value: string, items: number }[]} values  The most frequent first, twenty at most.
 * @property {number} other  The counts of all other values.
 * @property {number} missing  How many items have no value.
 * @property {{ min: number, max: number, bins: { from: number, to: number, items: number }[], missing: number } | null} numbers
 *
 * @typedef {object} Answer  As openapi.yaml has it (`Similar`); what is used most:
 * @property {string} request_id
 * @property {Result[]} results  Nearest first.
 * @property {Facet[]} facets  One for each `facet` asked for.
 * @property {boolean} exhausted  The catalogue has no more to offer.
 */

/** Parameters of a search, by the names they have here. */
const PARAMETERS = {
  k: "k", offset: "offset", minScore: "min_score", category: "category", notCategory: "not_category", exclude: "exclude",
  colorWeight: "color_weight", facet: "facet", box: "box", collapse: "collapse", dedup: "dedup", diversity: "diversity", exact: "exact",
  sort: "sort", boost: "boost", pool: "pool",
};
/** Options that are not sent. */
const LOCAL = ["attributes", "notAttributes", "ranges", "signal", "onProgress"];
/** Parameters of what is listed and counted. */
const FILTERS = { category: "category", notCategory: "not_category" };

/** What a server refused, or why it was not reached. */
export class LookalikeError extends Error {
  /** @param {{ status: number, code: string, title: string, detail: string, requestId?: string, retryAfter?: number, cause?: unknown }} of */
  constructor({ status, code, title, detail, requestId = "", retryAfter, cause }) {
    super(detail || title, { cause });
    this.name = "LookalikeError";
    /** The HTTP status; 0 where no answer came. */
    this.status = status;
    /** Stable, for programs; `unreachable` where no answer came. */
    this.code = code;
    this.title = title;
    /** For people: what is wrong, and what to do. */
    this.detail = detail;
    /** Finds the request in the server's log. */
    this.requestId = requestId;
    /** Seconds to wait before trying again; undefined where the server names none. */
    this.retryAfter = retryAfter;
  }
}

/** A Lookalike server. */
export class Lookalike {
  #base;
  #key;

  /**
   * @param {string | URL} base  Where the server is, e.g. https://find.shop.example/
   * @param {{ apiKey?: string }} [options]  `apiKey`: for servers that ask for one.
   */
  constructor(base, { apiKey } = {}) {
    this.#base = new URL(`${base}`.replace(/\/*$/, "/"), globalThis.document?.baseURI);
    this.#key = apiKey;
  }

  /** Items that look like a photo. @param {Photo} photo @param {Options} [options] @returns {Promise<Answer>} */
  similar(photo, options = {}) {
    return this.#send(`similar${query(options)}`, { ...local(options), ...raw(photo) });
  }

  /** Items that look like this one, itself left out. @param {string} id @param {Options} [options] @returns {Promise<Answer>} */
  itemSimilar(id, options = {}) {
    return this.#send(`items/${encodeURIComponent(id)}/similar${query(options)}`, local(options));
  }

  /**
   * Items that look like each of up to 32 photos, each with its own status.
   * @param {Photo[]} photos @param {Options} [options]
   * @returns {Promise<{ request_id: string, answers: { index: number, status: number, answer?: Answer, problem?: object }[] }>}
   */
  similarBatch(photos, options = {}) {
    const form = new FormData();
    for (const photo of photos) form.append("image", photo instanceof Blob ? photo : new Blob([photo]), "photo");
    return this.#send(`similar/batch${query(options)}`, { ...local(options), body: form });
  }

  /**
   * Items like some items and unlike others, or like a vector that `embed` gave.
   * @param {{ positive: string[], negative?: string[] } | { vector: number[], colour?: number[] }} wanted
   * @param {Options} [options] @returns {Promise<Answer>}
   */
  search(wanted, options = {}) {
    return this.#send(`search${query(options)}`, { ...local(options), body: JSON.stringify(wanted), type: "application/json" });
  }

  /** A photo, or a part of it, as the model sees it. @param {Photo} photo @param {{ box?: number[], signal?: AbortSignal }} [options] */
  embed(photo, options = {}) {
    return this.#send(`embed${query(options)}`, { ...local(options), ...raw(photo) });
  }

  /**
   * Items by id, a page at a time; `after` is `next` of the page before; `fields`, as in `title,source_hash`, are those that are told.
   * @param {{ limit?: number, after?: string, fields?: string } & Pick<Options, "category" | "attributes" | "ranges" | "notCategory" | "notAttributes" |
   *   "signal">} [options]
   * @returns {Promise<{ items: Item[], total: number, next: string | null }>}
   */
  items(options = {}) {
    return this.#send(`items${query(options, { limit: "limit", after: "after", fields: "fields", ...FILTERS })}`, local(options));
  }

  /** One item. @param {string} id @param {{ signal?: AbortSignal }} [options] @returns {Promise<Item>} */
  item(id, { signal } = {}) {
    return this.#send(`items/${encodeURIComponent(id)}`, { signal });
  }

  /**
   * The whole item, new or in place of what it was, with its `photo`, with the `photoUrl` that the server fetches it from, or with an
   * `embedding` of the server's model. Takes an admin key, which no page may hold: this is for programs.
   * @param {string} id
   * @param {{ product?: string, category: string, attributes?: Record<string, string[]>,
   *   numbers?: Record<string, number>, image?: string }} fields
   * @param {{ photo?: Photo, photoUrl?: string, embedding?: number[], colour?: number[], model?: string }} source
   * @param {{ ifMatch?: string, onlyNew?: boolean, signal?: AbortSignal }} [options] @returns {Promise<Item>}
   */
  putItem(id, fields, { photo, photoUrl, ...numbers }, { ifMatch, onlyNew, signal } = {}) {
    const conditions = { "If-Match": ifMatch, "If-None-Match": onlyNew ? "*" : undefined };
    const to = { method: "PUT", conditions, signal };
    if (!photo) return this.#send(`items/${encodeURIComponent(id)}`, { ...to, body: JSON.stringify({ item: fields, image_url: photoUrl, ...numbers }), type: "application/json" });
    const form = new FormData();
    form.append("image", photo instanceof Blob ? photo : new Blob([photo]), "photo");
    form.append("item", JSON.stringify(fields));
    return this.#send(`items/${encodeURIComponent(id)}`, { ...to, body: form });
  }

  /** Other metadata for an item; `null` takes a field away. @param {string} id @param {object} changes @param {{ ifMatch?: string, signal?: AbortSignal }} [options] @returns {Promise<Item>} */
  patchItem(id, changes, { ifMatch, signal } = {}) {
    const request = { method: "PATCH", conditions: { "If-Match": ifMatch }, body: JSON.stringify(changes), type: "application/merge-patch+json", signal };
    return this.#send(`items/${encodeURIComponent(id)}`, request);
  }

  /** The item goes. @param {string} id @param {{ ifMatch?: string, signal?: AbortSignal }} [options] @returns {Promise<void>} */
  async deleteItem(id, { ifMatch, signal } = {}) {
    await this.#send(`items/${encodeURIComponent(id)}`, { method: "DELETE", conditions: { "If-Match": ifMatch }, signal });
  }

  /** An item drawn at random. @param {{ signal?: AbortSignal }} [options] @returns {Promise<Item>} */
  random({ signal } = {}) {
    return this.#send("random", { signal });
  }

  /** The catalogue's categories. @param {{ signal?: AbortSignal }} [options] @returns {Promise<{ categories: { name: string, items: number }[] }>} */
  categories({ signal } = {}) {
    return this.#send("categories", { signal });
  }

  /**
   * How many items have what: an attribute's values, where a number lies, or `category`.
   * @param {string | string[]} facet  The keys.
   * @param {Pick<Options, "category" | "attributes" | "ranges" | "notCategory" | "notAttributes" | "exclude" | "signal">} [options]
   * @returns {Promise<{ items: number, revision: number, facets: Facet[] }>}
   */
  facets(facet, options = {}) {
    return this.#send(`facets${query({ ...options, facet }, { facet: "facet", exclude: "exclude", ...FILTERS })}`, local(options));
  }

  /** What the server runs: model, catalogue, device, versions, limits. @param {{ signal?: AbortSignal }} [options] */
  info({ signal } = {}) {
    return this.#send("info", { signal });
  }

  /**
   * Where an item's photo is. @param {Item | string} item  The item, or its id.
   * @param {{ width?: number }} [options]  `width`: small, for a list; 16 to 2,048 pixels.
   */
  imageUrl(item, { width } = {}) {
    const path = typeof item === "string" ? `images/${encodeURIComponent(item)}` : item.image_url.startsWith(this.#base.pathname) ? item.image_url : item.image_url.replace(/^\/+/, "");
    const url = new URL(path, this.#base);
    if (width) url.searchParams.set("width", width);
    return url.href;
  }

  async #send(path, { signal, onProgress, body, type, method = body ? "POST" : "GET", conditions = {} }) {
    const headers = {};
    for (const [name, value] of Object.entries(conditions)) if (value) headers[name] = value;
    if (type) headers["Content-Type"] = type;
    if (this.#key) headers["X-API-Key"] = this.#key;
    const request = { method, headers, body, signal };
    const url = new URL(path, this.#base);
    const answer = await (body && onProgress && globalThis.XMLHttpRequest ? watched(url, request, onProgress) : fetched(url, request));
    if (answer.status === 204) return undefined;
    const document = parsed(answer.text);
    if (answer.ok && document !== undefined) return document;
    throw refusal(answer, document ?? {});
  }
}

function query(options, parameters = PARAMETERS) {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) {
    if (LOCAL.includes(name) || value === undefined || value === null) continue;
    if (!parameters[name]) throw new TypeError(`unknown option '${name}'; known: ${[...Object.keys(parameters), ...LOCAL].join(", ")}`);
    const values = name === "box" ? [[...value].join()] : [value].flat();
    for (const one of values) pairs.append(parameters[name], one);
  }
  for (const [given, name] of [["attributes", "attribute"], ["notAttributes", "not_attribute"]]) {
    for (const [key, values] of Object.entries(options[given] ?? {})) for (const one of [values].flat()) pairs.append(name, `${key}:${one}`);
  }
  for (const [key, [least, most]] of Object.entries(options.ranges ?? {})) pairs.append("range", `${key}:${least ?? ""}..${most ?? ""}`);
  const text = `${pairs}`; // `size` came late: Safari 17, Node 19
  return text && `?${text}`;
}

const local = ({ signal, onProgress }) => ({ signal, onProgress });

/** The server looks at the bytes; the type only has to be one that it reads. */
function raw(photo) {
  const type = /^image\/(jpeg|png|webp|gif|bmp)$/.test(photo.type) ? photo.type : "image/jpeg";
  return { body: photo, type };
}

async function fetched(url, request) {
  try {
    const response = await fetch(url, request);
    return { ok: response.ok, status: response.status, header: (name) => response.headers.get(name), text: await response.text() };
  } catch (cause) {
    throw request.signal?.aborted ? request.signal.reason : unreachable(url, cause);
  }
}

/** The same with XMLHttpRequest, for fetch does not tell how far an upload is. */
function watched(url, { method, headers, body, signal }, onProgress) {
  return new Promise((answered, failed) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    signal?.addEventListener("abort", abort);
    request.upload.addEventListener("progress", ({ loaded, total }) => total && onProgress(loaded / total));
    request.addEventListener("load", () =>
      answered({ ok: request.status < 300, status: request.status, header: (name) => request.getResponseHeader(name), text: request.responseText }));
    request.addEventListener("error", (cause) => failed(unreachable(url, cause)));
    request.addEventListener("abort", () => failed(signal.reason));
    request.addEventListener("loadend", () => signal?.removeEventListener("abort", abort));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.send(body);
  });
}

const unreachable = (url, cause) =>
  new LookalikeError({
    status: 0, code: "unreachable", title: "No connection", cause,
    detail: `${url.origin} cannot be reached, or does not allow this page's origin (--cors-origin)`,
  });

function refusal({ status, header }, { code, title, detail, request_id }) {
  const seconds = Number(header("retry-after") ?? undefined);
  return new LookalikeError({
    status, code: code ?? "unknown", title: title ?? `Status ${status}`, detail: detail ?? `the server answered ${status} and did not say why`,
    requestId: request_id ?? header("x-request-id") ?? "", retryAfter: Number.isFinite(seconds) ? seconds : undefined,
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
