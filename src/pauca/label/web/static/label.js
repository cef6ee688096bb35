// One item after the other.

import { answer, call, insist, undo as takeBack } from "./api.js";
import { broken, classButtons, classOfKey, used } from "./buttons.js";
import { shown } from "./content.js";
import { ask, byId, el, many, percent, put, say, twice } from "./dom.js";
import { guidelines } from "./help.js";
import { refresh } from "./side.js";
import { nameOf, place, remember, said, standing, state } from "./state.js";

const AHEAD = 3; // items that are held, so that the next one is there at once
const NEARER = { "+": 1.5, "=": 1.5, "-": 1 / 1.5, 0: 0 }; // how many times as large a picture becomes
const ASIDE = { "Shift+ArrowLeft": [60, 0], "Shift+ArrowRight": [-60, 0], "Shift+ArrowUp": [0, 60], "Shift+ArrowDown": [0, -60] };
const RENEW = 240_000; // ms after which what is held is asked for again

/** The view. `only`: items that were struck out of a grid, which come first. */
export function labelView(main, { only = [] } = {}) {
  let queue = [];
  let first = [...only];
  let current = null;
  let since = 0;
  let busy = true;
  let closed = false;
  let turn = 0;
  let beside = []; // near-duplicates that are shown
  const ticked = new Set();

  const title = el("h2", { id: "view-title", class: "unseen" }, "Label");
  const stage = el("section", { class: "stage", "aria-label": "Item" });
  const copies = el("section", { class: "copies", hidden: true, "aria-label": "Near-duplicates" });
  const suggestion = el("div", { class: "suggestion" });
  const choice = el("div", {});
  const answers = el("div", { class: "row commands", role: "group", "aria-label": "Other answers" },
    command("Skip", "x", () => done("skip"), "Not for you: somebody else gets it"), command("Unsure", "u", () => done("unsure"), "Counts as an answer without a class"),
    command("None of these", "f", () => done("flag"), "Of none of the classes, or no good: nobody is asked again, and its labels do not count"),
    command("Undo", "z", undo, "Take back your last answer"));
  const tools = el("div", { class: "row tools", role: "group", "aria-label": "Tools" },
    command("Note", ".", writeNote, "Kept with your answers; others see it under Review"), command("Guidelines", "g", guidelines),
    el("button", { type: "button", class: "quiet", id: "hide", "aria-keyshortcuts": "v", "aria-pressed": String(state.hidden), onclick: hide },
      "Hide suggestions ", el("kbd", { "aria-hidden": "true" }, "v")),
    state.project.kind === "text" && el("button", { type: "button", class: "quiet", id: "plain", "aria-keyshortcuts": "h", "aria-pressed": String(state.plain), onclick: leavePlain,
      title: "Words that speak for the suggested class are marked" }, "Hide marks ", el("kbd", { "aria-hidden": "true" }, "h")));
  // the dock stays in sight however long the item is
  put(main, title, el("div", { class: "work" }, stage, el("div", { class: "dock" }, suggestion, choice, answers), copies), tools);

  function command(text, key, act, hint) {
    return el("button", { type: "button", class: "command", "aria-keyshortcuts": key, title: hint, onclick: (event) => twice(event, since) || act() },
      text, " ", el("kbd", { "aria-hidden": "true" }, key));
  }

  // what is held, and more; null where something was answered meanwhile, so that it is out of date
  async function fetchMore() {
    const mine = turn;
    const told = await insist("lease", { person: state.person, k: AHEAD });
    if (closed || mine !== turn) return null;
    const known = new Set(first.map((each) => each.item));
    queue = told.items.filter((each) => !known.has(each.item));
    // the one under the eyes stays there, also after a reload
    const before = JSON.parse(sessionStorage.getItem(place("shown", state.person)) ?? "{}");
    const shownNow = current?.item ?? before.item ?? -1;
    queue.sort((a, b) => (b.item === shownNow) - (a.item === shownNow));
    return told;
  }

  // after a reload: what was shown and is not lent, such as an item whose answer was taken back
  async function restore() {
    const before = JSON.parse(sessionStorage.getItem(place("shown", state.person)) ?? "{}");
    if (!before.extra || first.length) return;
    const { items: [item] } = await call(`items?ids=${before.item}&person=${encodeURIComponent(state.person)}`);
    if (item.stands === before.stands) first = [{ duplicates: [], ...item }];
  }

  async function next() {
    turn += 1; // another answer or undo may come while this one waits
    busy = true;
    ticked.clear();
    if (first.length) {
      show(first[0]);
      return;
    }
    if (queue.length) show(queue[0]);
    const waited = el("p", { class: "empty" }, "The next items are being chosen …");
    for (;;) {
      const told = await fetchMore();
      if (told === null) return;
      if (queue.length) break;
      if (!told.choosing) {
        current = null;
        put(stage, el("div", { class: "empty" }, el("h3", {}, "Nothing is left for you"),
          el("p", {}, "Every item is answered or reserved for somebody else. Labels can be exported under Progress.")));
        put(choice); put(suggestion); copies.hidden = true;
        busy = false;
        main.setAttribute("aria-busy", "false");
        return;
      }
      if (!waited.isConnected) put(stage, waited);
      await new Promise((go) => setTimeout(go, 400));
    }
    if (current?.item !== queue[0].item) show(queue[0]);
  }

  function show(item) {
    current = item;
    const extra = first[0] === item;
    sessionStorage.setItem(place("shown", state.person), JSON.stringify({ item: item.item, stands: item.stands ?? null, extra }));
    since = performance.now();
    drawNote();
    drawItem();
    const upcoming = first[1] ?? queue.find((each) => each.item !== item.item);
    if (upcoming?.content.picture) new Image().src = upcoming.content.picture;
    drawChoice();
    drawCopies();
    busy = false;
    main.setAttribute("aria-busy", "false");
    // a button that was pressed is gone with its item: the focus stays in the view
    if (document.activeElement === document.body) byId("main").focus({ preventScroll: true });
  }

  const note = el("p", { class: "note" });
  const drawNote = () => put(note, current.note && ["Your note: ", el("span", { dir: "auto" }, current.note)]);

  async function writeNote() {
    const item = current;
    if (!item) return;
    const field = el("textarea", { maxlength: 2000, rows: 4, autofocus: true, value: item.note, "aria-label": "Your note" });
    if (!(await ask("Note on this item", el("div", {}, field), [["Leave it", false], ["Keep the note", true, "main"]]))) return;
    try {
      await insist("note", { person: state.person, item: item.item, text: field.value });
      item.note = field.value.trim();
      if (current === item) drawNote();
      say(item.note ? "note kept" : "note removed");
    } catch (error) {
      say(error.message, { warn: true });
    }
  }

  const guessed = () => !state.hidden && current.suggested !== null;
  const drawItem = () => put(stage, shown(current, { words: guessed() && !state.plain ? current.words : [] }), note);

  function drawChoice() {
    const seen = guessed();
    put(choice, classButtons((id, event) => (event && twice(event, since)) || done("label", id), seen ? { marked: current.suggested, likely: current.likely } : {}));
    put(suggestion, seen && el("button", { type: "button", class: "accept", "aria-keyshortcuts": "Space", onclick: (event) => twice(event, since) || done("label", current.suggested) },
      el("kbd", { "aria-hidden": "true" }, "space"), el("span", {}, broken(nameOf(current.suggested)), "?"),
      el("span", { class: "sure" }, `${words(current.confidence)}, ${percent(current.confidence)}`)));
  }

  async function drawCopies() {
    copies.hidden = true;
    put(copies); // those of the item before must not be ticked for this one
    beside = [];
    const mine = current;
    if (!mine.duplicates?.length) return;
    const told = await call(`items?ids=${mine.duplicates.slice(0, 12).join(",")}&person=${encodeURIComponent(state.person)}`).catch(() => null);
    if (closed || current !== mine || !told) return;
    beside = told.items;
    copies.hidden = false;
    put(copies, el("h3", {}, many(told.items.length, "near-duplicate")), el("p", {}, "Tick those that get the same answer."),
      el("button", { type: "button", "aria-keyshortcuts": "d", onclick: tickAll }, "Tick all ", el("kbd", { "aria-hidden": "true" }, "d")),
      el("ul", { class: "strip" }, told.items.map((each) => el("li", {}, el("label", { class: "copy" },
        el("input", { type: "checkbox", value: String(each.item), onchange: (event) => (event.target.checked ? ticked.add(each.item) : ticked.delete(each.item)) }),
        el("span", { class: "unseen" }, `also item ${each.key}`), shown(each, { small: true }))))));
  }

  function tickAll() {
    const boxes = [...copies.querySelectorAll("input")];
    const all = boxes.every((box) => box.checked);
    for (const box of boxes) {
      box.checked = !all;
      box.dispatchEvent(new Event("change"));
    }
    if (boxes.length) say(all ? "none ticked" : `${boxes.length} ticked`);
  }

  async function done(action, cls = null) {
    if (busy || !current) return;
    busy = true;
    turn += 1;
    main.setAttribute("aria-busy", "true");
    const seen = guessed();
    const also = [...ticked];
    let told = null;
    try {
      told = await answer({ person: state.person, item: current.item, action, class: cls, also, shown: seen, stands: standing([current, ...beside]),
        suggested: current.suggested, confidence: current.confidence, ms: Math.round(performance.now() - since) });
    } catch (error) {
      say(error.message, { warn: true });
      busy = false;
      await next();
      return;
    }
    if (told && cls !== null) used(cls);
    const gone = new Set([current.item, ...also]);
    first = first.filter((each) => !gone.has(each.item));
    queue = queue.filter((each) => !gone.has(each.item));
    const count = gone.size > 1 ? ` (${gone.size} items)` : "";
    say(told ? `${said({ action, class: cls })}${count}` : "left as it was answered");
    if (closed) return;
    refresh();
    await next();
  }

  async function undo() {
    if (busy) return;
    busy = true;
    turn += 1;
    try {
      const told = await takeBack();
      if (told) {
        say(`taken back: ${many(told.items.length, "item")}`);
        const { items } = await call(`items?ids=${told.items.slice(0, 50).join(",")}&person=${encodeURIComponent(state.person)}`);
        first = [...items.map((each) => ({ duplicates: [], ...each })), ...first];
        refresh();
      }
    } catch (error) {
      say(error.status === 404 ? "there is nothing to take back" : error.message, { warn: true });
    }
    await next();
  }

  function hide() {
    state.hidden = !state.hidden;
    remember();
    byId("hide").setAttribute("aria-pressed", String(state.hidden));
    say(state.hidden ? "suggestions are hidden" : "suggestions are shown");
    drawAgain();
  }

  function leavePlain() {
    state.plain = !state.plain;
    remember();
    byId("plain").setAttribute("aria-pressed", String(state.plain));
    say(state.plain ? "words are not marked" : "words are marked that speak for the suggestion");
    drawAgain();
  }

  function drawAgain() {
    if (!current) return;
    drawChoice();
    if (current.content.text !== undefined) drawItem();
  }

  const renewal = setInterval(() => { if (!document.hidden && !busy) fetchMore().catch(() => {}); }, RENEW);
  restore().catch(() => {}).then(next).catch((error) => say(error.message, { warn: true }));
  return {
    close() { closed = true; clearInterval(renewal); },
    again() { if (current) drawChoice(); },
    moves: (key) => key in NEARER || key in ASIDE,
    key(key) {
      const zoom = stage.querySelector(".frame")?.zoom;
      if (key === " ") {
        if (current && !state.hidden && current.suggested !== null) done("label", current.suggested);
        else say("there is no suggestion to accept", { warn: true });
      } else if (key === "x" || key === "ArrowRight") done("skip");
      else if (key === "u") done("unsure");
      else if (key === "f") done("flag");
      else if (key === "z" || key === "Backspace") undo();
      else if (key === "g") guidelines();
      else if (key === ".") writeNote();
      else if (key === "v") hide();
      else if (key === "h" && byId("plain")) leavePlain();
      else if (key === "d") tickAll();
      else if (zoom && key in NEARER) zoom.by(NEARER[key]);
      else if (zoom && key in ASIDE) zoom.move(...ASIDE[key]);
      else {
        const cls = classOfKey(key);
        if (cls === null) return false;
        done("label", cls);
      }
      return true;
    },
  };
}

/** How sure, in a word. */
export function words(confidence) {
  if (confidence >= 0.95) return "nearly sure";
  if (confidence >= 0.8) return "likely";
  return confidence >= 0.5 ? "perhaps" : "a guess";
}
