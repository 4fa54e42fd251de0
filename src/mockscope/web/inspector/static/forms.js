/** Forms whose errors stand beside the field that they are about. */

import { Problem } from "./api.js";
import { button, field, fill, h, showProblem } from "./dom.js";
import { visible } from "./format.js";

/** @typedef {import("./dom.js").Field} Field */

/**
 * A field with its value, as the API takes it.
 *
 * @typedef {Field & {value: () => unknown}} FormField `value` returns undefined to leave the field out
 */

/**
 * A field of one input. An empty text is left out.
 *
 * @param {Parameters<typeof field>[0] & {parse?: (text: string) => unknown}} options `parse` reads a text that is not empty
 * @returns {FormField}
 */
export function plainField({ parse = (text) => text, ...options }) {
  const made = openable(field(options));
  const { input } = made;
  const value = () => {
    if (input instanceof HTMLInputElement && input.type === "checkbox") return input.checked;
    return input.value === "" ? undefined : parse(input.value);
  };
  return { ...made, value };
}

/** Let a field show its error although it is folded away. @param {Field} made @returns {Field} */
function openable(made) {
  const error = (/** @type {string | null} */ text) => {
    if (text !== null) made.input.closest("details")?.setAttribute("open", "");
    made.error(text);
  };
  return { ...made, error };
}

/** A field of a number. What is not a number is sent as text, so that the server says what is wrong.
 *
 * @param {Parameters<typeof field>[0]} options
 */
export function numberField(options) {
  return plainField({
    attributes: { inputmode: "decimal" },
    ...options,
    parse: (text) => (Number.isNaN(Number(text)) ? text : Number(text)),
  });
}

/**
 * A field of several names, such as groups. With `words`, each name has one of them, and the value is an object.
 *
 * @param {object} options
 * @param {string} options.name
 * @param {string} options.label
 * @param {string} options.noun such as `group`
 * @param {string} [options.hint]
 * @param {(text: string) => Promise<string[]>} options.suggest returns names that contain a text
 * @param {readonly string[] | Record<string, string>} options.value
 * @param {readonly string[]} [options.words]
 * @returns {FormField}
 */
export function namesField({ name, label, noun, hint, suggest, value, words }) {
  const names = new Map(Array.isArray(value) ? value.map((each) => [each, ""]) : Object.entries(value));
  const made = openable(field({ name, label, ...(hint ? { hint } : {}) }));
  const { input, element } = made;
  const word = words && h("select", { "aria-label": `Access of the ${noun}` }, ...words.map((each) => h("option", null, each)));
  const list = h("ul", { class: "names", "aria-label": label });

  const show = () => {
    list.hidden = names.size === 0;
    fill(list, ...[...names].map(([each, access]) => {
      const remove = () => (names.delete(each), show(), made.error(null), input.focus());
      const text = access ? `${each}: ${access}` : each;
      return h(
        "li",
        null,
        h("span", { class: "foreign" }, visible(text)),
        button("×", remove, { class: "quiet", "aria-label": `Leave out ${each.slice(0, 100)}` }),
      );
    }));
  };
  const add = () => {
    if (input.value === "") return;
    names.set(input.value, word?.value ?? "");
    input.value = "";
    show();
  };
  input.addEventListener("keydown", (event) => {
    if (!(event instanceof KeyboardEvent) || event.key !== "Enter" || input.value === "") return;
    event.preventDefault();
    add();
    input.focus();
  });
  const row = h("div", { class: "adder" });
  input.replaceWith(row);
  const press = () => (add(), input.focus());
  row.append(input, ...(word ? [word] : []), button("Add", press, { "aria-label": `Add the ${noun}` }));
  addSuggestions(input, suggest);
  row.before(list);
  show();
  return {
    ...made,
    element,
    value: () => {
      // A name that was typed and not added is meant too.
      add();
      return words ? Object.fromEntries(names) : [...names.keys()];
    },
  };
}

let lists = 0;

/**
 * Let a browser propose names for an input.
 *
 * @param {Field["input"]} input
 * @param {(text: string) => Promise<string[]>} suggest returns names that contain a text
 */
export function addSuggestions(input, suggest) {
  const options = h("datalist", { id: `names-${++lists}` });
  const complete = async () => {
    const found = await suggest(input.value).catch(() => []);
    fill(options, ...found.filter((each) => each.length < 1000).map((each) => h("option", { value: each })));
  };
  input.setAttribute("list", options.id);
  input.addEventListener("input", () => void complete());
  input.addEventListener("focus", () => void complete());
  input.after(options);
}

/**
 * A form.
 *
 * @param {object} options
 * @param {FormField[]} options.fields
 * @param {string} options.submit the text of the button
 * @param {(values: Record<string, any>) => Promise<unknown>} options.action gets the values by the names of their fields
 * @param {[word: string, name: string][]} [options.aliases] other words in messages of the server, and the fields they mean
 * @param {FormField[]} [options.places] fields in `more`, which can have errors too
 * @param {() => void} [options.cancel]
 * @param {(Node | null)[]} [options.more] what stands between the fields and the button
 * @param {string} [options.label]
 * @param {boolean} [options.isInline] whether the fields and the button stand in one line
 */
export function form({ fields, submit, action, aliases = [], places = [], cancel, more = [], label, isInline = false }) {
  const problem = h("p", { class: "bad wide", role: "alert" });
  const go = h("button", { class: isInline ? "" : "primary" }, submit);
  const all = [...fields, ...places];
  const named = new Map(all.map((each) => [each.name, each]));
  const targets = [
    ...all,
    ...aliases.flatMap(([word, name]) => {
      const meant = named.get(name);
      return meant ? [{ ...meant, name: word }] : [];
    }),
  ];
  const send = async (/** @type {Event} */ event) => {
    event.preventDefault();
    fill(problem);
    const values = Object.fromEntries(fields.map((each) => [each.name, each.value()]));
    go.disabled = true;
    try {
      await action(values);
    } catch (error) {
      if (!(error instanceof Problem || error instanceof SyntaxError)) throw error;
      const visible = targets.filter((each) => !each.input.closest("[hidden]"));
      if (!showProblem(visible, error.message)) fill(problem, error.message);
    } finally {
      go.disabled = false;
    }
  };
  return h(
    "form",
    { class: isInline ? "fields inline" : "fields", novalidate: true, ...(label ? { "aria-label": label } : {}), on: { submit: send } },
    ...fields.map((each) => each.element),
    ...more,
    problem,
    h("div", { class: "toolbar wide" }, go, cancel ? button("Cancel", cancel, { class: "quiet" }) : null),
  );
}

/**
 * Read a text as JSON.
 *
 * @param {string} text
 * @param {string} name the name of its field
 */
export function parseJSON(text, name) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`${name} is not JSON: ${error instanceof Error ? error.message : error}`);
  }
}
