// What the page knows, and what it remembers in this browser.

const KEPT = "pauca.state";
const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}");

export const state = {
  project: null, // as /api/project has it
  status: null, // as /api/status has it
  person: kept.person ?? "",
  view: kept.view ?? "label",
  hidden: kept.hidden ?? false, // whether suggestions are hidden
  recent: [], // ids of the classes that were used last
};

/** Keep what a reload should find again. */
export function remember() {
  const { person, view, hidden } = state;
  localStorage.setItem(KEPT, JSON.stringify({ person, view, hidden }));
}

export const classes = () => state.project.classes;
export const nameOf = (id) => classes().find((each) => each.id === id)?.name ?? "a class that was merged";

const LETTERS = "abceijklmnopqrstwy"; // those that no command has
/** The key of the class at this place, or null where there are more classes than keys. */
export const keyOf = (place) => "123456789"[place] ?? LETTERS[place - 9] ?? null;
