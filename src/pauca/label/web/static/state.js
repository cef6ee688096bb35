// What the page knows, and what it remembers in this browser: of this project, for this person.

export const state = {
  project: null, // as /api/project has it
  status: null, // as /api/status has it
  person: "",
  view: "label",
  hidden: false, // whether suggestions are hidden
  plain: false, // whether words that speak for the suggestion are left unmarked
  keys: {}, // own keys of classes, by id
  recent: [], // ids of the classes that were used last
  acts: [], // places of the answers that were given in this tab, the last one last
};

/** Where something of this project is kept. */
export const place = (...parts) => ["pauca", state.project.id, ...parts].map(encodeURIComponent).join("/");

/** Find who labels, in this tab or before; called once the project is known. */
export function recall() {
  const kept = place("person");
  take(sessionStorage.getItem(kept) ?? localStorage.getItem(kept) ?? "");
}

/** From now on this person labels here. */
export function take(person) {
  state.person = person;
  state.acts = [];
  state.hidden = localStorage.getItem(place("hidden", person)) === "true";
  state.plain = localStorage.getItem(place("plain", person)) === "true";
  state.keys = JSON.parse(localStorage.getItem(place("keys", person)) ?? "{}");
  if (person) remember();
}

/** Keep what a reload should find again: for this tab, and for the next one that is opened. */
export function remember() {
  sessionStorage.setItem(place("person"), state.person);
  localStorage.setItem(place("person"), state.person);
  localStorage.setItem(place("hidden", state.person), String(state.hidden));
  localStorage.setItem(place("plain", state.person), String(state.plain));
  localStorage.setItem(place("keys", state.person), JSON.stringify(state.keys));
}

export const classes = () => state.project.classes;
export const nameOf = (id) => classes().find((each) => each.id === id)?.name ?? "a class that was merged";

const ACTIONS = { skip: "skipped", unsure: "unsure", flag: "none of these", undo: "undone", null: "no answer" };
/** An answer in words. */
export const said = ({ action, class: cls }) => (cls === null ? ACTIONS[action] : nameOf(cls));

/** The answers of the person that stand for these items, as this tab knows them. */
export const standing = (items) => Object.fromEntries(items.filter((each) => each.stands).map((each) => [each.item, each.stands]));

const KEYS = "123456789abceijklmnopqrstwy"; // those that no command has
/** Keys that say something else than a class. */
export const COMMANDS = "xufzdgvh./?+-=0 ";

/** The key of each class that has one, by id: the person's own, then those that are left, in order. */
export function keysOfClasses() {
  const found = new Map(classes().filter((each) => state.keys[each.id]).map((each) => [each.id, state.keys[each.id]]));
  const taken = new Set(found.values());
  classes().forEach((each, at) => {
    if (at < KEYS.length && !found.has(each.id) && !taken.has(KEYS[at])) found.set(each.id, KEYS[at]);
  });
  return found;
}

/** Give a class a key of one's own, which another one loses; without a key it has the one of its place. */
export function setKey(id, key) {
  for (const [other, its] of Object.entries(state.keys)) if (its === key) delete state.keys[other];
  delete state.keys[id];
  if (key) state.keys[id] = key;
  remember();
}
