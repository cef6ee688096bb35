// Many items at once that the model believes alike: strike out what is wrong, accept the rest.

import { answer, insist, undo as takeBack } from "./api.js";
import { classButtons, classOfKey, used } from "./buttons.js";
import { shown } from "./content.js";
import { byId, el, many, percent, put, say, twice } from "./dom.js";
import { labelView } from "./label.js";
import { refresh } from "./side.js";
import { nameOf, standing, state } from "./state.js";

const MOST = 24;

export function gridView(main) {
  let group = [];
  let guess = null;
  const struck = new Set();
  let busy = true;
  let closed = false;
  let since = 0;
  let singles = null; // the view of one item after the other, for those struck out

  async function load() {
    busy = true;
    for (;;) {
      const told = await insist("lease", { person: state.person, k: MOST });
      if (closed) return;
      if (told.items.length) return draw(told.items);
      if (!told.choosing) {
        put(main, el("h2", { id: "view-title" }, "Grid"), el("div", { class: "empty" }, el("h3", {}, "Nothing is left for you"),
          el("p", {}, "Every item is answered or reserved for somebody else.")));
        return;
      }
      put(main, el("h2", { id: "view-title" }, "Grid"), el("p", { class: "empty" }, "The next items are being chosen …"));
      await new Promise((go) => setTimeout(go, 400));
    }
  }

  function draw(items) {
    const groups = new Map();
    for (const each of items) groups.set(each.suggested, [...(groups.get(each.suggested) ?? []), each]);
    const ranked = [...groups].sort((a, b) => (b[0] === null) - (a[0] === null) || b[1].length - a[1].length);
    [guess, group] = ranked.find(([cls]) => cls !== null) ?? ranked[0];
    group.sort((a, b) => (b.confidence ?? 0) - (a.confidence ?? 0));
    struck.clear();
    since = performance.now();
    const hidden = state.hidden || guess === null;
    const title = hidden ? `${many(group.length, "item")}: which class are they?` : `${many(group.length, "item")} that look like `;
    put(main, el("h2", { id: "view-title" }, title, !hidden && el("strong", {}, nameOf(guess))),
      el("p", { class: "hint" }, hidden ? "Press out what does not belong, then choose the class of all others."
        : "Press out what is something else. Those come one by one afterwards."),
      el("div", { class: "work" }, el("ul", { class: "grid" }, group.map((each) => el("li", {}, tile(each)))), el("div", { class: "dock" },
        el("div", { class: "suggestion" }, !hidden && el("button", { type: "button", class: "accept", id: "accept", "aria-keyshortcuts": "Space", onclick: (event) => twice(event, since) || accept(guess) })),
        classButtons((id, event) => (event && twice(event, since)) || accept(id), hidden ? {} : { marked: guess, likely: group[0].likely }),
        el("div", { class: "row commands" }, el("button", { type: "button", class: "command", "aria-keyshortcuts": "z", onclick: (event) => twice(event, since) || undo() }, "Undo ", el("kbd", { "aria-hidden": "true" }, "z"))))));
    count();
    busy = false;
    main.querySelector(".tile")?.focus({ preventScroll: true });
  }

  function tile(each) {
    const made = el("button", { type: "button", class: "tile", "aria-pressed": "false",
      "aria-label": `item ${each.key}`, onclick: () => strike(each, made) }, shown(each, { small: true }),
      !state.hidden && each.confidence !== null && el("span", { class: "sure" }, percent(each.confidence)));
    return made;
  }

  function strike(each, made) {
    if (!struck.delete(each.item)) struck.add(each.item);
    made.setAttribute("aria-pressed", String(struck.has(each.item)));
    count();
  }

  function count() {
    const left = group.length - struck.size;
    const button = byId("accept");
    if (button) put(button, el("kbd", { "aria-hidden": "true" }, "space"), el("span", {}, left ? `${many(left, "item")}: ${nameOf(guess)}` : "none is left: see them one by one"));
  }

  async function accept(cls) {
    if (busy) return;
    busy = true;
    const [one, ...rest] = group.filter((each) => !struck.has(each.item));
    if (one) {
      const seen = !state.hidden && one.suggested !== null;
      let told = null;
      try {
        told = await answer({ person: state.person, item: one.item, action: "label", class: cls, also: rest.map((each) => each.item), shown: seen, stands: standing([one, ...rest]),
          suggested: one.suggested, confidence: one.confidence, ms: Math.round((performance.now() - since) / (1 + rest.length)) });
      } catch (error) {
        say(error.message, { warn: true });
        return load();
      }
      if (told) used(cls);
      say(told ? `${nameOf(cls)}: ${many(1 + rest.length, "item")}` : "left as it was answered");
      refresh();
    }
    const left = group.filter((each) => struck.has(each.item));
    if (closed) return;
    if (left.length) oneByOne(left);
    else await load();
  }

  function oneByOne(items) {
    const place = el("div", {});
    put(main, el("p", { class: "hint" }, `${many(items.length, "item")} that you pressed out. `,
      el("button", { type: "button", class: "quiet", onclick: () => { singles.close(); singles = null; load(); } }, "Back to the grid")), place);
    singles = labelView(place, { only: items });
  }

  async function undo() {
    if (busy) return;
    try {
      const told = await takeBack();
      if (told) say(`taken back: ${many(told.items.length, "item")}`);
      refresh();
    } catch (error) {
      say(error.status === 404 ? "there is nothing to take back" : error.message, { warn: true });
    }
    await load();
  }

  function move(step) {
    const tiles = [...main.querySelectorAll(".tile")];
    const at = tiles.indexOf(document.activeElement);
    tiles[Math.min(tiles.length - 1, Math.max(0, at + step))]?.focus();
  }

  load().catch((error) => say(error.message, { warn: true }));
  return {
    close() { closed = true; singles?.close(); },
    moves: (key) => (singles ? singles.moves(key) : key.startsWith("Arrow")),
    again() { if (!singles) load(); else singles.again(); },
    key(key) {
      if (singles) return singles.key(key);
      const wide = Math.max(1, getComputedStyle(main.querySelector(".grid") ?? main).gridTemplateColumns.split(" ").length);
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: wide, ArrowUp: -wide };
      if (key in steps) move(steps[key]);
      else if (key === " " && guess !== null && !state.hidden) accept(guess);
      else if (key === "z" || key === "Backspace") undo();
      else {
        const cls = classOfKey(key);
        if (cls === null) return false;
        accept(cls);
      }
      return true;
    },
  };
}
