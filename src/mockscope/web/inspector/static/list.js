/** Lists that the keys j and k walk through. */

/** Move the focus among the links of a list. @param {Element} list @param {1 | -1} step */
export function moveFocus(list, step) {
  const links = [...list.querySelectorAll("tbody th a, li > a")];
  const focused = links.findIndex((link) => link === document.activeElement);
  const place = focused === -1 ? links.findIndex((link) => link.getAttribute("aria-current")) : focused;
  const next = links[place === -1 ? (step === 1 ? 0 : links.length - 1) : place + step];
  if (next instanceof HTMLElement) next.focus();
}
