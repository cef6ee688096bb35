// Classes: added, renamed, merged.

import { call } from "./api.js";
import { ask, byId, el, many, put, say } from "./dom.js";
import { refresh } from "./side.js";
import { classes, COMMANDS, keysOfClasses, setKey, state } from "./state.js";

export function classesView(main) {
  async function change(body, done) {
    try {
      state.project.classes = (await call("classes", { person: state.person, ...body })).classes;
      say(done);
      refresh();
      draw();
      return true;
    } catch (error) {
      say(error.message, { warn: true });
      return false;
    }
  }

  function draw() {
    const counts = new Map((state.status?.classes ?? []).map((each) => [each.id, each.labels]));
    const keys = keysOfClasses();
    const field = el("input", { type: "text", id: "new-class", maxlength: 200, autocomplete: "off" });
    const form = el("form", { class: "row", onsubmit: async (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name && await change({ action: "add", name }, `added ${name}`)) byId("new-class").focus();
    } }, el("label", { for: "new-class" }, "New class "), field, el("button", { type: "submit" }, "Add"));
    put(main, el("h2", { id: "view-title" }, "Classes"), form, el("table", { class: "classes-table" },
      el("thead", {}, el("tr", {}, ["your key", "class", "labels", ""].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, classes().map((each) => el("tr", {}, el("td", {}, keyField(each, keys.get(each.id))),
        el("th", { scope: "row" }, each.name), el("td", { class: "number" }, counts.get(each.id) ?? 0),
        el("td", {}, el("div", { class: "row" }, el("button", { type: "button", class: "quiet", onclick: () => rename(each) }, "Rename"),
          classes().length > 1 && el("button", { type: "button", class: "quiet", onclick: () => merge(each, counts.get(each.id) ?? 0) }, "Merge …"))))))));
  }

  // what is typed becomes the key; an empty field gives back the one of the place
  function keyField(each, key) {
    const field = el("input", { type: "text", class: "key-field", value: key ?? "", autocomplete: "off", autocapitalize: "off", "aria-label": `Key of ${each.name}`,
      onfocus: () => field.select(), oninput: (event) => {
        const typed = [...(event.data ?? field.value).toLowerCase()].at(-1) ?? "";
        if (COMMANDS.includes(typed) && typed) say(`${typed === " " ? "space" : typed} is the key of something else, see ?`, { warn: true });
        else {
          setKey(each.id, typed);
          say(typed ? `${typed} stands for ${each.name}` : `${each.name} has the key of its place`);
        }
        draw();
        main.querySelector(`[data-key="${each.id}"]`)?.focus();
      }, "data-key": each.id });
    return field;
  }

  async function rename(each) {
    const field = el("input", { type: "text", value: each.name, maxlength: 200, autofocus: true, "aria-label": "New name" });
    const yes = await ask(`Rename ${each.name}`, el("p", {}, "Its labels stay. New name: ", field), [["Leave it", false], ["Rename", true, "main"]]);
    const name = field.value.trim();
    if (yes && name && name !== each.name) await change({ action: "rename", name: each.name, new: name }, `renamed to ${name}`);
  }

  async function merge(each, labels) {
    const into = el("select", { "aria-label": "Class that takes them" }, classes().filter((other) => other.id !== each.id)
      .map((other) => el("option", { value: other.name }, other.name)));
    const yes = await ask(`Merge ${each.name}`, el("p", {}, `Its ${many(labels, "label")} count as those of `, into, " from now on. What was answered stays in the account."),
      [["Leave it", false], ["Merge", true, "main"]]);
    if (yes) await change({ action: "merge", name: each.name, into: into.value }, `merged into ${into.value}`);
  }

  draw();
  return { close() {}, again: draw, key: () => false };
}
