// How photos come in: chosen, dropped or pasted.

import { at } from "./dom.js";

/** `take` gets each file; `say` a word where something came that is none. */
export function whenPhotoComes(take, say) {
  const one = (files, otherwise) => (files.length ? take(files[0]) : otherwise && say(otherwise));
  for (const button of ["choose", "again"]) at(button).addEventListener("click", () => at("file").click());
  at("file").addEventListener("change", ({ target }) => {
    one([...target.files]);
    target.value = ""; // so that the same photo can be chosen again
  });
  addEventListener("paste", ({ clipboardData, target }) => {
    if (!target.closest?.("input:not([type=range], [type=checkbox])")) one([...clipboardData.files], "There is no photo in the clipboard.");
  });
  drops(one);
}

function drops(one) {
  let depth = 0; // dragenter and dragleave come for every child
  const dragging = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  const foreign = ({ dataTransfer }) => dataTransfer?.types.some((type) => type === "Files" || type === "text/uri-list");
  addEventListener("dragenter", (event) => foreign(event) && (event.preventDefault(), dragging(1)));
  addEventListener("dragleave", (event) => foreign(event) && dragging(-1));
  addEventListener("dragover", (event) => foreign(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!foreign(event)) return;
    event.preventDefault();
    dragging(-depth);
    one([...event.dataTransfer.files], "That is a link, not a photo: save the photo first, then drop the file.");
  });
}
