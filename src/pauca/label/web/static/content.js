// Items as people see them.

import { el, svg } from "./dom.js";

/** The item, large; of a picture the address, of all else the text. `words` are marked in it, each with its weight. */
export function shown(item, { small = false, words = [] } = {}) {
  const { picture, text, row, numbers } = item.content;
  if (picture) return image(item, picture, small);
  if (text !== undefined) return el("blockquote", { class: "text", dir: "auto" }, small ? cut(text, 160) : marked(text, words));
  if (row) return table(row, small);
  return vector(item, numbers, small);
}

function marked(text, words) {
  const weights = new Map(words);
  return text.split(/([\p{L}\p{N}_]{2,})/u).map((part, at) => {
    if (at % 2 === 0 || !weights.has(part)) return part;
    const made = el("mark", {}, part);
    made.style.setProperty("--weight", weights.get(part));
    return made;
  });
}

const cut = (text, most) => (text.length > most ? `${text.slice(0, most)} …` : text);

function image(item, picture, small) {
  const made = el("img", { src: picture, alt: `picture ${item.key}`, class: "picture", draggable: "false", loading: small ? "lazy" : "eager" });
  made.addEventListener("load", () => made.classList.toggle("tiny", made.naturalWidth < 100));
  made.addEventListener("error", () => made.replaceWith(el("p", { class: "warn" }, `The picture ${item.key} cannot be read.`)));
  return small ? made : framed(made);
}

const NEAREST = 16; // times as large

/** A picture that can be looked at closely: by wheel, pinch, double click, and from outside by `zoom`. */
function framed(picture) {
  const frame = el("div", { class: "frame" }, picture);
  const fingers = new Map();
  let [scale, x, y] = [1, 0, 0];
  const within = (value, most) => Math.min(most, Math.max(-most, value));
  const place = (event) => { // from the middle of the frame
    const box = frame.getBoundingClientRect();
    return [event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2];
  };
  const draw = () => {
    x = within(x, Math.max(0, (scale * picture.offsetWidth - frame.clientWidth) / 2));
    y = within(y, Math.max(0, (scale * picture.offsetHeight - frame.clientHeight) / 2));
    picture.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
    frame.classList.toggle("near", scale > 1);
  };
  // what is at this place stays there
  const by = (factor, [px, py] = [0, 0]) => {
    const next = Math.min(NEAREST, Math.max(1, scale * factor));
    [x, y] = [px - ((px - x) * next) / scale, py - ((py - y) * next) / scale];
    scale = next;
    draw();
  };
  const move = (dx, dy) => { x += dx; y += dy; draw(); };
  const whole = () => by(0);
  frame.zoom = { by, move, whole };
  frame.addEventListener("wheel", (event) => {
    if (scale === 1 && event.deltaY > 0) return; // the page is scrolled
    event.preventDefault();
    by(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.002)), place(event));
  }, { passive: false });
  frame.addEventListener("dblclick", (event) => (scale > 1 ? whole() : by(3, place(event))));
  frame.addEventListener("pointerdown", (event) => {
    fingers.set(event.pointerId, place(event));
    if (scale > 1) frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!fingers.has(event.pointerId)) return;
    const middle = () => { const all = [...fingers.values()]; return [0, 1].map((at) => all.reduce((sum, one) => sum + one[at], 0) / all.length); };
    const apart = () => { const [a, b] = [...fingers.values()]; return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0; };
    const [wide, from] = [apart(), middle()];
    fingers.set(event.pointerId, place(event));
    const to = middle();
    if (wide > 0) by(apart() / wide, to);
    if (scale > 1) move(to[0] - from[0], to[1] - from[1]);
  });
  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) frame.addEventListener(end, (event) => fingers.delete(event.pointerId));
  const knob = (text, name, act) => el("button", { type: "button", "aria-label": name, title: name, onclick: act }, text);
  return el("div", { class: "framed" }, frame, el("div", { class: "knobs" },
    knob("−", "Farther (-)", () => by(1 / 1.5)), knob("+", "Nearer (+)", () => by(1.5)), knob("Fit", "Whole picture (0)", whole)));
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
