// The page: who labels, which view, which key.

import { call, insist, note, Refused, resend } from "./api.js";
import { classesView } from "./classes.js";
import { discoverView } from "./discover.js";
import { ask, banner, byId, el, many, put, say } from "./dom.js";
import { gridView } from "./grid.js";
import { help } from "./help.js";
import { historyView } from "./history.js";
import { labelView } from "./label.js";
import { reviewView } from "./review.js";
import { watch } from "./side.js";
import { recall, state, take } from "./state.js";

const VIEWS = { label: ["Label", labelView], grid: ["Grid", gridView], history: ["History", historyView], review: ["Review", reviewView], classes: ["Classes", classesView], discover: ["New classes", discoverView] };
let view = null;

function show(name) {
  view?.close();
  state.view = name in VIEWS ? name : "label";
  if (history.state?.view !== state.view) history.pushState({ view: state.view }, "");
  for (const button of byId("views").children) {
    if (button.dataset.view === state.view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  const main = byId("main");
  main.removeAttribute("aria-busy");
  view = VIEWS[state.view][1](main);
  main.focus({ preventScroll: true });
}

// Back goes through the views and stays in the page; the first entry is one that nobody sees
function stay() {
  if (history.state?.view) state.view = history.state.view;
  else {
    history.replaceState({ first: true }, "");
    history.pushState({ view: state.view }, "");
  }
  addEventListener("popstate", (event) => {
    if (location.hash) return void location.reload(); // an address with a token was typed
    const open = byId("dialog").open;
    if (event.state?.view && view && !open) return void show(event.state.view);
    if (open) byId("dialog").close();
    else say("this is where you began; close the tab to leave");
    history.pushState({ view: state.view }, "");
  });
}

function keys(event) {
  // a key that is held says once what it says; a button that it presses is pressed once
  if (event.repeat && (event.key === " " || event.key === "Enter") && !event.target.closest?.("input, select, textarea")) return void event.preventDefault();
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (event.ctrlKey && event.key === "z" && !typing) {
    event.preventDefault();
    if (!event.repeat) view?.key("z");
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || byId("dialog").open) return;
  // a button that has the focus is pressed by space and Enter as everywhere
  const pressed = event.target.closest?.("button, a, summary") && !event.target.closest(".class, .tile");
  if ((event.key === " " || event.key === "Enter") && pressed) return;
  if (event.key === "Enter") return;
  if (event.key === "?" || event.key === "F1") { event.preventDefault(); return void help(); }
  if (event.key === "/") { event.preventDefault(); return void byId("filter")?.focus(); }
  const jump = Object.keys(VIEWS).find((name) => VIEWS[name][0][0] === event.key);
  if (event.shiftKey && jump) { event.preventDefault(); return void show(jump); }
  const key = event.key.length === 1 ? event.key.toLowerCase() : `${event.shiftKey ? "Shift+" : ""}${event.key}`;
  if (event.repeat && !view?.moves?.(key)) return;
  if (view?.key(key)) event.preventDefault();
}

async function who() {
  const field = el("input", { type: "text", value: state.person, maxlength: 200, autofocus: true, autocomplete: "name", "aria-label": "Your name" });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); byId("dialog").querySelector(".main").click(); } });
  do {
    await ask("Who labels?", el("p", {}, "Your name stands with your answers, so that several people can work side by side. ", field), [["Begin", true, "main"]]);
  } while (!field.value.trim() && !state.person);
  const name = field.value.trim() || state.person;
  if (name !== state.person) take(name);
  named();
}

const named = () => put(byId("who"), el("span", { class: "unseen" }, "Labelling as "), state.person);

async function enter() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(history.state, "", location.pathname);
  stay();
  if (given) await insist("login", { token: given }).catch((error) => say(error.message, { warn: true }));
  for (;;) {
    try {
      return await call("project");
    } catch (error) {
      if (!(error instanceof Refused)) {
        banner("The server does not answer; is it still running? Trying again …");
        await new Promise((go) => setTimeout(go, 1500));
      } else if (error.status === 401) {
        const field = el("input", { type: "password", autofocus: true, "aria-label": "Token" });
        field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); byId("dialog").querySelector(".main").click(); } });
        await ask("A token is needed", el("p", {}, "It stands behind # in the address that the server printed. ", field), [["Enter", true, "main"]]);
        await insist("login", { token: field.value.trim() }).catch((refused) => say(refused.message, { warn: true }));
      } else {
        banner(error.message);
        await new Promise((go) => setTimeout(go, 3000));
      }
    }
  }
}

async function begin() {
  state.project = await enter();
  banner(null);
  recall();
  document.title = `${state.project.name} · pauca label`;
  byId("project-name").textContent = state.project.name;
  put(byId("views"), Object.entries(VIEWS).map(([name, [text]]) => el("button", { type: "button", "data-view": name, "aria-keyshortcuts": `Shift+${text[0]}`, onclick: () => show(name) }, text)));
  byId("help").addEventListener("click", help);
  byId("who").addEventListener("click", async () => { await who(); show(state.view); });
  const words = note();
  if (words) await ask("The page was loaded again", el("p", {}, words), [["Go on", true, "main"]]);
  if (!state.person) await who();
  named();
  const sent = await resend();
  if (sent) say(`sent: ${many(sent, "answer")} that ${sent === 1 ? "was" : "were"} kept here`);
  document.addEventListener("keydown", keys);
  await watch(() => view?.again());
  show(state.view);
}

begin();
