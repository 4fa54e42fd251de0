/** The keys of the page. They do nothing while somebody types into a field. */

import { button, fill, h } from "./dom.js";

/** @typedef {{words: string, action: () => void}} Key */

/** @type {Map<string, Key>[]} the latest scope counts first */
const scopes = [];

/**
 * Bind keys until a signal aborts.
 *
 * @param {Record<string, [string, () => void]>} bindings by the key, such as `j`: words for the help, action
 * @param {AbortSignal} signal
 */
export function bindKeys(bindings, signal) {
  const scope = new Map(Object.entries(bindings).map(([key, [words, action]]) => [key, { words, action }]));
  scopes.unshift(scope);
  signal.addEventListener("abort", () => scopes.splice(scopes.indexOf(scope), 1));
}

const list = h("dl");
const help = h(
  "dialog",
  { class: "panel", "aria-labelledby": "help-title" },
  h("h2", { id: "help-title" }, "Keys"),
  list,
  h("h3", null, "Words of a filter"),
  h(
    "p",
    null,
    h("code", null, "status:4xx op:create_user method: path: email: group: test:yes rule: hint: fault: open:yes"),
    " and any text",
  ),
  button("Close", () => help.close()),
);

/** Show the keys that are bound now. */
export function showHelp() {
  if (!help.isConnected) document.body.append(help);
  const bound = new Map(scopes.toReversed().flatMap((scope) => [...scope]));
  fill(
    list,
    ...[...bound].flatMap(([key, { words }]) => [h("dt", null, h("kbd", null, name(key))), h("dd", null, words)]),
  );
  help.showModal();
}

/** @param {string} key */
function name(key) {
  return key === "Escape" ? "Esc" : key;
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  const target = event.target;
  const isTyping = target instanceof HTMLElement && target.matches("input:not([type=checkbox]), select, textarea");
  if (isTyping && event.key === "Escape") {
    target.blur();
    event.preventDefault();
    return;
  }
  const isPressed = event.key === "Enter" && target instanceof HTMLElement && target.matches("a, button, summary");
  if (isTyping || isPressed) return;
  const bound = scopes.map((scope) => scope.get(event.key)).find((each) => each !== undefined);
  if (!bound) return;
  event.preventDefault();
  bound.action();
});
