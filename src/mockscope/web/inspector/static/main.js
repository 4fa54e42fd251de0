/**
 * The inspector: the frame of the page, and the router.
 *
 * A view is a module that exports `view`, a `View`. Its `render(context)` is called when the address names it:
 *
 *   - `context.outlet` is the empty element that it fills. It begins with a heading, `h2`.
 *   - `context.signal` aborts when the view is left, or the site changes. Give it to everything that lasts:
 *     `subscribe(listener, signal)` and `onResync(listener, signal)` of events.js, `bindKeys(keys, signal)`,
 *     `request(path, {signal})` and `addEventListener(name, listener, {signal})`. There is nothing else to clean up.
 *   - It may return a function. The function is called with the new route when only id or query of the address change,
 *     in place of a new `render`.
 *   - `onResync` means that events may be missing: load anew what is shown. It is also called when the stream opens.
 *   - `context.isReadOnly`: show no control that writes.
 *   - `context.go(route)` opens an address, `context.setQuery(query)` replaces the words behind `?` without a new entry
 *     in the history. Links are `h("a", {href: href({...})})`, with `href` of route.js.
 *   - A view of one site with `needsSite` is not rendered for the server itself.
 */

import { getToken, isReport, onUnauthorized, Problem, request, takeToken } from "./api.js";
import { button, empty, field, fill, h, keyed, toast } from "./dom.js";
import { follow, hasOpened, isShared, onResync, onState, shareToken, subscribe } from "./events.js";
import { bindKeys, showHelp } from "./keys.js";
import { href, parse, VIEWS } from "./route.js";
import { view as calls } from "./calls.js";
import { view as faults } from "./faults.js";
import { view as records } from "./records.js";
import { view as rules } from "./rules.js";
import { view as time } from "./time.js";
import { view as tryOut } from "./try.js";

/** @typedef {import("./route.js").Route} Route */
/** @typedef {import("./api.js").Site} Site */

/**
 * @typedef {object} Context
 * @property {Route} route
 * @property {Site | null} site null is the server
 * @property {HTMLElement} outlet
 * @property {AbortSignal} signal
 * @property {boolean} isReadOnly
 * @property {(route: Partial<Route>, options?: {replace?: boolean}) => void} go left out: this site and view, no id, no
 *   query; `replace` makes no new entry in the history
 * @property {(query: Record<string, string>) => void} setQuery
 */

/**
 * @typedef {object} View
 * @property {string} title
 * @property {boolean} needsSite
 * @property {boolean} [writes] whether it is of no use beside a report
 * @property {(context: Context) => ((route: Route) => void) | void} render
 */

/** @type {Record<import("./route.js").ViewName, View>} */
const views = { calls, records, faults, time, try: tryOut, rules };

/** @type {Map<string, Site> | null} null until they were loaded */
let sites = null;
/** @typedef {{site: string | null, view: string, update: ((route: Route) => void) | void, stop: AbortController}} Shown */
/** @type {Shown | null} */
let shown = null;

const picker = h("select", { "aria-label": "Site", hidden: true, on: { change: () => open({ site: chosenSite() }) } });
const names = VIEWS.filter((name) => !(isReport && views[name].writes));
const links = names.map((name) => h("a", null, views[name].title));
const stream = h("p", { class: "stream", role: "status" });
const notices = h("div", { class: "notices", role: "status" });
const main = h("main", { id: "main", tabindex: "-1" });

function start() {
  takeToken();
  document.body.append(
    h("a", { class: "skip", href: "#main", on: { click: skip } }, "To the content"),
    h(
      "header",
      { class: "bar" },
      h("h1", null, h("a", { class: "brand", href: "#/" }, "mockscope")),
      picker,
      h(
        "nav",
        { "aria-label": "Views" },
        h("ul", null, ...links.map((link) => h("li", null, link)), h("li", null, h("a", { href: "../docs" }, "API"))),
      ),
      stream,
      button("?", showHelp, { class: "quiet", "aria-label": "Keys", title: "Keys (?)" }),
    ),
    notices,
    main,
  );
  const always = new AbortController().signal;
  bindKeys({ "?": ["show the keys", showHelp] }, always);
  addEventListener("hashchange", show);
  onUnauthorized(askForToken);
  onState(showStream, always);
  subscribe(({ kind, data }) => {
    if (!kind.startsWith("site.")) return;
    // A site of this host may have been made again.
    if (kind === "site.made" && data.site === shown?.site) leave();
    changing ||= setTimeout(loadSites, 200);
  }, always);
  onResync(() => hasBegun && void loadSites(), always);
  if (isReport) void showReport();
  void follow();
  // What is loaded before the stream opens would be loaded again.
  void Promise.race([hasOpened(), new Promise((resolve) => setTimeout(resolve, 400))]).then(loadSites);
}

/** @param {Event} event */
function skip(event) {
  event.preventDefault();
  main.focus();
}

let changing = 0;
let loading = 0;
let hasBegun = false;

async function loadSites() {
  hasBegun = true;
  changing = 0;
  const current = ++loading;
  try {
    const { sites: found } = await request("sites");
    if (current !== loading) return;
    const old = sites;
    // Views hold the object of their site.
    sites = new Map(
      found.map((/** @type {Site} */ site) => [site.host, Object.assign(old?.get(site.host) ?? {}, site)]),
    );
  } catch (error) {
    if (sites === null) showFailure(error);
    return;
  }
  notices.querySelector("form")?.remove();
  showSites();
  if (!shown || (shown.site !== null && !sites.has(shown.site))) show();
}

/** @param {unknown} error */
function showFailure(error) {
  const status = error instanceof Problem ? error.status : 0;
  const title =
    status === 401
      ? "This server requires a token."
      : status
        ? "The server refuses this page."
        : "The server does not respond.";
  fill(main, empty(title, h("p", null, error instanceof Error ? error.message : "")));
}

function showSites() {
  picker.hidden = false;
  const hosts = [...(sites?.keys() ?? [])].map((host) => ({ host: /** @type {string | null} */ (host), text: host }));
  const all = [...hosts, { host: null, text: "no site" }];
  keyed(
    picker,
    all,
    ({ host }) => (host === null ? "" : `=${host}`),
    ({ host, text }, old) => old ?? h("option", { value: host === null ? "" : `=${host}` }, text),
  );
}

function chosenSite() {
  return picker.value === "" ? null : picker.value.slice(1);
}

/** @param {Partial<Route>} route @param {{replace?: boolean}} [options] */
function open(route, { replace = false } = {}) {
  const { view, site } = currentRoute();
  const address = href({ view, site, ...route });
  if (address === location.hash) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
  show();
}

/** @returns {Route} */
function currentRoute() {
  const first = sites?.keys().next().value ?? null;
  return parse(location.hash) ?? { site: first, view: "calls", id: null, query: {} };
}

function show() {
  if (sites === null) return;
  const asked = currentRoute();
  // A report has no view that writes.
  const route = names.includes(asked.view) ? asked : { ...asked, view: /** @type {const} */ ("calls"), id: null };
  // So that the address still names the site when that is removed.
  if (!parse(location.hash) && route.site !== null) history.replaceState(null, "", href(route));
  const view = views[route.view];
  picker.value = route.site === null ? "" : `=${route.site}`;
  showLinks(route);
  document.title = `${view.title} · ${route.site ?? "no site"} · mockscope`;
  const site = route.site === null ? null : sites.get(route.site);
  if (shown?.site === route.site && shown.view === route.view && shown.update && site !== undefined) {
    shown.update(route);
    return;
  }
  leave();
  const stop = new AbortController();
  const outlet = h("div", { class: `view ${route.view}` });
  fill(main, outlet);
  if (site === undefined) showGone(outlet, route);
  else if (site === null && view.needsSite) showNeedsSite(outlet, view);
  else {
    const context = { route, site, outlet, signal: stop.signal, isReadOnly: isReport, go: open, setQuery };
    shown = { site: route.site, view: route.view, update: view.render(context), stop };
  }
}

function leave() {
  shown?.stop.abort();
  shown = null;
}

/** @param {Record<string, string>} query */
function setQuery(query) {
  history.replaceState(null, "", href({ ...currentRoute(), query }));
}

/** @param {Route} route */
function showLinks(route) {
  names.forEach((name, index) => {
    links[index]?.setAttribute("href", href({ site: route.site, view: name }));
    if (name === route.view) links[index]?.setAttribute("aria-current", "page");
    else links[index]?.removeAttribute("aria-current");
  });
}

/** @param {HTMLElement} outlet @param {Route} route */
function showGone(outlet, route) {
  const [first] = sites?.keys() ?? [];
  const other = first === undefined ? "" : h("a", { href: href({ site: first }) }, `Look at ${first}`);
  outlet.append(
    empty(`There is no site ${route.site}.`, h("p", null, "It may have been removed. "), h("p", null, other)),
  );
}

/** @param {HTMLElement} outlet @param {View} view */
function showNeedsSite(outlet, view) {
  outlet.append(h("h2", null, view.title), empty("This view is about one site.", h("p", null, "Choose a site above.")));
}

/** @param {import("./events.js").StreamState} state */
function showStream(state) {
  const alone = isShared ? "" : " · a stream for each tab";
  const words = { connecting: "connecting", live: `live${alone}`, lost: "stream lost, trying again", off: "report" };
  stream.className = `stream ${state}`;
  stream.title =
    isShared || isReport ? "" : "Pages at this address have no locks: six tabs are the most that browsers serve.";
  fill(stream, words[state]);
}

async function showReport() {
  const report = await request("report").catch(() => null);
  if (report) notices.append(h("p", { class: "notice" }, `Report of ${report.test}. Nothing can be changed here.`));
}

function askForToken() {
  if (notices.querySelector("form")) return;
  const token = field({ name: "token", label: "Token", type: "password", hint: "mockscope serve prints it." });
  if (getToken()) token.error("The server refused the token.");
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    form.remove();
    shareToken(token.input.value.trim());
    void loadSites();
  };
  const form = h(
    "form",
    { class: "notice", on: { submit } },
    token.element,
    h("button", { class: "primary" }, "Use it"),
  );
  notices.append(form);
  token.input.focus();
}

addEventListener("unhandledrejection", (event) => {
  if (event.reason instanceof DOMException && event.reason.name === "AbortError") event.preventDefault();
  else toast(event.reason instanceof Error ? event.reason.message : String(event.reason), { isError: true });
});

start();
