// The classes as buttons, each with its key; the likeliest first and a filter where they are many.

import { el, put } from "./dom.js";
import { classes, keysOfClasses, state } from "./state.js";

const FILTERED = 12; // classes beyond which a filter is offered
const DRAWN = 100; // buttons at a time

/** Buttons for every class. `chosen(id, event)` is told which was pressed, by which click if by one; `marked` is the one
 * suggested, `likely` are the likeliest of the item, in order. */
export function classButtons(chosen, { marked = null, filter = true, likely = [] } = {}) {
  const list = el("div", { class: "classes", role: "group", "aria-label": "Classes" });
  const many = classes().length > FILTERED;
  const draw = (typed = "") => {
    const words = typed.trim().toLowerCase();
    const fitting = classes().filter((each) => each.name.toLowerCase().includes(words));
    const order = many ? ranked(fitting, likely) : fitting;
    const [left, keys] = [order.length - DRAWN, keysOfClasses()];
    put(list, order.slice(0, DRAWN).map((each) => button(each, keys.get(each.id), chosen, marked)),
      left > 0 && el("p", { class: "quiet" }, `${left} more: type to find one`));
    if (!order.length) put(list, el("p", { class: "quiet" }, "No class has a name like this."));
    return order;
  };
  draw();
  if (!filter || !many) return list;
  const field = el("input", { type: "search", id: "filter", placeholder: `Find one of ${classes().length} classes`,
    title: "Enter takes the first", "aria-label": "Find a class, Enter takes the first", autocomplete: "off", "aria-keyshortcuts": "/" });
  field.addEventListener("input", () => draw(field.value));
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      if (event.repeat) return;
      const [first] = draw(field.value);
      if (first && field.value.trim()) chosen(first.id);
    } else if (event.key === "Escape") {
      field.value = "";
      draw();
      field.blur();
    }
  });
  return el("div", { class: "classes-all" }, el("div", { class: "row" }, field, el("kbd", {}, "/")), list);
}

/** Where one has to look for them: the likeliest first, then those used last. */
function ranked(some, likely) {
  const first = [...likely, ...state.recent.filter((id) => !likely.includes(id))];
  const rank = (each) => { const at = first.indexOf(each.id); return at < 0 ? first.length : at; };
  return [...some].sort((a, b) => rank(a) - rank(b));
}

function button(each, key, chosen, marked) {
  return el("button", { type: "button", class: each.id === marked ? "class marked" : "class", "data-class": each.id, title: each.name,
    "aria-keyshortcuts": key, onclick: (event) => chosen(each.id, event) },
    key && el("kbd", { "aria-hidden": "true" }, key), el("span", { class: "name", dir: "auto" }, broken(each.name)),
    each.id === marked && el("span", { class: "unseen" }, " (suggested)"));
}

/** A name with places where a line may end, after what joins its words. */
export function broken(name) {
  return name.split(/(?<=[_/.:\-])(?=\w)/).flatMap((part, at) => (at ? [el("wbr"), part] : [part]));
}

/** The class that a key stands for, or null. */
export function classOfKey(key) {
  for (const [id, its] of keysOfClasses()) if (its === key) return id;
  return null;
}

/** Note that a class was used. */
export function used(id) {
  state.recent = [id, ...state.recent.filter((each) => each !== id)].slice(0, 8);
}
