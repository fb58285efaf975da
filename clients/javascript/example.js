// The example's own part: which server (?api=…), which product (?item=…, else any), and what happens when one is chosen.

import { Lookalike } from "./lookalike.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const api = asked.get("api") ?? "http://127.0.0.1:8080/";
const server = new Lookalike(api);

function show(item) {
  at("title").textContent = item.category;
  at("about").textContent = item.product ?? item.id;
  at("picture").src = server.imageUrl(item);
  at("picture").alt = item.category;
  at("similar").setAttribute("item", item.id);
}

for (const element of [at("similar"), at("own")]) {
  element.setAttribute("api", api);
  element.addEventListener("select", ({ detail }) => show(detail)); // without links, choosing is all ours
  element.addEventListener("error", ({ detail }) => (at("said").textContent = detail.message));
}
at("file").addEventListener("change", ({ target }) => (at("own").photo = target.files[0]));

try {
  show(asked.has("item") ? await server.item(asked.get("item")) : await server.random());
} catch (error) {
  at("said").textContent = error.message;
}
