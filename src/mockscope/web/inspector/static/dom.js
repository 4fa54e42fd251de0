/** Elements. Text only ever becomes a text node: nothing that a call holds can become markup. */

/**
 * @typedef {Node | string | number | false | null | undefined} Child
 * @typedef {Record<string, unknown> & {on?: Record<string, (event: any) => void>, style?: Record<string, string>}}
 *   Attributes `on` are listeners; `style` are CSS properties. False, null and undefined leave an attribute out.
 */

/**
 * Make an element.
 *
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Attributes | null} [attributes]
 * @param {...(Child | Child[])} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function h(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name === "on" || name === "style") continue;
    if (name === "value" || name === "checked") Object.assign(element, { [name]: value });
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  for (const [name, listener] of Object.entries(attributes?.on ?? {})) element.addEventListener(name, listener);
  for (const [name, value] of Object.entries(attributes?.style ?? {})) element.style.setProperty(name, value);
  append(element, children);
  return element;
}

/** @param {Element} element @param {(Child | Child[])[]} children */
export function append(element, children) {
  for (const child of children.flat()) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "number" ? String(child) : child);
  }
}

/** Replace the children of an element. @param {Element} element @param {...(Child | Child[])} children */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/**
 * Show items as children of an element, and keep the elements of items that were there before.
 *
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T, old: HTMLElement | undefined) => HTMLElement} make returns `old` to keep it
 */
export function keyed(parent, items, key, make) {
  /** @type {Map<string, HTMLElement>} */
  const old = new Map();
  for (const child of parent.children) {
    if (child instanceof HTMLElement && child.dataset.key !== undefined) old.set(child.dataset.key, child);
  }
  const elements = items.map((item) => {
    const name = key(item);
    const element = make(item, old.get(name));
    element.dataset.key = name;
    return element;
  });
  const kept = new Set(elements);
  for (const child of [...parent.children]) if (!(child instanceof HTMLElement && kept.has(child))) child.remove();
  // A moved element loses its focus, so those that are in place stay.
  elements.forEach((element, index) => {
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
}

/** @param {string} text @param {() => void} action @param {Attributes} [attributes] */
export function button(text, action, attributes = {}) {
  return h("button", { type: "button", ...attributes, on: { click: action, ...attributes.on } }, text);
}

/**
 * A button that asks before it acts: the first press changes its text for some seconds, the second one acts.
 *
 * @param {string} text
 * @param {string} question such as `Really remove Sales?`
 * @param {() => void} action
 * @param {Attributes} [attributes]
 */
export function confirmButton(text, question, action, attributes = {}) {
  let timer = 0;
  const reset = () => {
    clearTimeout(timer);
    timer = 0;
    element.textContent = text;
    element.classList.remove("asking");
  };
  const element = button(
    text,
    () => {
      if (timer) {
        reset();
        action();
        return;
      }
      element.textContent = question;
      element.classList.add("asking");
      timer = setTimeout(reset, 5000);
    },
    {
      ...attributes,
      on: {
        blur: reset,
        keydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== "Escape" || !timer) return;
          event.stopPropagation();
          reset();
        },
      },
    },
  );
  return element;
}

let fields = 0;

/**
 * @typedef {object} Field
 * @property {HTMLElement} element
 * @property {HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement} input
 * @property {string} name
 * @property {(text: string | null) => void} error shows an error beside the input; null removes it
 */

/**
 * A labelled input, with a place for its error.
 *
 * @param {object} options
 * @param {string} options.name the name in the API, by which `showProblem` finds the field
 * @param {string} options.label
 * @param {string} [options.hint] a line under the input
 * @param {string[] | [string, string][]} [options.options] the values of a select, or pairs of a value and its text
 * @param {"text" | "number" | "checkbox" | "email" | "datetime-local" | "password" | "textarea"} [options.type]
 * @param {string | number | boolean} [options.value]
 * @param {Attributes} [options.attributes] of the input
 * @returns {Field}
 */
export function field({ name, label, hint = "", options, type = "text", value, attributes = {} }) {
  const id = `field-${++fields}`;
  const about = `${id}-about`;
  const shared = { id, name, "aria-describedby": about, autocomplete: "off", spellcheck: "false", ...attributes };
  const choices = (options ?? []).map((each) => (typeof each === "string" ? [each, each] : each));
  const input = options
    ? h("select", shared, ...choices.map(([key, text]) => h("option", { value: key }, text)))
    : type === "textarea"
      ? h("textarea", { rows: 3, ...shared })
      : h("input", { type, ...shared });
  if (input instanceof HTMLInputElement && type === "checkbox") input.checked = Boolean(value);
  else if (value !== undefined) input.value = String(value);
  const note = h("span", { id: about, class: "note" }, hint);
  const error = (/** @type {string | null} */ text) => {
    note.textContent = text ?? hint;
    note.classList.toggle("error", text !== null);
    if (text === null) input.removeAttribute("aria-invalid");
    else input.setAttribute("aria-invalid", "true");
  };
  input.addEventListener("input", () => error(null));
  const text = h("label", { for: id }, label);
  return { element: h("div", { class: `field ${type}` }, text, input, note), input, name, error };
}

/**
 * Show a refusal beside the field that its message names; else return false.
 *
 * @param {Field[]} fields
 * @param {string} message
 */
export function showProblem(fields, message) {
  for (const each of fields) each.error(null);
  const words = message.split(/[^A-Za-z0-9_]+/);
  const places = fields.map((each) => words.indexOf(each.name));
  const first = Math.min(...places.filter((place) => place >= 0));
  const found = fields[places.indexOf(first)];
  found?.error(message);
  found?.input.focus();
  return found !== undefined;
}

/** The lines for people who have nothing to see yet. @param {string} title @param {...(Child | Child[])} children */
export function empty(title, ...children) {
  return h("div", { class: "empty" }, h("p", { class: "title" }, title), ...children);
}

/** A line for a shell, with a button that copies it. @param {string} text @param {string} [label] */
export function snippet(text, label = "Command") {
  const code = h("code", { tabindex: 0, "aria-label": label, role: "textbox", "aria-readonly": "true" }, text);
  return h(
    "div",
    { class: "snippet" },
    code,
    button("Copy", () => void copy(text), { class: "quiet" }),
  );
}

/** A small word, such as a state. @param {Child} text @param {string} [kind] `good`, `warn`, `bad` or `accent` */
export function badge(text, kind = "") {
  return h("span", { class: `badge ${kind}` }, text);
}

const toasts = h("div", { class: "toasts", role: "status" });

/** Say something for some seconds. @param {string} text @param {{undo?: () => void, isError?: boolean}} [options] */
export function toast(text, { undo, isError = false } = {}) {
  if (!toasts.isConnected) document.body.append(toasts);
  const element = h("div", { class: isError ? "toast bad" : "toast" }, h("span", null, text));
  const close = () => element.remove();
  if (undo) element.append(button("Undo", () => (close(), undo()), { class: "quiet" }));
  element.append(button("×", close, { class: "quiet", "aria-label": "Close" }));
  toasts.append(element);
  setTimeout(close, isError || undo ? 12_000 : 4000);
}

/**
 * Run an action, and say in a toast why it failed.
 *
 * @template T
 * @param {() => Promise<T>} action
 * @returns {Promise<T | undefined>}
 */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) {
      toast(error instanceof Error ? error.message : String(error), { isError: true });
    }
    return undefined;
  }
}

/** Copy a text. Where the clipboard is not available, show the text selected. @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast("Copied.");
  } catch {
    showSelected(text);
  }
}

/** @param {string} text */
function showSelected(text) {
  const area = h("textarea", { readonly: true, rows: 8, "aria-label": "Text to copy", value: text });
  const dialog = h(
    "dialog",
    { class: "panel", "aria-label": "Text to copy", on: { close: () => dialog.remove() } },
    h("p", null, "This browser gives pages at this address no clipboard. Copy the text by hand."),
    area,
    button("Close", () => dialog.close()),
  );
  document.body.append(dialog);
  dialog.showModal();
  area.select();
}
