/** Values as people read them. */

import { h } from "./dom.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const NUMBER = new Intl.NumberFormat(undefined);

/** @param {number} value */
export function number(value) {
  return NUMBER.format(value);
}

/** A count with its noun. @param {number} value @param {string} noun @param {string} [nouns] */
export function count(value, noun, nouns = `${noun}s`) {
  return `${number(value)} ${value === 1 ? noun : nouns}`;
}

/**
 * A moment in the reader's locale, exact on hover.
 *
 * @param {string | null} moment in ISO 8601
 * @param {{withDate?: boolean}} [options]
 */
export function time(moment, { withDate = true } = {}) {
  if (moment === null) return h("span", { class: "dim" }, "never");
  const date = new Date(moment);
  const text = Number.isNaN(date.valueOf()) ? moment : (withDate ? MOMENT : CLOCK).format(date);
  return h("time", { datetime: moment, title: moment }, text);
}

/** @param {number | null} value in milliseconds */
export function milliseconds(value) {
  if (value === null) return "";
  if (value < 9.95) return value.toFixed(1);
  return number(Math.round(value));
}

/** @param {unknown} value any value of a record @returns {string} */
export function plain(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.length ? value.map(plain).join(", ") : "none";
  if (typeof value === "object") return JSON.stringify(value);
  return String(value);
}

// Control characters, and those that change the direction of the text around them.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Return a text from outside with signs for the characters that nobody would see. @param {string} text */
export function visible(text) {
  return text.replace(HIDDEN, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase();
    return `⟨U+${code.padStart(4, "0")}⟩`;
  });
}

/** Words with code in backticks, as rules and hints have it. @param {string} text @returns {(Node | string)[]} */
export function prose(text) {
  return text.split("`").map((part, index) => (index % 2 ? h("code", null, visible(part)) : visible(part)));
}

/** @param {string} text JSON, or another text */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** @param {string} text an argument of a command of a POSIX shell */
export function quoteForShell(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
