// Asking the server. What was answered is kept here until the server says that it is on its disk.

import { banner } from "./dom.js";

const PENDING = "pauca.pending";

/** What the server refused, with its reason. */
export class Refused extends Error {
  constructor(status, told) {
    super([told.error, told.got && `got ${told.got}`, told.todo].filter(Boolean).join("; "));
    this.status = status;
  }
}

/** Ask once: reads without a body, writes with one. Throws Refused, or TypeError without a network. */
export async function call(path, body) {
  const options = { credentials: "same-origin", cache: "no-store" };
  if (body !== undefined) {
    options.method = "POST";
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const reply = await fetch(`/api/${path}`, options);
  if (reply.status === 204) return null;
  const told = await reply.json().catch(() => ({ error: reply.statusText || "no answer" }));
  if (!reply.ok) {
    const refused = new Refused(reply.status, told);
    refused.wait = Number(reply.headers.get("retry-after")) || 0;
    throw refused;
  }
  return told;
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
      if (!passing(error)) throw error;
      const busy = error instanceof Refused;
      banner(busy
        ? "The server is busy. Nothing is lost; it is asked again."
        : "The server does not answer. What you said is kept here and sent again; is it still running?");
      await pause(busy ? Math.max(1000, 1000 * error.wait) : Math.min(5000, 300 * 2 ** tries));
    }
  }
}

/** A name for an answer, so that sending it twice is answering once. */
export function token() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** Send an answer; when this returns it is on the server's disk. A reload meanwhile sends it again. */
export async function answer(body) {
  const whole = { ...body, token: token() };
  localStorage.setItem(PENDING, JSON.stringify(whole));
  try {
    return await insist("answer", whole);
  } finally {
    localStorage.removeItem(PENDING);
  }
}

/** What a reload or a crash of the browser cut off is sent again. */
export async function resend() {
  const kept = localStorage.getItem(PENDING);
  if (kept === null) return false;
  try {
    await insist("answer", JSON.parse(kept));
  } catch {
    return false; // the server had a reason
  } finally {
    localStorage.removeItem(PENDING);
  }
  return true;
}
