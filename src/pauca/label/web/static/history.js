// What was answered, newest first; a click looks at an item again.

import { answer, call } from "./api.js";
import { classButtons } from "./buttons.js";
import { shown } from "./content.js";
import { ask, el, put, say } from "./dom.js";
import { refresh } from "./side.js";
import { said, standing, state } from "./state.js";

const PAGE = 50;

export function historyView(main) {
  let mine = true;
  let entries = [];
  const list = el("ol", { class: "history" });
  const more = el("button", { type: "button", hidden: true, onclick: () => load(true) }, "Show earlier answers");
  const everybody = el("input", { type: "checkbox", onchange: (event) => { mine = !event.target.checked; load(); } });
  put(main, el("h2", { id: "view-title" }, "History"), el("label", { class: "row" }, everybody, " everybody's answers"), list, more);

  async function load(further = false) {
    const from = further && entries.length ? `&before=${entries.at(-1).seq}` : "";
    const who = mine ? `&person=${encodeURIComponent(state.person)}` : "";
    const told = await call(`history?most=${PAGE}${from}${who}`);
    entries = further ? [...entries, ...told.entries] : told.entries;
    more.hidden = told.entries.length < PAGE;
    put(list, entries.map(line));
    if (!entries.length) put(list, el("li", { class: "empty" }, "Nothing was answered yet."));
  }

  function line(entry) {
    const what = said(entry);
    const when = new Date(1000 * entry.at);
    return el("li", { class: entry.stands ? "" : "gone" }, el("button", { type: "button", class: "entry", onclick: (event) => event.detail > 1 || look(entry) },
      el("time", { datetime: when.toISOString() }, when.toLocaleTimeString()), el("strong", {}, what), el("span", { class: "key" }, entry.key),
      !mine && el("span", {}, entry.person), !entry.stands && entry.action !== "undo" && el("span", { class: "quiet" }, "replaced or taken back")));
  }

  async function look(entry) {
    await relabel(entry.item).catch((error) => say(error.message, { warn: true }));
    await load();
  }

  load().catch((error) => say(error.message, { warn: true }));
  return { close() {}, again: () => load(), key: () => false };
}

/** Look at an item again and give it another class; false if nothing was changed. */
export async function relabel(number) {
  const { items: [item] } = await call(`items?ids=${number}&person=${encodeURIComponent(state.person)}`);
  let chosen = null;
  const close = () => document.getElementById("dialog").close();
  const content = el("div", { class: "again" }, shown(item), el("p", {}, "Your answer: ", el("strong", {}, said(item.answer))),
    el("div", { class: "dock" }, classButtons((id) => { chosen = { action: "label", class: id }; close(); })));
  const other = await ask(`Item ${item.key}`, content, [["Unsure", "unsure"], ["None of these", "flag"], ["Leave it", null, "main"]]);
  if (other !== null) chosen = { action: other, class: null };
  if (chosen === null) return false;
  try {
    const told = await answer({ person: state.person, item: item.item, suggested: null, confidence: null, shown: false, ms: null, also: [], stands: standing([item]), ...chosen });
    if (!told) return false;
  } catch (error) {
    say(error.message, { warn: true });
    return false;
  }
  say(said(chosen));
  refresh();
  return true;
}
