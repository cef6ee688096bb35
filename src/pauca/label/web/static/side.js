// How far it is: labels, accuracy, classes, the model, people, and the way out.

import { call } from "./api.js";
import { byId, el, many, percent, put, say, svg } from "./dom.js";
import { state } from "./state.js";

const OFTEN = 2000; // ms between two looks, while the page is seen
let timer = null;
let changed = () => {};

/** Look now, and from now on; `told` is called when classes were changed elsewhere. */
export function watch(told) {
  changed = told;
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  return refresh();
}

export async function refresh() {
  clearTimeout(timer);
  try {
    state.status = await call(`status?person=${encodeURIComponent(state.person)}`);
    const known = state.project.classes.map((each) => `${each.id}:${each.name}`).join("\n");
    const now = state.status.classes.map(({ id, name }) => ({ id, name }));
    if (known !== now.map((each) => `${each.id}:${each.name}`).join("\n")) {
      state.project.classes = now;
      changed();
    }
    draw();
  } catch {
    // the next look may find it; what people say is insisted on elsewhere
  }
  timer = setTimeout(refresh, document.hidden ? 10 * OFTEN : OFTEN);
}

let drawn = "";
function draw() {
  const told = state.status;
  const text = JSON.stringify({ ...told, version: null, per_hour: rough(told.per_hour) });
  if (text === drawn) return; // nothing moves under the eyes
  drawn = text;
  const side = byId("side");
  const open = side.querySelector("details")?.open ?? matchMedia("(min-width: 60rem)").matches;
  const scroll = side.scrollTop;
  put(side, el("details", { open }, el("summary", {}, el("span", {}, summary(told))),
    progress(told), model(told), curve(told), balance(told), people(told), exits()));
  side.scrollTop = scroll;
}

const summary = (told) => `${many(told.labels, "label")}${told.accuracy ? `, accuracy about ${percent(told.accuracy.value)}` : ""}`;

function progress(told) {
  const goal = told.budget ?? told.items;
  const share = Math.min(1, (told.labels - (told.budget === null ? 0 : told.given)) / goal);
  const bar = el("div", { class: "bar", role: "img", "aria-label": `${percent(share)} of ${told.budget === null ? "all items" : "the budget"}` }, el("div", {}));
  bar.firstChild.style.setProperty("--share", share);
  const advice = el("p", { class: told.advice.stop ? "advice stop" : "advice" }, told.advice.stop ? "You may stop: " : "Go on: ", `${told.advice.reason.replace(/, \.\.\.$/, " and others")}.`);
  return el("section", {}, el("h3", {}, "Progress"), el("p", {}, `${told.labels.toLocaleString("en")} of ${goal.toLocaleString("en")} ${told.budget === null ? "items" : "labels of the budget"}`), pace(told.per_hour, goal - (told.labels - (told.budget === null ? 0 : told.given))), bar, advice);
}

const rough = (number) => (number ? Number(number.toPrecision(2)) : null); // so that it moves seldom

function pace(perHour, left) {
  if (!perHour || left <= 0) return null;
  const minutes = Math.max(1, Math.round((60 * left) / rough(perHour)));
  const time = minutes < 90 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
  return el("p", { class: "pace" }, `You answer ${many(rough(perHour), "item")} an hour; at this pace ${time} to go.`);
}

function model(told) {
  const { running, fraction, stale, error, labels, next_in: next } = told.training;
  const now = running ? `Training${fraction === null ? "" : ` ${percent(fraction)}`} …`
    : labels === null ? "No model yet." : `Model of ${many(labels, "label")}.`;
  const soon = !running && next !== null && stale ? ` Next training after ${many(next, "more answer")}.` : "";
  const known = told.accuracy && el("p", {}, "Estimated accuracy ", el("strong", {}, percent(told.accuracy.value)),
    ` (${percent(told.accuracy.low)} to ${percent(told.accuracy.high)}, from ${told.accuracy.n} random items)`);
  return el("section", {}, el("h3", {}, "Model"), el("p", { class: "now" }, now, soon), known,
    saved(told.saving), error && el("p", { class: "warn" }, error),
    el("button", { type: "button", disabled: running || !stale, onclick: async () => { await call("train", {}).catch((e) => say(e.message, { warn: true })); say("training"); refresh(); } }, "Train now"));
}

// only what says something: a ratio whose interval lies above 1
function saved(told) {
  if (!told || !(told.low > 1)) return null;
  const high = told.high === null ? "or more" : `to ${told.high.toFixed(2)}`;
  return el("p", { class: "quiet" }, `Random choice would need ${told.ratio.toFixed(2)} times the labels (${told.low.toFixed(2)} ${high}) for ${percent(told.value)}.`);
}

// accuracy against labels, with its interval
function curve(told) {
  const points = told.curve;
  if (points.length < 2) return null;
  const [w, h, left, right, top, bottom] = [320, 190, 44, 10, 10, 36];
  const least = Math.min(...points.map((p) => p.low));
  const floor = Math.max(0, Math.floor(10 * least - 0.001) / 10);
  const last = points.at(-1).labels;
  const x = (labels) => left + ((w - left - right) * labels) / last;
  const y = (value) => top + ((h - top - bottom) * (1 - value)) / (1 - floor);
  const line = points.map((p) => `${x(p.labels).toFixed(1)},${y(p.value).toFixed(1)}`).join(" ");
  const band = [...points.map((p) => `${x(p.labels)},${y(p.high)}`), ...[...points].reverse().map((p) => `${x(p.labels)},${y(p.low)}`)].join(" ");
  const ticks = [0, 0.5, 1].map((part) => floor + part * (1 - floor));
  return el("section", {}, el("h3", {}, "Learning curve"), svg("svg", { viewBox: `0 0 ${w} ${h}`, class: "curve", role: "img",
    "aria-label": `Accuracy ${percent(points[0].value)} with ${points[0].labels} labels, ${percent(points.at(-1).value)} with ${last}` },
    ticks.map((value) => [svg("line", { x1: left, x2: w - right, y1: y(value), y2: y(value), class: "tick" }), svg("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, percent(value))]),
    svg("polygon", { points: band, class: "band" }), svg("polyline", { points: line, class: "line" }),
    points.map((p) => svg("circle", { cx: x(p.labels), cy: y(p.value), r: 3, class: "dot" }, svg("title", {}, `${p.labels} labels: ${percent(p.value)} (${percent(p.low)} to ${percent(p.high)})`))),
    svg("text", { x: left, y: h - 20, "text-anchor": "middle" }, "0"), svg("text", { x: x(last), y: h - 20, "text-anchor": "end" }, String(last)),
    svg("text", { x: (left + w) / 2, y: h - 4, "text-anchor": "middle" }, "labels (band: 95 % interval of accuracy)")));
}

function balance(told) {
  const most = Math.max(1, ...told.classes.map((each) => each.labels));
  const order = [...told.classes].sort((a, b) => b.labels - a.labels);
  const rows = order.map((each) => {
    const bar = el("span", { class: "share" });
    bar.style.setProperty("--share", each.labels / most);
    return el("li", {}, el("span", { class: "name", title: each.name }, each.name), bar, el("span", { class: "number" }, each.labels));
  });
  return el("section", {}, el("h3", {}, "Labels of each class"), el("ul", { class: "balance" }, rows));
}

function people(told) {
  const who = Object.entries(told.people);
  if (who.length < 2) return null;
  return el("section", {}, el("h3", {}, "People"), el("ul", { class: "balance plain" }, who.map(([name, count]) => el("li", {}, el("span", { class: "name" }, name), el("span", { class: "number" }, count)))));
}

function exits() {
  const link = (form, text) => el("a", { href: `/api/export/${form}?project=${state.project.id}`, class: "button", download: true }, text);
  return el("section", {}, el("h3", {}, "Labels as a file"), el("div", { class: "row" }, state.project.exports.map(({ name, title }) => link(name, title))),
    el("p", {}, el("button", { type: "button", class: "quiet", onclick: async () => {
      const told = await call("release", { person: state.person }).catch((error) => ({ error }));
      say(told.error ? told.error.message : "your reserved items are free for others; come back whenever you like", { warn: Boolean(told.error) });
    } }, "Stop for now")));
}
