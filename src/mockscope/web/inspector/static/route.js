/**
 * The addresses of the page: `#/HOST/VIEW/ID?name=value`. Each part is percent-encoded.
 *
 * `-` in place of a host stands for the server: the calls that reached no site, and the server's clock.
 * A site whose host is `-` is written `%2D`.
 */

/** @typedef {"calls" | "records" | "faults" | "time" | "try" | "rules"} ViewName */

/**
 * @typedef {object} Route
 * @property {string | null} site the host of the site; null is the server
 * @property {ViewName} view
 * @property {string | null} id the thing that the view shows, such as the id of a call
 * @property {Record<string, string>} query
 */

/** @type {readonly ViewName[]} */
export const VIEWS = ["calls", "records", "faults", "time", "try", "rules"];

const SERVER = "-";

/**
 * Return the address of a route, for `href`. Left out parts are those of the first view.
 *
 * @param {Partial<Route> & {site: string | null}} route
 * @returns {string}
 */
export function href({ site, view = "calls", id = null, query = {} }) {
  const host = site === null ? SERVER : site === SERVER ? "%2D" : encodeURIComponent(site);
  const path = `#/${host}/${view}${id === null ? "" : `/${encodeURIComponent(id)}`}`;
  const pairs = Object.entries(query).filter(([, value]) => value !== "");
  return pairs.length ? `${path}?${pairs.map(([name, value]) => `${name}=${encodeWords(value)}`).join("&")}` : path;
}

/**
 * Parse the fragment of an address. Null: it names no site.
 *
 * @param {string} hash
 * @returns {Route | null}
 */
export function parse(hash) {
  const [path = "", search = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const [, host = "", view = "", ...rest] = path.split("/");
  if (!host) return null;
  return {
    site: host === SERVER ? null : decode(host),
    view: VIEWS.find((each) => each === view) ?? "calls",
    id: rest.length && rest.join("/") ? decode(rest.join("/")) : null,
    query: Object.fromEntries(new URLSearchParams(search)),
  };
}

/** Decode a percent-encoded text. One that is not is left as it is. @param {string} text */
export function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** @param {string} text */
function encodeWords(text) {
  return encodeURIComponent(text).replace(/%3A/g, ":").replace(/%40/g, "@").replace(/%2F/g, "/").replace(/%20/g, "+");
}
