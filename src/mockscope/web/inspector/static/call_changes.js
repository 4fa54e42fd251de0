/** What a call changed, with each field before and after. */

import { badge, h } from "./dom.js";
import { count, plain, visible } from "./format.js";
import { recordLink } from "./record.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").RecordChange} RecordChange */
/** @typedef {import("./api.js").Site} Site */

const MAX_VALUE_CHARS = 300;
const TONES = { created: "good", changed: "accent", removed: "bad" };

/** The records that a call changed; null if there are none. @param {Site | null} site @param {Call} call */
export function changes(site, call) {
  const cut = h("p", { class: "dim" }, "The changes took too much memory, and were discarded.");
  const parts = call.changes_cut ? [cut] : call.changes.map((change) => aboutRecord(site, change));
  return parts.length ? h("section", null, h("h3", null, "What it changed"), ...parts) : null;
}

/** @param {Site | null} site @param {RecordChange} change */
function aboutRecord(site, change) {
  const { kind, name } = change;
  const isLinked = site !== null && change.change !== "removed";
  const record = isLinked ? recordLink(site.host, kind, name) : h("strong", null, shorten(name));
  const title = h("p", { class: "foreign" }, badge(change.change, TONES[change.change]), kind, record);
  return h("div", { class: "change" }, title, fieldTable(change));
}

/** @param {RecordChange} change */
function fieldTable({ kind, name, change, fields }) {
  // A record that was created had no values before, and one that was removed has none after.
  const isOld = change !== "created";
  const isNew = change !== "removed";
  const heads = ["Field", isOld && "Before", isNew && "After"].filter((head) => head !== false);
  const rows = Object.entries(fields).map(([field, [before, after]]) => {
    const old = isOld && h("td", { class: "gone" }, shorten(plain(before)));
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, field),
      old,
      isNew && h("td", { class: "come" }, shorten(plain(after))),
    );
  });
  return h(
    "table",
    { class: "diff", "aria-label": `Fields of ${kind} ${shorten(name)}` },
    h("thead", null, h("tr", null, ...heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", null, ...rows),
  );
}

/** The whole value is in a body. @param {string} text */
function shorten(text) {
  if (text.length <= MAX_VALUE_CHARS) return visible(text);
  return `${visible(text.slice(0, MAX_VALUE_CHARS))}… (${count(text.length, "character")})`;
}
