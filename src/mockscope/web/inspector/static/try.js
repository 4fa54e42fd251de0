/** The view Try: the ten operations as forms. A request goes to the API of this server, and becomes a call. */

import { at, ofSite, Problem, request, serverURL } from "./api.js";
import { showCall } from "./call.js";
import { button, empty, fill, h, showProblem } from "./dom.js";
import { visible } from "./format.js";
import { addSuggestions, form, namesField, plainField } from "./forms.js";
import { bindKeys } from "./keys.js";
import { ACCESS, OPERATIONS } from "./operations.js";
import { suggestRecords } from "./record.js";

/** @typedef {import("./forms.js").FormField} FormField */
/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./api.js").Site} Site */
/** @typedef {import("./operations.js").Operation} Operation */
/** @typedef {Record<string, any>} Values */

const AUTH = "Http-X-Partner-Auth";
const EMAIL = "Http-X-Email";

/** @type {import("./main.js").View} */
export const view = {
  title: "Try",
  needsSite: true,
  writes: true,
  render(context) {
    const { site } = context;
    if (!site) return;
    let name = operationOf(context.route);
    /** @type {AbortController | null} */
    let shown = null;
    const title = h("h2", null, "Try");
    const line = h("p", { class: "mono foreign" });
    const place = h("div");
    const detail = h("section", { class: "detail", "aria-label": "Call", hidden: true });
    const choice = plainField({ name: "operation", label: "Operation", options: Object.keys(OPERATIONS), value: name });
    const split = h(
      "div",
      { class: "split" },
      h("div", { class: "side" }, title, h("div", { class: "fields" }, choice.element), line, place),
      detail,
    );
    context.outlet.append(split);
    context.signal.addEventListener("abort", () => shown?.abort());

    const close = () => {
      shown?.abort();
      shown = null;
      detail.hidden = true;
      split.classList.remove("open");
      place.querySelector("button")?.focus();
    };
    /** @param {string | null} id the id of the call; null if there was no response */
    const open = async (id) => {
      shown?.abort();
      const stop = new AbortController();
      shown = stop;
      detail.hidden = false;
      split.classList.add("open");
      fill(detail, h("p", { class: "dim" }, "The call is loaded …"));
      if (id === null) {
        fill(
          detail,
          h("div", { class: "head" }, h("h2", null, "No response"), button("×", close, { class: "quiet close", "aria-label": "Close" })),
          empty("The connection broke.", h("p", null, "A planned fault may have hit the call. It is the latest one.")),
          button("Open the calls", () => context.go({ view: "calls" })),
        );
        return;
      }
      const path = ofSite(site.host, at`calls/${id}`);
      // With a wrong key, a call reaches no site.
      const place = await request(path, { signal: stop.signal }).then(() => site, () => null);
      if (stop.signal.aborted) return;
      const go = (/** @type {Partial<import("./route.js").Route>} */ to) => context.go({ site: place?.host ?? null, view: "calls", ...to });
      showCall({ outlet: detail, site: place, id, signal: stop.signal, isReadOnly: context.isReadOnly, close, go, query: {} });
    };
    const show = () => {
      const operation = OPERATIONS[name];
      if (!operation) return;
      choice.input.value = name;
      line.textContent = `${operation.method} ${operation.path}${operation.about === "group" ? "/{group_name}" : ""}`;
      fill(place, operationForm(site, operation, open));
    };

    choice.input.addEventListener("change", () => context.go({ view: "try", id: choice.input.value }));
    bindKeys({ Escape: ["close the call", close] }, context.signal);
    show();
    return (route) => {
      if (operationOf(route) === name) return;
      name = operationOf(route);
      show();
    };
  },
};

/** @param {import("./route.js").Route} route */
function operationOf({ id }) {
  return id !== null && Object.hasOwn(OPERATIONS, id) ? id : "list_users";
}

/**
 * @param {Site} site
 * @param {Operation} operation
 * @param {(id: string | null) => Promise<void>} open
 */
function operationForm(site, operation, open) {
  const auth = plainField({ name: AUTH, label: AUTH, value: `${site.host}:${site.api_key}`, attributes: { class: "mono" } });
  const target = operation.about ? targetField(site.host, operation.about) : null;
  const query = (operation.query ?? []).map((each) => plainField({ name: each, label: each, hint: "The start of a page. Empty: the first page" }));
  const body = (operation.body ?? []).map((each) => bodyField(site, each, operation.method === "PUT"));
  const mode = operation.method === "GET" ? null : plainField({ name: "test_mode", label: "Test mode: check everything, write nothing", type: "checkbox", value: true });
  const fields = [...(target ? [target] : []), ...query, ...body];
  const { element: raw, read: readRaw } = rawBody(operation, () => bodyOf(body), body);
  const filled = auth.input.value;

  const action = async () => {
    if (auth.input.value === filled) auth.input.value = await currentAuth(site);
    /** @type {Record<string, string>} */
    const headers = auth.input.value ? { [AUTH]: auth.input.value } : {};
    const name = target?.input.value ?? "";
    if (operation.about === "email" && name) headers[EMAIL] = name;
    const url = new URL(serverURL + operation.path + (operation.about === "group" ? at`/${name}` : ""));
    for (const each of query) if (each.input.value) url.searchParams.set(each.name, each.input.value);
    if (mode?.value()) url.searchParams.set("test_mode", "true");
    /** @type {RequestInit} */
    const init = { method: operation.method, headers, credentials: "omit", cache: "no-store" };
    if (operation.body) {
      headers["Content-Type"] = "application/json";
      init.body = readRaw() ?? JSON.stringify(bodyOf(body));
    }
    await send(url, init, [...fields, auth], open);
  };
  return form({
    fields,
    places: [auth, ...(mode ? [mode] : [])],
    submit: "Send",
    action,
    label: "Request",
    more: [raw, ...(mode ? [mode.element] : []), wide(auth.element)],
  });
}

/** @param {HTMLElement} element */
function wide(element) {
  element.classList.add("wide");
  return element;
}

/** The key may have been rotated since the page loaded the site. @param {Site} site */
async function currentAuth({ host }) {
  const { api_key: key } = await request(at`sites/${host}`);
  return `${host}:${key}`;
}

/**
 * Send a request, open its call, and show a refusal beside its field.
 *
 * @param {URL} url
 * @param {RequestInit} init
 * @param {FormField[]} fields
 * @param {(id: string | null) => Promise<void>} open
 */
async function send(url, init, fields, open) {
  for (const each of fields) each.error(null);
  try {
    new Headers(init.headers);
  } catch (error) {
    throw new Problem(`A header cannot have this value: ${error instanceof Error ? error.message : error}`, 0);
  }
  const response = await fetch(url, init).catch(() => null);
  void open(response?.headers.get("X-Request-Id") ?? null);
  if (!response || response.ok) return;
  // A fault may send any body, or half of one.
  const { message = "" } = await response.json().catch(() => ({}));
  const [target, auth] = [fields[0], fields.at(-1)];
  const others = [target && { ...target, name: target.name === EMAIL ? "Email" : "group" }, auth && { ...auth, name: "Partner" }, auth && { ...auth, name: "key" }];
  showProblem([...fields, ...others.filter((each) => each !== undefined)], visible(String(message)));
}

/** @param {string} site @param {"email" | "group"} about */
function targetField(site, about) {
  const made = about === "email"
    ? plainField({ name: EMAIL, label: EMAIL, hint: "The email of the user" })
    : plainField({ name: "group_name", label: "group_name", hint: "The name of the group, in the path" });
  addSuggestions(made.input, suggestRecords(site, about === "email" ? "user" : "group"));
  return made;
}

/** @param {Site} site @param {string} name @param {boolean} isUpdate */
function bodyField(site, name, isUpdate) {
  const hint = isUpdate ? "Empty: not sent" : "";
  if (name === "groups") return namesField({ name, label: name, noun: "group", hint: "None: not sent", suggest: suggestRecords(site.host, "group"), value: [] });
  if (name === "access") return plainField({ name, label: name, options: isUpdate ? [["", "not sent"], ...ACCESS.map((each) => /** @type {[string, string]} */ ([each, each]))] : ACCESS });
  const isPerson = name.endsWith("_by_email");
  const made = plainField({ name, label: name, hint, value: isPerson ? (site.admin ?? "") : "" });
  if (isPerson) addSuggestions(made.input, suggestRecords(site.host, "user"));
  return made;
}

/** @param {FormField[]} fields */
function bodyOf(fields) {
  const pairs = fields.map((each) => [each.name, each.value()]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0)));
}

/**
 * The body as JSON, for what the fields cannot say.
 *
 * @param {Operation} operation
 * @param {() => Values} fromFields
 * @param {FormField[]} fields
 */
function rawBody(operation, fromFields, fields) {
  const text = plainField({ name: "body", label: "Body", type: "textarea", hint: "Sent as it is, also if it is not JSON.", attributes: { rows: 8 } });
  const toggle = plainField({ name: "as_json", label: "Write the body as text", type: "checkbox" });
  const show = () => {
    const isRaw = Boolean(toggle.value());
    if (isRaw) text.input.value = JSON.stringify(fromFields(), null, 2);
    for (const each of fields) each.element.hidden = isRaw;
    text.element.hidden = !isRaw;
  };
  toggle.input.addEventListener("change", show);
  text.element.hidden = true;
  return {
    element: h("div", { class: "wide stack", hidden: !operation.body }, toggle.element, text.element),
    read: () => (toggle.value() ? text.input.value : null),
  };
}
