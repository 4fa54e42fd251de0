/** The forms that plan a fault, a rate limit, a change by another client, or anything that is written as JSON. */

import { at, request } from "./api.js";
import { fill, h, toast } from "./dom.js";
import { addSuggestions, form, namesField, numberField, parseJSON, plainField } from "./forms.js";
import { OPERATIONS } from "./operations.js";
import { suggestRecords } from "./record.js";
import { scenarioForm } from "./scenarios.js";

/** @typedef {import("./forms.js").FormField} FormField */
/** @typedef {Record<string, any>} Values */

/** @type {[string, string][]} */
const ANY_OPERATION = [["*", "any operation"], ...Object.keys(OPERATIONS).map((name) => /** @type {[string, string]} */ ([name, name]))];
/** @type {[string, string][]} */
const TRANSPORTS = [
  ["", "stays"],
  ["reset", "is reset"],
  ["drop", "is closed without a response"],
  ["hang", "hangs without a response"],
  ["truncate", "is closed in the middle of the body"],
  ["garbage", "sends what is not HTTP"],
  ["bad_json", "sends JSON that ends in the middle"],
];
/** The fields of each change by another client. @type {Record<string, string[]>} */
const CHANGES = {
  delete_user: ["email"],
  create_user: ["email", "first_name", "last_name", "groups", "tfa_enabled"],
  update_user: ["email", "first_name", "last_name", "groups", "tfa_enabled"],
  delete_group: ["name"],
  rotate_key: ["api_key"],
  disable: [],
  enable: [],
};
const EXAMPLE = JSON.stringify({ operation: "update_user", status: 503, where: { params: { test_mode: "true" } } }, null, 2);

/**
 * The forms, and a select that chooses one of them.
 *
 * @param {import("./main.js").Context} context
 * @param {string} site
 * @param {(made: Values) => void} done
 */
export function planForms(context, site, done) {
  const plan = async (/** @type {Values} */ body) => {
    const made = await request(at`sites/${site}/faults`, { method: "POST", body });
    toast(`Planned ${made.id}.`);
    done(made);
  };
  /** @type {Record<string, [string, () => HTMLElement]>} */
  const kinds = {
    fault: ["A fault", () => faultForm(site, plan)],
    limit: ["A rate limit", () => limitForm(plan)],
    change: ["A change by another client", () => changeForm(site, plan)],
    scenario: ["A scenario that comes with mockscope", () => scenarioForm(context)],
    json: ["Any of them, as JSON", () => jsonForm(plan)],
  };
  const place = h("div");
  const kind = plainField({ name: "kind", label: "What", options: Object.entries(kinds).map(([name, [text]]) => /** @type {[string, string]} */ ([name, text])) });
  const show = () => fill(place, kinds[kind.input.value]?.[1]());
  kind.input.addEventListener("change", show);
  show();
  return h("div", { class: "stack" }, h("div", { class: "fields" }, kind.element), place);
}

/** @param {string} title @param {FormField[]} fields @param {boolean} [isOpen] */
function folded(title, fields, isOpen = false) {
  return h("details", { class: "wide", open: isOpen }, h("summary", null, title), h("div", { class: "fields" }, ...fields.map((each) => each.element)));
}

/** @param {string} site @param {(body: Values) => Promise<void>} plan */
function faultForm(site, plan) {
  const operation = plainField({ name: "operation", label: "Operation", options: ANY_OPERATION });
  const times = numberField({ name: "times", label: "Times", value: 1, hint: "Empty: every call" });
  const status = numberField({ name: "status", label: "Status", attributes: { placeholder: "503", inputmode: "numeric" }, hint: "200 to 599. Empty: its own" });
  const transport = plainField({ name: "transport", label: "The connection …", options: TRANSPORTS });
  const delayed = delayFields();
  const commit = plainField({ name: "after_commit", label: "Carry the operation out first", type: "checkbox", hint: "Only the response is lost." });
  const body = plainField({ name: "body", label: "Body", type: "textarea", hint: "JSON, or any text. Empty: a message" });
  const headers = plainField({ name: "headers", label: "Headers", type: "textarea", hint: "One a line: Retry-After: 2" });
  const afterBytes = numberField({ name: "after_bytes", label: "Bytes until it breaks", hint: "For a body that is cut. Empty: half" });
  const email = plainField({ name: "email", label: "Email", hint: "Only calls about this user" });
  const group = plainField({ name: "group", label: "Group", hint: "Only calls about this group" });
  const testMode = plainField({ name: "test_mode", label: "Test mode", options: [["", "does not matter"], ["true", "only in test mode"], ["false", "only outside it"]] });
  const nth = numberField({ name: "nth", label: "From call", hint: "The first call to hit, from 1" });
  const probability = numberField({ name: "probability", label: "Probability", hint: "Above 0, at most 1. Empty: each call" });
  const seed = numberField({ name: "seed", label: "Seed of the draw" });
  const response = [body, headers, afterBytes];
  const which = [email, group, testMode, nth, probability, seed];
  /** @type {FormField[]} */
  const fields = [operation, times, status, transport, ...delayed.fields, commit];

  const action = async (/** @type {Values} */ shown) => {
    const values = { ...shown, ...Object.fromEntries([...response, ...which].map((each) => [each.name, each.value()])) };
    const where = withoutAbsent({ email: values["email"], group: values["group"], test_mode: values["test_mode"] && values["test_mode"] === "true" });
    await plan(
      withoutAbsent({
        operation: values["operation"],
        status: values["status"],
        transport: values["transport"],
        delay: delayed.value(values),
        times: values["times"] ?? null,
        after_commit: values["after_commit"] || undefined,
        body: values["body"] === undefined ? undefined : jsonOrText(values["body"]),
        headers: values["headers"] === undefined ? undefined : parseHeaders(values["headers"]),
        after_bytes: values["after_bytes"],
        nth: values["nth"],
        probability: values["probability"],
        seed: values["seed"],
        where: Object.keys(where).length ? where : undefined,
      }),
    );
  };
  const aliases = /** @type {[string, string][]} */ ([
    ["header", "headers"],
    ["set", "headers"],
    ["delay", "low"],
    ["delay", "median"],
    ["user", "email"],
    ["needs", "status"],
  ]);
  addSuggestions(email.input, suggestRecords(site, "user"));
  addSuggestions(group.input, suggestRecords(site, "group"));
  return form({
    fields,
    places: [...response, ...which],
    submit: "Plan the fault",
    action,
    aliases,
    more: [folded("The response", response), folded("Which calls", which)],
    label: "Plan a fault",
  });
}

/** The fields of a delay: seconds, or a distribution. */
function delayFields() {
  const shape = plainField({ name: "shape", label: "Delay", options: [["fixed", "seconds"], ["uniform", "even between two"], ["lognormal", "log-normal"]] });
  const fixed = numberField({ name: "delay", label: "Seconds", hint: "On the site's clock" });
  const low = numberField({ name: "low", label: "At least" });
  const high = numberField({ name: "high", label: "At most" });
  const median = numberField({ name: "median", label: "Median" });
  const sigma = numberField({ name: "sigma", label: "Sigma", value: 0.5 });
  /** @type {Record<string, FormField[]>} */
  const shapes = { fixed: [fixed], uniform: [low, high], lognormal: [median, sigma] };
  const show = () => {
    for (const [name, members] of Object.entries(shapes)) for (const each of members) each.element.hidden = name !== shape.input.value;
  };
  shape.input.addEventListener("change", show);
  show();
  return {
    fields: [shape, fixed, low, high, median, sigma],
    /** @param {Values} values @returns {unknown} */
    value: (values) => {
      const { shape: chosen, delay } = values;
      if (chosen === "fixed") return delay;
      const names = chosen === "uniform" ? ["low", "high"] : ["median", "sigma"];
      return { [chosen]: withoutAbsent(Object.fromEntries(names.map((name) => [name, values[name]]))) };
    },
  };
}

/** @param {(body: Values) => Promise<void>} plan */
function limitForm(plan) {
  const fields = [
    numberField({ name: "calls", label: "Calls", value: 100 }),
    numberField({ name: "per", label: "In seconds", value: 60, hint: "On the site's clock" }),
    plainField({ name: "operation", label: "Operation", options: ANY_OPERATION, hint: "Any: all operations share the limit." }),
  ];
  return form({ fields, submit: "Plan the limit", action: (values) => plan(withoutAbsent(values)), label: "Plan a rate limit" });
}

/** @param {string} site @param {(body: Values) => Promise<void>} plan */
function changeForm(site, plan) {
  const change = plainField({ name: "do", label: "Change", options: Object.keys(CHANGES).map((name) => /** @type {[string, string]} */ ([name, name.replace("_", " ")])) });
  const when = plainField({ name: "when", label: "When", options: [["before", "before a call"], ["at", "at a time"]] });
  const operation = plainField({ name: "operation", label: "Operation", options: ANY_OPERATION });
  const call = numberField({ name: "call", label: "Call", value: 1, hint: "Counted from 1" });
  const moment = plainField({ name: "at", label: "Time", hint: "On the site's clock, with an offset", attributes: { placeholder: "2026-01-01T00:00:00Z" } });
  const email = plainField({ name: "email", label: "Email" });
  const name = plainField({ name: "name", label: "Group" });
  const groups = namesField({ name: "groups", label: "Groups", noun: "group", suggest: suggestRecords(site, "group"), value: [] });
  const details = [
    email,
    name,
    plainField({ name: "first_name", label: "First name" }),
    plainField({ name: "last_name", label: "Last name" }),
    groups,
    plainField({ name: "tfa_enabled", label: "Two-factor", options: [["", "not said"], ["true", "on"], ["false", "off"]], parse: (text) => text === "true" }),
    plainField({ name: "api_key", label: "New key", hint: "Empty: a generated one" }),
  ];
  addSuggestions(email.input, suggestRecords(site, "user"));
  addSuggestions(name.input, suggestRecords(site, "group"));
  const show = () => {
    for (const each of details) each.element.hidden = !CHANGES[change.input.value]?.includes(each.name);
    for (const each of [operation, call]) each.element.hidden = when.input.value !== "before";
    moment.element.hidden = when.input.value !== "at";
  };
  for (const each of [change, when]) each.input.addEventListener("change", show);
  show();
  const action = async (/** @type {Values} */ values) => {
    const names = CHANGES[values["do"]] ?? [];
    const given = Object.fromEntries(names.map((each) => [each, each === "groups" && !values[each].length ? undefined : values[each]]));
    const occasion = values["when"] === "at" ? { at: values["at"] } : { before: withoutAbsent({ operation: values["operation"], call: values["call"] }) };
    await plan(withoutAbsent({ do: values["do"], ...occasion, ...given }));
  };
  return form({ fields: [change, when, operation, call, moment, ...details], submit: "Plan the change", action, label: "Plan a change", aliases: [["group", "groups"], ["user", "email"], ["offset", "at"], ["time", "at"]] });
}

/** @param {(body: Values) => Promise<void>} plan */
function jsonForm(plan) {
  const text = plainField({
    name: "JSON",
    label: "JSON",
    type: "textarea",
    value: EXAMPLE,
    hint: "The arguments of a fault; calls and per of a rate limit; do of a change. docs/faults.md and docs/scenarios.md list them.",
    attributes: { rows: 10, spellcheck: "false" },
  });
  text.element.classList.add("wide");
  return form({ fields: [text], submit: "Plan it", action: async () => plan(parseJSON(text.input.value, "JSON")), label: "Plan as JSON" });
}

/** @param {Values} values @returns {Values} */
function withoutAbsent(values) {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined && value !== ""));
}

/** @param {string} text @returns {unknown} */
function jsonOrText(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @param {string} text */
function parseHeaders(text) {
  const lines = text.split("\n").filter((line) => line.trim());
  return Object.fromEntries(lines.map((line) => {
    const [name = "", value = ""] = line.split(/:(.*)/s);
    return [name.trim(), value.trim()];
  }));
}
