// Elements made by calls; whatever is shown is set as text and never read as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (keys that begin with "on") and children. */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same, of a drawing. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "value") made.value = value;
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  add(made, children);
  return made;
}

/** Put children, texts or lists of them at the end. */
export function add(parent, children) {
  for (const child of [children].flat(5)) {
    if (child === null || child === undefined || child === false) continue;
    parent.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return parent;
}

/** Put these in place of what is there. */
export function put(parent, ...children) {
  parent.replaceChildren();
  return add(parent, children);
}

export const byId = (id) => document.getElementById(id);

/** Say something to those who listen, and show it for a moment. */
export function say(text, { warn = false } = {}) {
  byId("said").textContent = text;
  const toast = byId("toast");
  toast.textContent = text;
  toast.className = warn ? "shown warn" : "shown";
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (toast.className = ""), 2200);
}

/** A warning that stays until it is taken back with null. */
export function banner(text) {
  const line = byId("banner");
  line.hidden = !text;
  if (line.textContent !== (text ?? "")) line.textContent = text ?? "";
}

/** A dialog with a title, content and buttons; settles with the value of the one that was pressed. */
export function ask(title, content, buttons) {
  return (ask.last = (ask.last ?? Promise.resolve()).then(() => open(title, content, buttons))); // one after the other
}

function open(title, content, buttons) {
  const dialog = byId("dialog");
  return new Promise((settle) => {
    let answer = null;
    const choices = buttons.map(([label, value, kind]) =>
      el("button", { type: "button", class: kind ?? "", onclick: () => { answer = value; dialog.close(); } }, label));
    put(dialog, el("h2", { id: "dialog-title" }, title), content, el("div", { class: "row end" }, choices));
    dialog.onclose = () => settle(answer);
    dialog.showModal();
    (dialog.querySelector("[autofocus]") ?? choices.at(-1))?.focus({ preventScroll: true });
    dialog.scrollTop = 0;
  });
}

export const percent = (share) => share > 0 && share < 0.005 ? "under 1 %" : `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)} %`;

/** Whether a click is the second one of a double click, on what was drawn under the pointer meanwhile. */
export const twice = (event, drawn) => event.detail > 1 && performance.now() - drawn < 400;

/** "1 label", "2 labels". */
export const many = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;
