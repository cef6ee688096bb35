// The classes as buttons, each with its key; a filter where they are many.

import { el, put } from "./dom.js";
import { classes, keyOf, state } from "./state.js";

const FILTERED = 12; // classes from which a filter is offered

/** Buttons for every class. `chosen(id, event)` is told which was pressed, by which click if by one, and `marked` is the one suggested. */
export function classButtons(chosen, { marked = null, filter = true } = {}) {
  const list = el("div", { class: "classes", role: "group", "aria-label": "Classes" });
  const draw = (typed = "") => {
    const words = typed.trim().toLowerCase();
    const fitting = classes().filter((each) => each.name.toLowerCase().includes(words));
    // those used last come first where one has to look for them
    const rank = (each) => { const at = state.recent.indexOf(each.id); return at < 0 ? 99 : at; };
    const order = words || classes().length <= FILTERED ? fitting : [...fitting].sort((a, b) => rank(a) - rank(b));
    put(list, order.map((each) => button(each, chosen, marked)));
    if (!order.length) put(list, el("p", { class: "quiet" }, "No class has a name like this."));
    return order;
  };
  draw();
  if (!filter || classes().length <= FILTERED) return list;
  const field = el("input", { type: "search", id: "filter", placeholder: "type to find a class, Enter takes the first",
    "aria-label": "Find a class", autocomplete: "off", "aria-keyshortcuts": "/" });
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

function button(each, chosen, marked) {
  const key = keyOf(classes().indexOf(each));
  return el("button", { type: "button", class: each.id === marked ? "class marked" : "class", "data-class": each.id,
    "aria-keyshortcuts": key, onclick: (event) => chosen(each.id, event) },
    key && el("kbd", { "aria-hidden": "true" }, key), el("span", {}, each.name),
    each.id === marked && el("span", { class: "unseen" }, " (suggested)"));
}

/** The class that a key stands for, or null. */
export function classOfKey(key) {
  const found = classes().find((_, place) => keyOf(place) === key);
  return found ? found.id : null;
}

/** Note that a class was used. */
export function used(id) {
  state.recent = [id, ...state.recent.filter((each) => each !== id)].slice(0, 8);
}
