/** The filter of calls: words such as `status:4xx op:create_user joey`. */

import { OPERATIONS } from "./operations.js";

/** @typedef {import("./api.js").Call} Call */

/** The words that select by a criterion, and the parameters of the control API. */
const CRITERIA = new Map(Object.entries({
  status: "status",
  op: "operation",
  operation: "operation",
  method: "method",
  path: "path",
  email: "email",
  group: "group",
  test: "test_mode",
  rule: "rule",
  hint: "hint",
  fault: "fault",
  open: "open",
}));
/** @type {Record<string, string>} */
const SWITCHES = { yes: "true", no: "false" };

/**
 * Parse a filter into the parameters of `list_calls`. What is no criterion is a text to search for.
 *
 * @param {string} filter
 * @returns {Record<string, string>}
 */
export function parseFilter(filter) {
  /** @type {Record<string, string>} */
  const parameters = {};
  const texts = [];
  // A value with blanks stands in quotes: group:"All Users".
  for (const [word, name = "", quoted, bare = ""] of filter.matchAll(/([a-z]+):(?:"([^"]*)"|(\S+))|\S+/g)) {
    const parameter = CRITERIA.get(name);
    const value = quoted ?? bare;
    if (parameter === undefined || value === "") texts.push(word.replace(/^"|"$/g, ""));
    else parameters[parameter] = ["test", "open"].includes(name) ? (SWITCHES[value] ?? value) : value;
  }
  if (texts.length) parameters.q = texts.join(" ");
  return parameters;
}

/**
 * Return what is wrong with parameters, or nothing. Half of a word is no reason for a request.
 *
 * @param {Record<string, string>} parameters
 */
export function findProblem({ status, operation, test_mode: testMode, open }) {
  if (operation !== undefined && !Object.hasOwn(OPERATIONS, operation))
    return `op is one of ${Object.keys(OPERATIONS).join(", ")}.`;
  if (status !== undefined && !/^([1-5]xx|[1-5]\d\d)$/i.test(status))
    return "status is a number such as 404, or a class such as 4xx.";
  if (![testMode, open].every((value) => value === undefined || /^(true|false)$/.test(value)))
    return "test and open are yes or no.";
  return "";
}

/**
 * Return whether a call matches parameters of `list_calls`, by the rules of the server.
 *
 * @param {Call} call
 * @param {Record<string, string>} parameters
 */
export function matchesFilter(call, parameters) {
  return Object.entries(parameters).every(([name, value]) => {
    switch (name) {
      case "status":
        return /^.xx$/i.test(value)
          ? String(call.status ?? "").startsWith(value.slice(0, 1))
          : String(call.status) === value;
      case "operation":
        return call.operation === value;
      case "method":
        return call.method === value;
      case "path":
        return call.path === value;
      case "email":
        return call.email?.toLowerCase() === value.toLowerCase();
      case "group":
        return call.group === value;
      case "test_mode":
        return String(call.test_mode) === value.toLowerCase();
      case "rule":
        return call.rule === value;
      case "hint":
        return call.hint?.code === value;
      case "fault":
        return call.fault === value;
      case "open":
        return String(call.duration_ms === null) === value.toLowerCase();
      default:
        return searchedText(call).includes(value.toLowerCase());
    }
  });
}

/** @type {WeakMap<Call, string>} */
const texts = new WeakMap();

/** @param {Call} call */
function searchedText(call) {
  let text = texts.get(call);
  if (text === undefined) {
    const { id, operation, method, path, query, body, email, group, rule, hint, fault } = call;
    const decoded = [query ? decode(query) : "", body?.includes("\\") ? unescape(body) : ""];
    text = [id, operation, method, path, query, body, ...decoded, email, group, rule, hint?.code, fault]
      .join("\n")
      .toLowerCase();
    texts.set(call, text);
  }
  return text;
}

/** @param {string} query */
function decode(query) {
  return [...new URLSearchParams(query)].map((pair) => pair.join("=")).join("&");
}

/** Return JSON with the characters that it escapes. @param {string} json */
function unescape(json) {
  try {
    return JSON.stringify(JSON.parse(json));
  } catch {
    return "";
  }
}
