/** A call as a row of the list. */

import { fill, h } from "./dom.js";
import { milliseconds, time, visible } from "./format.js";
import { href } from "./route.js";

/** @typedef {import("./api.js").Call} Call */

const COLUMNS = ["Time", "Status", "Operation", "About", "Test", "Rule", "Hint", "Fault", "ms"];
// Longer texts are cut by the width of the column anyway.
const MAX_CHARS = 300;

/** @type {WeakMap<HTMLElement, Call>} the calls that rows show */
const filled = new WeakMap();

/** A table without rows. */
export function makeTable() {
  const heads = COLUMNS.map((name) => h("th", { role: "columnheader", scope: "col", class: name.toLowerCase() }, name));
  const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads));
  return h("table", { class: "calls", role: "table", "aria-label": "Calls" }, head);
}

/** A row without a call. @param {(id: string) => void} open */
export function makeRow(open) {
  const cells = COLUMNS.map((name) => h("td", { role: "cell", class: name.toLowerCase() }));
  const row = h("tr", { role: "row" }, ...cells);
  // It stays when the row shows another call, so that it keeps the focus.
  cells[COLUMNS.indexOf("Operation")]?.append(h("a"));
  row.addEventListener("click", (event) => {
    const isLink = event.target instanceof Element && event.target.closest("a") !== null;
    if (!isLink && !getSelection()?.toString()) open(row.dataset.id ?? "");
  });
  return row;
}

/**
 * Show a call in a row.
 *
 * @param {HTMLTableRowElement} row
 * @param {Call} call
 * @param {{site: string | null, query: Record<string, string>, index: number, isShown: boolean, isCurrent: boolean}} place
 */
export function fillRow(row, call, { site, query, index, isShown, isCurrent }) {
  row.dataset.id = call.id;
  // The first row is the head.
  row.setAttribute("aria-rowindex", String(index + 2));
  row.classList.toggle("selected", isShown);
  const link = row.querySelector("a");
  if (link) {
    link.setAttribute("href", href({ site, view: "calls", id: call.id, query }));
    link.tabIndex = isCurrent ? 0 : -1;
  }
  if (filled.get(row) === call) return;
  filled.set(row, call);
  row.classList.toggle("underway", call.duration_ms === null);
  if (link) link.textContent = call.operation ?? call.method;
  fillCells(row, call, site);
}

/** @param {HTMLTableRowElement} row @param {Call} call @param {string | null} site */
function fillCells(row, call, site) {
  const [when, status, , about, test, rule, hint, fault, ms] = row.cells;
  if (!when || !status || !about || !test || !rule || !hint || !fault || !ms) return;
  const isDated = !isToday(call.time);
  if (isDated) row.closest("table")?.classList.add("dated");
  fill(when, time(call.time, { withDate: isDated }));
  status.textContent = statusWord(call);
  status.className = `status ${statusTone(call)}`;
  const whom = call.email ?? call.group ?? (call.operation ? "" : call.path);
  about.textContent = visible(whom.slice(0, MAX_CHARS));
  about.title = whom.slice(0, MAX_CHARS);
  // Shown where a narrow list has room for it.
  about.dataset.target = `${call.method} ${visible(call.path.slice(0, MAX_CHARS))}`;
  test.textContent = call.test_mode ? "test" : "";
  fillLink(rule, site, "rules", call.rule);
  fillLink(hint, site, "rules", call.hint?.code ?? null);
  fillLink(fault, site, "faults", call.fault);
  ms.textContent = milliseconds(call.duration_ms);
}

/** @param {HTMLElement} cell @param {string | null} site @param {"rules" | "faults"} view @param {string | null} id */
function fillLink(cell, site, view, id) {
  // Tab leads from the list to the call beside it, which has these links too.
  fill(cell, id && h("a", { href: href({ site, view, id }), tabindex: -1 }, id));
}

/** The status, or what a call without one is. @param {Call} call */
export function statusWord(call) {
  if (call.status !== null) return String(call.status);
  return call.duration_ms === null ? "open" : "cut";
}

/** @param {Call} call */
function statusTone(call) {
  if (call.duration_ms === null) return "";
  const status = call.status ?? 599;
  return status >= 500 ? "bad" : status >= 400 ? "warn" : "";
}

let today = new Date().toDateString();
setInterval(() => {
  today = new Date().toDateString();
}, 60_000);

/** @param {string} moment */
function isToday(moment) {
  return new Date(moment).toDateString() === today;
}
