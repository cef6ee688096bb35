// The keys, and the guidelines.

import { ask, el, say } from "./dom.js";
import { classes, keysOfClasses, state } from "./state.js";

const KEYS = [
  ["space", "accept the suggestion"], ["x or →", "skip: not for you"], ["u", "unsure: counts as an answer without a class"],
  ["f", "none of these: of none of the classes, or no good; nobody is asked again, its labels do not count"], ["z or backspace", "take back your last answer"],
  ["d", "tick all near-duplicates"], ["+  -  0", "picture nearer, farther, whole (or wheel, pinch, double click); shift with arrows moves it"], ["v", "hide or show suggestions"], ["h", "mark the words that speak for the suggested class, or not"], ["/", "find a class"], ["g", "guidelines"], [".", "a note on the item"],
  ["L  G  H  R  C  N", "with shift: label, grid, history, review, classes, new classes"], ["?", "these keys"],
];

export function help() {
  const rows = (pairs) => pairs.map(([key, what]) => el("tr", {}, el("th", { scope: "row" }, el("kbd", {}, key)), el("td", {}, what)));
  const named = classes().map((each) => [keysOfClasses().get(each.id), each.name]).filter(([key]) => key);
  return ask("Keys", el("div", { class: "keys" }, el("table", {}, el("tbody", {}, rows(KEYS))), el("table", {}, el("tbody", {}, rows(named)))), [["Close", null, "main"]]);
}

/** Guidelines as they were written; a line that begins with # is a heading, and nothing else is read into it. */
export function guidelines() {
  const text = state.project.guidelines.trim();
  if (!text) return void say("this project has no guidelines", { warn: true });
  const parts = text.split(/\n\s*\n/).map((part) => (part.startsWith("#") ? el("h3", {}, part.replace(/^#+\s*/, "")) : el("p", { class: "lines" }, part)));
  return ask("Guidelines", el("div", { class: "guidelines" }, parts), [["Close", null, "main"]]);
}
