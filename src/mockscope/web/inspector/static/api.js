/** The control API of the server that this page came from, and the token that it may require. */

import { decode } from "./route.js";

/**
 * @typedef {object} Site
 * @property {string} host
 * @property {string} api_key
 * @property {boolean} enabled
 * @property {string | null} admin
 * @property {string} label
 * @property {Record<string, unknown>} policy
 * @property {{users: number, groups: number, dashboards: number, calls: number, faults: number}} counts
 */

/** @typedef {{code: string, cause: string, remedy: string, rule: string | null}} Hint */

/**
 * @typedef {object} RecordChange
 * @property {"group" | "user" | "dashboard"} kind
 * @property {string} name
 * @property {"created" | "changed" | "removed"} change
 * @property {Record<string, [unknown, unknown]>} fields
 */

/**
 * @typedef {object} Call
 * @property {string} id
 * @property {string} time
 * @property {string | null} site
 * @property {string | null} operation
 * @property {string} method
 * @property {string} scheme
 * @property {string} path
 * @property {string} query
 * @property {Record<string, string>} params
 * @property {[string, string][]} headers
 * @property {string | null} [body]
 * @property {string} [body_base64]
 * @property {boolean} body_cut
 * @property {string | null} email
 * @property {string | null} group
 * @property {number | null} status
 * @property {[string, string][]} response_headers
 * @property {string | null} [response]
 * @property {string} [response_base64]
 * @property {boolean} response_cut
 * @property {number | null} duration_ms
 * @property {boolean} is_open
 * @property {boolean} test_mode
 * @property {string | null} rule
 * @property {Hint | null} hint
 * @property {Hint[]} hints
 * @property {string | null} fault
 * @property {RecordChange[]} changes
 * @property {boolean} changes_cut
 */

/**
 * @typedef {object} Rule
 * @property {string} id
 * @property {string} family
 * @property {string} summary
 * @property {string} sentence
 * @property {{word: string, part: string}[]} basis
 * @property {string[]} policy
 * @property {{basis: string, section: string, text: string}[]} quotations
 */

/** A refused or failed request. The message is for people. */
export class Problem extends Error {
  /**
   * @param {string} message
   * @param {number} status the status of the response; 0: there was none
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

const TOKEN = "mockscope-token";

/** The directory of this page, which may be below a path at which the server is mounted. */
export const base = new URL(".", document.baseURI);

/** The origin and path of the vendor's API on this server. */
export const serverURL = new URL("..", base).href.replace(/\/$/, "");

/** Whether the page shows the report of a failed test, and no running server. */
export const isReport = document.querySelector('meta[name="mockscope-mode"]')?.getAttribute("content") === "report";

/**
 * Return a path whose parts are percent-encoded: at`sites/${host}/users`.
 *
 * Browsers remove `.` and `..` from a URL, even encoded. The request would be about something else, such as all sites.
 *
 * @param {TemplateStringsArray} texts
 * @param {...string} parts
 */
export function at(texts, ...parts) {
  const removed = parts.find((part) => part === "." || part === "..");
  if (removed !== undefined) throw new Problem(`A browser cannot request “${removed}”: use another client.`, 0);
  return texts.reduce((path, text, index) => path + encodeURIComponent(parts[index - 1] ?? "") + text);
}

/**
 * Return the path of a resource that sites and the server have: `sites/HOST/calls`, or `calls`.
 *
 * @param {string | null} site
 * @param {string} path
 */
export function ofSite(site, path) {
  return site === null ? path : at`sites/${site}/` + path;
}

/** @type {(() => void)[]} */
const unauthorized = [];

/** Call a function when the server refuses the token. @param {() => void} action */
export function onUnauthorized(action) {
  unauthorized.push(action);
}

/** Take the token out of the address that `mockscope serve` prints, `…/#token=…`. */
export function takeToken() {
  const match = /^#token=([^&/]+)(.*)/.exec(location.hash);
  if (!match) return;
  setToken(decode(match[1] ?? ""));
  history.replaceState(null, "", `#${match[2]?.replace(/^&?/, "") || "/"}`);
}

export function getToken() {
  return sessionStorage.getItem(TOKEN);
}

/** @param {string} token */
export function setToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/**
 * Send a request to the control API. Return the response as it is.
 *
 * @param {string} path below `v1/`
 * @param {{method?: string, body?: unknown, query?: Record<string, string | number | boolean | null | undefined>,
 *   headers?: Record<string, string>, signal?: AbortSignal | undefined}} [options] `query` leaves out null and ""
 * @returns {Promise<Response>}
 */
export async function send(path, { method = "GET", body, query = {}, headers = {}, signal } = {}) {
  const url = new URL(`v1/${path}`, base);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  const token = getToken();
  /** @type {RequestInit} */
  const init = { method, headers: token ? { ...headers, Authorization: `Bearer ${token}` } : headers };
  if (body !== undefined) init.body = JSON.stringify(body);
  if (signal) init.signal = signal;
  let response;
  try {
    response = await fetch(url, { ...init, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Problem("The server does not respond. It may have stopped.", 0);
  }
  if (response.ok) return response;
  if (response.status === 401) for (const action of unauthorized) action();
  throw new Problem(await message(response), response.status);
}

/**
 * Send a request to the control API. Return the JSON of the response; null if it has no body.
 *
 * @param {string} path
 * @param {Parameters<typeof send>[1]} [options]
 * @returns {Promise<any>}
 */
export async function request(path, options) {
  const response = await send(path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {Response} response */
async function message(response) {
  try {
    return String((await response.json()).message);
  } catch {
    return `The server responded with ${response.status} ${response.statusText}.`;
  }
}
