// The page: who labels, which view, which key.

import { call, Refused, resend } from "./api.js";
import { classesView } from "./classes.js";
import { discoverView } from "./discover.js";
import { ask, banner, byId, el, put, say } from "./dom.js";
import { gridView } from "./grid.js";
import { help } from "./help.js";
import { historyView } from "./history.js";
import { labelView } from "./label.js";
import { secondView } from "./second.js";
import { watch } from "./side.js";
import { remember, state } from "./state.js";

const VIEWS = { label: ["Label", labelView], grid: ["Grid", gridView], history: ["History", historyView], second: ["Second look", secondView], classes: ["Classes", classesView], discover: ["New classes", discoverView] };
let view = null;

function show(name) {
  view?.close();
  state.view = name in VIEWS ? name : "label";
  remember();
  for (const button of byId("views").children) {
    if (button.dataset.view === state.view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  const main = byId("main");
  main.removeAttribute("aria-busy");
  view = VIEWS[state.view][1](main);
  main.focus({ preventScroll: true });
}

function keys(event) {
  const typing = event.target.closest?.("input, select, textarea, dialog");
  if (event.ctrlKey && event.key === "z" && !typing) {
    event.preventDefault();
    view?.key("z");
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
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (view?.key(key)) event.preventDefault();
}

async function who() {
  const field = el("input", { type: "text", value: state.person, maxlength: 200, autofocus: true, autocomplete: "name", "aria-label": "Your name" });
  field.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); byId("dialog").querySelector(".main").click(); } });
  do {
    await ask("Who labels?", el("p", {}, "Your name stands with your answers, so that several people can work side by side. ", field), [["Begin", true, "main"]]);
  } while (!field.value.trim() && !state.person);
  state.person = field.value.trim() || state.person;
  remember();
  named();
}

const named = () => put(byId("who"), el("span", { class: "unseen" }, "Labelling as "), state.person);

async function enter() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  if (given) await call("login", { token: given }).catch((error) => say(error.message, { warn: true }));
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
        await call("login", { token: field.value.trim() }).catch((refused) => say(refused.message, { warn: true }));
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
  document.title = `${state.project.name} · pauca label`;
  byId("project-name").textContent = state.project.name;
  put(byId("views"), Object.entries(VIEWS).map(([name, [text]]) => el("button", { type: "button", "data-view": name, "aria-keyshortcuts": `Shift+${text[0]}`, onclick: () => show(name) }, text)));
  byId("help").addEventListener("click", help);
  byId("who").addEventListener("click", async () => { await who(); show(state.view); });
  if (!state.person) await who();
  named();
  if (await resend()) say("an answer that was under way was sent");
  document.addEventListener("keydown", keys);
  await watch(() => view?.again());
  show(state.view);
}

begin();
