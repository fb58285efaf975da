// How <similar-items> looks by itself: custom properties and parts change it from outside.

let shared;

/** One sheet for all elements. A constructed one, for it passes every Content-Security-Policy. */
export function sheet() {
  if (shared) return shared;
  shared = new CSSStyleSheet();
  shared.replaceSync(`
    :host { display: block; container-type: inline-size; color: inherit; font: inherit; }
    :host([hidden]), :host([state="idle"]) section { display: none; }
    .unseen { position: absolute; width: 1px; height: 1px; margin: 0; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    section { position: relative; }
    h2 { margin: 0 0 .7em; font-size: 1.3em; line-height: 1.25; letter-spacing: -.01em; }
    ul, .loading {
      display: grid; grid-template-columns: repeat(auto-fill, minmax(min(var(--similar-items-width, 170px), 46cqi), 1fr));
      gap: var(--similar-items-gap, 16px); margin: 0; padding: 0; list-style: none;
    }
    :host([layout="row"]) ul, :host([layout="row"]) .loading {
      grid-template-columns: none; grid-auto-flow: column; grid-auto-columns: min(var(--similar-items-width, 170px), 60cqi);
      overflow-x: auto; padding: 4px; margin: -4px; scroll-padding-inline: 4px; scroll-snap-type: x proximity; scrollbar-width: thin;
    }
    ul { position: relative; } /* or what is hidden in a card would stand outside the row that scrolls, and widen the page */
    li { scroll-snap-align: start; min-width: 0; }
    .loading, .empty, .error { display: none; }
    :host([state="loading"]) .loading:not(:has(+ ul > li)) { display: grid; }
    :host([state="loading"]) ul { opacity: .55; transition: opacity .2s .15s; }
    :host([state="empty"]) .empty, :host([state="error"]) .error { display: block; }
    :host([state="error"]) ul { display: none; }
    [part~="card"] {
      display: block; box-sizing: border-box; width: 100%; height: 100%; padding: 0; border: 1px solid var(--similar-items-line, color-mix(in srgb, currentColor 16%, transparent));
      border-radius: var(--similar-items-radius, 12px); background: var(--similar-items-ground, transparent); color: inherit; font: inherit; text-align: start;
      text-decoration: none; overflow: hidden; cursor: pointer; transition: border-color .15s;
    }
    [part~="card"]:hover { border-color: var(--similar-items-accent, currentColor); }
    :focus-visible { outline: 3px solid var(--similar-items-accent, currentColor); outline-offset: 2px; }
    img, .ghost { display: block; width: 100%; aspect-ratio: var(--similar-items-ratio, 4 / 5); object-fit: cover; background: color-mix(in srgb, currentColor 8%, transparent); }
    img.missing { visibility: hidden; }
    .ghost { border-radius: var(--similar-items-radius, 12px); animation: breathe 1.2s ease-in-out infinite alternate; }
    [part~="about"] { display: grid; grid-template-columns: 1fr auto; gap: 0 10px; padding: 10px 12px 12px; }
    [part~="category"], [part~="product"] { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    [part~="category"] { font-weight: 600; }
    [part~="product"] { grid-row: 2; font-size: .86em; opacity: .8; }
    [part~="price"] { grid-area: 2 / 2; font-size: .86em; font-variant-numeric: tabular-nums; }
    [part~="score"] { grid-area: 1 / 2; font-weight: 600; font-variant-numeric: tabular-nums; color: var(--similar-items-accent, inherit); }
    .error p { margin: 0 0 .6em; }
    [part~="retry"] { min-height: 40px; padding: 0 16px; border: 1px solid currentColor; border-radius: 99px; background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer; }
    @keyframes breathe { to { opacity: .45; } }
    @media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important; } }
  `);
  return shared;
}
