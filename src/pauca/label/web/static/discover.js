// What is none of these, in groups that may be classes: look, press out, give a name.

import { call, insist, undo as takeBack } from "./api.js";
import { shown } from "./content.js";
import { el, many, put, say } from "./dom.js";
import { refresh } from "./side.js";
import { classes, state } from "./state.js";

export function discoverView(main) {
  let closed = false;
  let busy = false;
  const title = () => el("h2", { id: "view-title" }, "New classes");

  async function load() {
    put(main, title(), el("p", { class: "empty" }, "Looking at what is none of these …"));
    const told = await call("discover").catch((error) => ({ error }));
    if (closed) return;
    if (told.error) put(main, title(), el("p", { class: "empty" }, told.error.message));
    else if (told.flagged < told.least) put(main, title(), el("p", { class: "empty" }, `${many(told.flagged, "item")} answered with none of these; from ${told.least} on new classes are looked for among them.`));
    else draw(told);
  }

  function draw(told) {
    const part = told.compared < told.flagged && ` ${told.compared.toLocaleString("en")} of them were compared.`;
    put(main, title(), el("p", { class: "hint" }, `${many(told.flagged, "item")} answered with none of these, grouped by ${told.by}.`, part,
      " Where a group is a class, press out what does not belong and give it a name: all its items get it, those too that are not shown."),
      el("datalist", { id: "class-names" }, classes().map((each) => el("option", { value: each.name }))),
      told.proposals.length ? told.proposals.map((each) => proposal(each, told.seen)) : el("p", { class: "empty" }, "No group was found."),
      el("div", { class: "row commands" }, el("button", { type: "button", class: "command", "aria-keyshortcuts": "z", onclick: undo }, "Undo ", el("kbd", { "aria-hidden": "true" }, "z")),
        el("button", { type: "button", class: "command", onclick: load }, "Look again")));
  }

  function proposal(each, seen) {
    const struck = new Set();
    const button = el("button", { type: "submit", class: "main" });
    const count = () => put(button, `Label ${many(each.size - struck.size, "item")}`);
    const field = el("input", { type: "text", maxlength: 200, list: "class-names", autocomplete: "off", "aria-label": `Name of the class of group ${each.number}` });
    const form = el("form", { class: "row", onsubmit: (event) => { event.preventDefault(); accept(each, seen, field, struck); } }, el("span", { "aria-hidden": "true" }, "Class"), field, button);
    count();
    const apart = each.separation === null ? "" : `, apart from the others ${each.separation.toFixed(2)}`;
    return el("section", { class: "proposal", "aria-label": `group ${each.number}` },
      el("h3", {}, `${many(each.size, "item")}: alike ${each.cohesion.toFixed(2)}${apart}`),
      el("ul", { class: "grid" }, each.exemplars.map((one) => el("li", {}, tile(one, struck, count)))), form);
  }

  function tile(one, struck, count) {
    const made = el("button", { type: "button", class: "tile", "aria-pressed": "false", "aria-label": `item ${one.key}`, onclick: () => {
      if (!struck.delete(one.item)) struck.add(one.item);
      made.setAttribute("aria-pressed", String(struck.has(one.item)));
      count();
    } }, shown(one, { small: true }));
    return made;
  }

  async function accept(each, seen, field, struck) {
    const name = field.value.trim();
    if (!name) return void field.focus();
    if (busy) return;
    busy = true;
    try {
      const told = await insist("accept", { person: state.person, names: { [each.number]: name }, seen, without: [...struck] });
      state.acts.push(null); // one more to take back, of which no place is told
      say(`${name}: ${many(each.size - struck.size, "item")}${told.flagged.length ? `; ${told.flagged.length} stay none of these, for others said so too` : ""}`);
      refresh();
      await load();
    } catch (error) {
      say(error.message, { warn: true }); // what was pressed out stays, to try again
    }
    busy = false;
  }

  async function undo() {
    if (busy) return;
    busy = true;
    try {
      const told = await takeBack();
      if (told) say(`taken back: ${many(told.items.length, "item")}`);
      refresh();
      await load();
    } catch (error) {
      say(error.status === 404 ? "there is nothing to take back" : error.message, { warn: true });
    }
    busy = false;
  }

  load().catch((error) => say(error.message, { warn: true }));
  return {
    close() { closed = true; },
    again() {}, // what was pressed out is not thrown away because a class was added
    key(key) {
      if (key !== "z" && key !== "Backspace") return false;
      undo();
      return true;
    },
  };
}
