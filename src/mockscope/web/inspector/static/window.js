/** A table that has elements for the rows in sight only, so that 10,000 rows cost as much as 50. */

import { h } from "./dom.js";

// The rows above and below those in sight.
const SPARE = 12;

/**
 * @typedef {object} Rows
 * @property {() => void} refresh fills the rows again, in the next frame
 * @property {(index: number) => HTMLTableRowElement | undefined} reveal scrolls a row into sight, and returns it
 * @property {(added: number) => void} keepPlace after rows were added above those in sight
 */

/**
 * Show the rows in sight.
 *
 * @param {object} options
 * @param {HTMLElement} options.scroller
 * @param {HTMLTableElement} options.table all rows have the height `--row`
 * @param {() => number} options.total
 * @param {(index: number) => string} options.key
 * @param {() => HTMLTableRowElement} options.make returns a row without content
 * @param {(row: HTMLTableRowElement, index: number) => void} options.fill
 * @param {(last: number) => void} options.onShown called with the index of the last row that was filled
 * @param {AbortSignal} options.signal
 * @returns {Rows}
 */
export function windowed({ scroller, table, total, key, make, fill, onShown, signal }) {
  const before = h("tbody", { role: "presentation", "aria-hidden": "true" });
  const body = h("tbody", { role: "rowgroup" });
  const after = h("tbody", { role: "presentation", "aria-hidden": "true" });
  table.append(before, body, after);
  /** @type {Map<string, HTMLTableRowElement>} */
  let rows = new Map();
  let first = 0;
  let isWaiting = false;

  const rowHeight = () => parseFloat(getComputedStyle(table).getPropertyValue("--row"));

  const draw = () => {
    isWaiting = false;
    if (signal.aborted) return;
    const count = total();
    const height = rowHeight();
    const inSight = Math.ceil(scroller.clientHeight / height) + 2 * SPARE;
    first = Math.max(0, Math.min(Math.floor(scroller.scrollTop / height) - SPARE, count - inSight));
    const last = Math.min(count, first + inSight);
    place(last);
    before.style.height = `${first * height}px`;
    after.style.height = `${(count - last) * height}px`;
    onShown(last - 1);
  };

  /** Put the rows in order. A row that stays in sight is not moved, so that it keeps the focus. @param {number} last */
  const place = (last) => {
    const keys = Array.from({ length: last - first }, (_, index) => key(first + index));
    const wanted = new Set(keys);
    const spare = [...rows].filter(([name]) => !wanted.has(name)).map(([, row]) => row);
    for (const row of spare) row.remove();
    rows = new Map(keys.map((name) => [name, rows.get(name) ?? spare.pop() ?? make()]));
    let index = first;
    for (const row of rows.values()) {
      const present = body.children[index - first];
      if (present !== row) body.insertBefore(row, present ?? null);
      fill(row, index++);
    }
  };

  const refresh = () => {
    if (isWaiting) return;
    isWaiting = true;
    // A hidden tab has no frames.
    if (document.hidden) setTimeout(draw, 250);
    else requestAnimationFrame(draw);
  };

  const reveal = (/** @type {number} */ index) => {
    const height = rowHeight();
    const head = table.tHead?.offsetHeight ?? 0;
    const top = index * height;
    const bottom = top + height + head - scroller.clientHeight;
    if (top < scroller.scrollTop) scroller.scrollTop = top;
    else if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
    draw();
    return rows.get(key(index));
  };

  const keepPlace = (/** @type {number} */ added) => {
    if (scroller.scrollTop > 0) scroller.scrollTop += added * rowHeight();
  };

  scroller.addEventListener("scroll", refresh, { signal, passive: true });
  const observer = new ResizeObserver(refresh);
  observer.observe(scroller);
  signal.addEventListener("abort", () => observer.disconnect());
  return { refresh, reveal, keepPlace };
}
