// Items as people see them.

import { el, svg } from "./dom.js";

/** The item, large; of a picture the address, of all else the text. */
export function shown(item, { small = false } = {}) {
  const { picture, text, row, numbers } = item.content;
  if (picture) return image(item, picture, small);
  if (text !== undefined) return el("blockquote", { class: "text", dir: "auto" }, small ? cut(text, 160) : text);
  if (row) return table(row, small);
  return vector(item, numbers, small);
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)} …` : text);

function image(item, picture, small) {
  const made = el("img", { src: picture, alt: `picture ${item.key}`, class: "picture", loading: small ? "lazy" : "eager" });
  made.addEventListener("load", () => made.classList.toggle("tiny", made.naturalWidth < 100));
  made.addEventListener("error", () => made.replaceWith(el("p", { class: "warn" }, `The picture ${item.key} cannot be read.`)));
  return made;
}

function table(row, small) {
  const cells = Object.entries(row).slice(0, small ? 4 : undefined);
  return el("table", { class: "cells" }, el("tbody", {}, cells.map(([column, cell]) =>
    el("tr", {}, el("th", { scope: "row" }, column), el("td", { dir: "auto" }, cell === null ? "—" : String(cell))))));
}

function vector(item, numbers, small) {
  const most = Math.max(1e-12, ...numbers.map((x) => Math.abs(x ?? 0)));
  const bars = numbers.map((x, at) => {
    const height = (45 * Math.abs(x ?? 0)) / most;
    return svg("rect", { x: 4 + at * 12, y: x > 0 ? 50 - height : 50, width: 9, height, class: x > 0 ? "up" : "down" });
  });
  const drawing = svg("svg", { viewBox: `0 0 ${8 + 12 * numbers.length} 100`, class: "vector", role: "img",
    "aria-label": `the first ${numbers.length} of ${item.content.length} numbers` },
    svg("line", { x1: 0, x2: 8 + 12 * numbers.length, y1: 50, y2: 50, class: "axis" }), bars);
  if (small) return drawing;
  return el("figure", { class: "numbers" }, drawing, el("figcaption", {},
    `Item ${item.key}: ${item.content.length} numbers, of which the first ${numbers.length} are drawn; length of the vector ${item.content.norm?.toPrecision(3)}`));
}
