/** What a call changed, with each field before and after. */

import { badge, h } from "./dom.js";
import { count, plain, visible } from "./format.js";
import { recordLink } from "./record.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").Site} Site */

const MAX_VALUE_CHARS = 300;

/** The records that a call changed; null if there are none. @param {Site | null} site @param {Call} call */
export function changes(site, call) {
  if (call.changes_cut)
    return h(
      "section",
      null,
      h("h3", null, "What it changed"),
      h("p", { class: "dim" }, "The changes took too much memory, and were discarded."),
    );
  if (!call.changes.length) return null;
  return h(
    "section",
    null,
    h("h3", null, "What it changed"),
    call.changes.map((change) =>
      h(
        "div",
        { class: "change" },
        h(
          "p",
          { class: "foreign" },
          badge(change.change, { created: "good", changed: "accent", removed: "bad" }[change.change]),
          change.kind,
          site && change.change !== "removed"
            ? recordLink(site.host, change.kind, change.name)
            : h("strong", null, visible(change.name)),
        ),
        h(
          "table",
          { class: "diff", "aria-label": `Fields of ${change.kind} ${visible(change.name)}` },
          h(
            "thead",
            null,
            h(
              "tr",
              null,
              h("th", { scope: "col" }, "Field"),
              change.change === "created" ? null : h("th", { scope: "col" }, "Before"),
              change.change === "removed" ? null : h("th", { scope: "col" }, "After"),
            ),
          ),
          h(
            "tbody",
            null,
            ...Object.entries(change.fields).map(([name, [before, after]]) =>
              h(
                "tr",
                null,
                h("th", { scope: "row" }, name),
                change.change === "created" ? null : h("td", { class: "gone" }, shorten(visible(plain(before)))),
                change.change === "removed" ? null : h("td", { class: "come" }, shorten(visible(plain(after)))),
              ),
            ),
          ),
        ),
      ),
    ),
  );
}

/** The whole value is in a body. @param {string} text */
function shorten(text) {
  return text.length <= MAX_VALUE_CHARS
    ? text
    : `${text.slice(0, MAX_VALUE_CHARS)}… (${count(text.length, "character")})`;
}
