// Where people disagree, or the model sees another class: the most informative first.

import { call } from "./api.js";
import { shown } from "./content.js";
import { el, many, put, say } from "./dom.js";
import { relabel } from "./history.js";
import { nameOf, state } from "./state.js";

export function reviewView(main) {
  async function load() {
    const [people, doubts] = await Promise.all([call("agreement"), call("relabels?k=30")]);
    put(main, el("h2", { id: "view-title" }, "Review"), agreement(people),
      el("p", { class: "hint" }, "Items whose answers differ come first, then those whose class the model doubts most. What it says of an item, it learned from others."),
      doubts.items.length ? el("ul", { class: "doubts" }, doubts.items.map((each) => el("li", {}, doubt(each))))
        : el("p", { class: "empty" }, "Nothing to review: people agree, and so does the model."));
  }

  function doubt(each) {
    return el("article", { class: "doubt" }, el("div", { class: "look" }, shown(each, { small: true })), el("div", {},
      el("p", { class: "key" }, `item ${each.key}`),
      el("ul", { class: "said" }, Object.entries(each.answers).map(([who, cls]) => el("li", {}, `${who}: `, el("strong", {}, nameOf(cls))))),
      Object.entries(each.notes).map(([who, text]) => el("p", { class: "note" }, `${who}: `, el("span", { dir: "auto" }, text))),
      each.model !== null && el("p", {}, "model: ", el("strong", {}, nameOf(each.model))),
      el("button", { type: "button", onclick: async () => { if (await relabel(each.item)) await load(); } }, "Look again")));
  }

  load().catch((error) => say(error.message, { warn: true }));
  return { close() {}, again: () => load(), key: () => false };
}

/** What is known of how far people agree. */
function agreement(told) {
  if (!told.items) return el("p", {}, "No item was labelled by two people yet.");
  const kappa = told.kappa === null ? "cannot be told" : told.kappa.toFixed(2);
  return el("p", {}, `${many(told.items, "item")} with several answers, ${told.agreed} of them alike. `,
    told.method && el("span", {}, `${told.method}'s kappa: `, el("strong", {}, kappa), " (0 is chance, 1 perfect)."));
}
