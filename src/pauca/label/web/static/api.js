// Asking the server. What was answered is kept here until the server says that it is on its disk.

import { ask, banner, el, many } from "./dom.js";
import { place, said, state } from "./state.js";

const NOTE = "pauca/note"; // what is said after the page was loaded again

/** What the server refused, with its reason. */
export class Refused extends Error {
  constructor(status, told) {
    super([told.error, told.got && `got ${told.got}`, told.todo].filter(Boolean).join("; "));
    this.status = status;
    this.told = told;
  }
}

/** Ask once: reads without a body, writes with one. Throws Refused, or TypeError without a network. */
export async function call(path, body) {
  const options = { credentials: "same-origin", cache: "no-store", headers: {} };
  if (state.project) options.headers["pauca-project"] = state.project.id;
  if (body !== undefined) {
    options.method = "POST";
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(`/api/${path}`, options);
  if (reply.status === 204) return null;
  const told = await reply.json().catch(() => ({ error: reply.statusText || "no answer" }));
  if (reply.ok) return told;
  if (state.project && told.project) return again(otherProject(told.project));
  if (state.project && reply.status === 401) return again("The server asks for its token again. Nothing is lost.");
  const refused = new Refused(reply.status, told);
  refused.wait = Number(reply.headers.get("retry-after")) || 0;
  throw refused;
}

function otherProject(now) {
  const left = kept().length;
  return `This address now serves the project ${now.name}; it was ${state.project.name} before. `
    + (left ? `${many(left, "answer")} for ${state.project.name} ${left === 1 ? "is" : "are"} kept in this browser, and sent once it is served here again.` : "Nothing was sent to the wrong project.");
}

/** Load the page again, and say why; nothing after this is run. */
function again(words) {
  sessionStorage.setItem(NOTE, words);
  location.reload();
  return new Promise(() => {});
}

/** Why the page was loaded again, once; null where it was not. */
export function note() {
  const words = sessionStorage.getItem(NOTE);
  sessionStorage.removeItem(NOTE);
  return words;
}

const passing = (error) => !(error instanceof Refused) || error.status === 429 || error.status >= 500;
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/** Ask until there is an answer; says so while there is none. */
export async function insist(path, body) {
  for (let tries = 0; ; tries += 1) {
    try {
      const told = await call(path, body);
      if (tries) banner(null);
      return told;
    } catch (error) {
      if (!passing(error)) {
        if (tries) banner(null);
        throw error;
      }
      banner(waiting(error));
      const wait = error instanceof Refused ? Math.max(1000, 1000 * error.wait) : 300 * 2 ** tries;
      await pause(Math.min(5000, wait));
    }
  }
}

function waiting(error) {
  if (!(error instanceof Refused)) return "The server does not answer. What you said is kept here and sent again; is it still running?";
  if (error.status === 429) return "The server is busy. Nothing is lost; it is asked again.";
  return `The server cannot keep answers now: ${error.message}. What you said is kept here and sent again.`;
}

/** A name for an answer, so that sending it twice is answering once. */
export function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

// each has a place of its own, so that tabs that write at once lose none
const spot = (whole) => place("kept", whole.person, whole.token);

function keep(whole) {
  try {
    localStorage.setItem(spot(whole), JSON.stringify({ at: Date.now(), whole }));
  } catch {
    banner("This browser has no room left: leave this page open until the answer is sent.");
  }
}

const forget = (whole) => localStorage.removeItem(spot(whole));

/** Answers for this project that no server has acknowledged, the oldest first. */
function kept() {
  const begin = `${place("kept")}/`;
  const found = Object.keys(localStorage).filter((key) => key.startsWith(begin)).map((key) => JSON.parse(localStorage.getItem(key)));
  return found.sort((a, b) => a.at - b.at).map((each) => each.whole);
}

/** Send an answer; when this returns it is on the server's disk. Null where the person leaves what stands. */
export function answer(body) {
  const whole = { ...body, token: token() };
  keep(whole);
  return deliver(whole);
}

async function deliver(whole) {
  for (;;) {
    try {
      const told = await insist("answer", whole);
      forget(whole);
      if (told.events.length) state.acts.push(told.events[0].seq);
      return told;
    } catch (error) {
      const changed = error.told?.changed;
      if (!changed) {
        if (error.status !== 403) forget(whole); // the server had a reason; another page's is no reason
        throw error;
      }
      if (!(await overrules(whole, changed))) {
        forget(whole);
        return null;
      }
      whole = { ...whole, stands: { ...whole.stands, ...Object.fromEntries(changed.map((each) => [each.item, each.seq])) } };
      for (const each of changed) if (each.seq === null) delete whole.stands[each.item];
      keep(whole);
    }
  }
}

/** Whether an answer is to take the place of those that were given elsewhere meanwhile. */
async function overrules(whole, changed) {
  const other = changed.filter((each) => said(each) !== said(whole));
  if (!other.length) return false; // it is the same one
  const which = other.length === 1 ? `item ${other[0].item}` : `${other.length} of these items, such as ${other[0].item}`;
  return ask("Answered meanwhile", el("p", {}, `In another tab or window you answered ${which}: `, el("strong", {}, said(other[0])), ". Here you said ", el("strong", {}, said(whole)), "."),
    [[`Make it ${said(whole)}`, true], [`Leave ${said(other[0])}`, false, "main"]]);
}

/** Take back the person's last answer, and ask first where it was not given in this tab. Null where it stays. */
export async function undo() {
  const body = { person: state.person, token: token() };
  try {
    const told = await insist("undo", { ...body, last: state.acts.at(-1) ?? null });
    state.acts.pop();
    return told;
  } catch (error) {
    const changed = error.told?.changed;
    if (!changed) throw error;
    state.acts = [];
    const text = `Your last answer was given in another tab or window: ${many(changed.length, "item")}, ${said(changed[0])}.`;
    if (!(await ask("Take back?", el("p", {}, text), [["Take it back", true], ["Leave it", false, "main"]]))) return null;
    return insist("undo", body);
  }
}

/** What a reload or a crash of the browser cut off is sent again; how many answers. */
export async function resend() {
  let sent = 0;
  for (const whole of kept()) {
    try {
      if (await deliver(whole)) sent += 1;
    } catch (error) {
      await ask("An answer that was kept here was refused", el("p", {}, `Item ${whole.item}, ${said(whole)}: ${error.message}`), [["Go on", true, "main"]]);
    }
  }
  return sent;
}
