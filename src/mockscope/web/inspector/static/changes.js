/** Records that differ, as a list. */

import { badge, fill, h } from "./dom.js";
import { count, plain, visible } from "./format.js";
import { recordLink } from "./record.js";

/** @typedef {import("./api.js").RecordChange} RecordChange */

const SHOWN = 200;
/** @type {Record<RecordChange["change"], string>} */
const KINDS_OF_BADGE = { created: "good", changed: "accent", removed: "bad" };

/**
 * Show changes of records in an element.
 *
 * @param {HTMLElement} element
 * @param {string} site
 * @param {RecordChange[]} changes
 */
export function showChanges(element, site, changes) {
  const items = changes.slice(0, SHOWN).map((change) =>
    h(
      "li",
      null,
      h(
        "p",
        null,
        badge(change.change, KINDS_OF_BADGE[change.change]),
        h("span", { class: "dim" }, change.kind),
        change.change === "removed" ? h("span", { class: "foreign clip" }, visible(change.name)) : recordLink(site, change.kind, change.name),
      ),
      ...(change.change === "changed" ? Object.entries(change.fields).map(changedField) : []),
    ),
  );
  const rest = changes.length - items.length;
  fill(element, h("ul", { class: "changes" }, ...items), rest > 0 && h("p", { class: "dim" }, `And ${count(rest, "record")} more.`));
}

/** @param {[string, [unknown, unknown]]} field */
function changedField([name, [before, after]]) {
  return h(
    "div",
    { class: "differs" },
    h("span", { class: "dim" }, name),
    h("del", { class: "foreign" }, visible(plain(before))),
    h("span", { class: "dim" }, "→"),
    h("ins", { class: "foreign" }, visible(plain(after))),
  );
}
