// Classes: added, renamed, merged.

import { call } from "./api.js";
import { ask, byId, el, many, put, say } from "./dom.js";
import { refresh } from "./side.js";
import { classes, keyOfClass, state } from "./state.js";

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
    const field = el("input", { type: "text", id: "new-class", maxlength: 200, autocomplete: "off" });
    const form = el("form", { class: "row", onsubmit: async (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name && await change({ action: "add", name }, `added ${name}`)) byId("new-class").focus();
    } }, el("label", { for: "new-class" }, "New class "), field, el("button", { type: "submit" }, "Add"));
    put(main, el("h2", { id: "view-title" }, "Classes"), form, el("table", { class: "classes-table" },
      el("thead", {}, el("tr", {}, ["key", "class", "labels", ""].map((name) => el("th", { scope: "col" }, name)))),
      el("tbody", {}, classes().map((each) => el("tr", {}, el("td", {}, keyOfClass(each.id) && el("kbd", {}, keyOfClass(each.id))),
        el("th", { scope: "row" }, each.name), el("td", { class: "number" }, counts.get(each.id) ?? 0),
        el("td", {}, el("div", { class: "row" }, el("button", { type: "button", class: "quiet", onclick: () => rename(each) }, "Rename"),
          classes().length > 1 && el("button", { type: "button", class: "quiet", onclick: () => merge(each, counts.get(each.id) ?? 0) }, "Merge …"))))))));
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
