/** Rows and links of lists that the keys j and k walk through. */

/** Move the focus among the links of a list. @param {Element} list @param {1 | -1} step */
export function moveFocus(list, step) {
  const links = [...list.querySelectorAll("tbody th a, li > a")];
  const focused = links.findIndex((link) => link === document.activeElement);
  const place = focused === -1 ? links.findIndex((link) => link.getAttribute("aria-current")) : focused;
  const next = links[place === -1 ? (step === 1 ? 0 : links.length - 1) : place + step];
  if (next instanceof HTMLElement) next.focus();
}

/** Replace the cells of a row behind its first one, which has the link, and perhaps the focus. @param {Element} row @param {Element[]} cells */
export function fillRow(row, cells) {
  for (const cell of [...row.children].slice(1)) cell.remove();
  row.append(...cells);
}

/** Focus the link of the row with a key, to which a closed detail leads back. @param {Element} list @param {string} key */
export function focusRow(list, key) {
  const link = list.querySelector(`[data-key="${CSS.escape(key)}"] a`);
  if (link instanceof HTMLElement) link.focus();
}
