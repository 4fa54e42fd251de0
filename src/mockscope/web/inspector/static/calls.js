/** The calls of a site, live, with one of them beside the list. */

import { ofSite, request, serverURL } from "./api.js";
import { showCall } from "./call.js";
import { CallList } from "./call_list.js";
import { attempt, button, confirmButton, empty, fill, h, snippet } from "./dom.js";
import { onResync, subscribe } from "./events.js";
import { count, milliseconds, number, quoteForShell, time, visible } from "./format.js";
import { bindKeys } from "./keys.js";
import { href } from "./route.js";
import { windowed } from "./window.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

const COLUMNS = ["Time", "Status", "Operation", "About", "Test", "Rule", "Hint", "Fault", "ms"];
// In place of an id: the newest call, whichever it is.
const LATEST = "latest";
const TYPING_MS = 120;

/** @type {import("./main.js").View} */
export const view = { title: "Calls", needsSite: false, render };

/** @param {Context} context */
function render(context) {
  const { outlet, signal, site, isReadOnly } = context;
  const host = site?.host ?? null;
  let route = context.route;
  /** @type {AbortController | null} */
  let detailStop = null;
  let detailId = "";
  /** The call that the keys move from. */
  let currentId = "";
  let typing = 0;
  let following = 0;

  const filter = h("input", {
    type: "search", class: "grow", "aria-label": "Filter", "aria-describedby": "filter-problem", autocomplete: "off", spellcheck: "false",
    placeholder: "Filter: status:4xx op:create_user joey", value: route.query.q ?? "",
  });
  const problem = h("p", { class: "bad problem", id: "filter-problem", hidden: true });
  const total = h("span", { class: "dim total" });
  const pauseButton = button("Pause", pause);
  const followButton = button("Follow latest", followLatest, { "aria-pressed": "false" });
  const clearButton = confirmButton("Clear", "Remove all calls?", () => void clear());
  const newButton = button("", toTop, { class: "primary new", hidden: true });
  const table = h(
    "table",
    { class: "calls", role: "table", "aria-label": "Calls" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...COLUMNS.map((name) =>
      h("th", { role: "columnheader", scope: "col", class: name.toLowerCase() }, name)))),
  );
  const nothing = h("div");
  const scroller = h("div", { class: "scroller" }, table, nothing);
  const list = h(
    "section",
    { class: "list", "aria-label": "List of calls" },
    h("div", { class: "toolbar" }, h("h2", null, "Calls"), total, filter, h("div", { class: "buttons" }, isReadOnly ? null : pauseButton, isReadOnly ? null : followButton, isReadOnly ? null : clearButton)),
    problem,
    scroller,
    newButton,
  );
  const detail = h("section", { class: "detail", "aria-label": "Call", tabindex: -1, hidden: true });
  const split = h("div", { class: "split" }, list, detail);
  outlet.append(split);

  let unseen = 0;
  const calls = new CallList(host, signal, (added) => {
    if (scroller.scrollTop > 0 && added) {
      unseen += added;
      rows.keepPlace(added);
    }
    showState();
    rows.refresh();
  });
  const rows = windowed({
    scroller, table, signal, fill: fillRow, make: makeRow,
    total: () => calls.calls.length,
    key: (index) => calls.calls[index]?.id ?? "",
    onShown: (last) => {
      if (scroller.scrollTop === 0 && unseen) { unseen = 0; showState(); }
      if (last >= calls.calls.length - 30) void calls.loadMore();
    },
  });

  /** @type {Call[]} */
  let batch = [];
  subscribe(({ kind, data }) => {
    if (kind.startsWith("call.") && data.site === host) {
      if (batch.push(data.call) === 1) setTimeout(() => { calls.take(batch.splice(0)); }, 16);
    } else if (kind === "site.reset" && data.site === host) reload();
  }, signal);
  onResync(reload, signal);
  filter.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(applyFilter, TYPING_MS);
  });
  bindKeys({
    "/": ["filter the calls", () => filter.select()],
    j: ["next call", () => move(1)],
    k: ["previous call", () => move(-1)],
    Enter: ["open the call", () => currentId && open(currentId)],
    Escape: ["back to the list", close],
  }, signal);
  showDetail();
  reload();
  return update;

  /** @param {Route} now */
  function update(now) {
    const isOtherFilter = (now.query.q ?? "") !== (route.query.q ?? "");
    route = now;
    if (isOtherFilter) {
      filter.value = route.query.q ?? "";
      reload();
    }
    showDetail();
    rows.refresh();
  }

  function reload() {
    batch = [];
    void calls.load(route.query.q ?? "");
  }

  function applyFilter() {
    route = { ...route, query: { ...route.query, q: filter.value.trim() } };
    context.setQuery(route.query);
    scroller.scrollTop = 0;
    reload();
  }

  function showState() {
    const words = route.query.q ? count(calls.total, "match", "matches") : number(calls.total);
    total.textContent = calls.isLoaded ? words : "…";
    problem.hidden = !calls.problem;
    problem.textContent = calls.problem;
    const held = calls.heldCount;
    table.setAttribute("aria-rowcount", String(calls.calls.length + 1));
    pauseButton.textContent = !calls.isPaused ? "Pause" : held ? `Resume · ${number(held)} new` : "Resume";
    newButton.hidden = !unseen;
    newButton.textContent = `${count(unseen, "new call")} ↑`;
    table.hidden = calls.isLoaded && !calls.calls.length;
    fill(nothing, table.hidden && !calls.problem ? nothingHere() : null);
    followButton.setAttribute("aria-pressed", String(route.id === LATEST));
    if (route.id === LATEST) {
      clearTimeout(following);
      following = setTimeout(showDetail, detailId ? 150 : 0);
    }
  }

  function nothingHere() {
    if (route.query.q) return empty("No call matches.", h("p", null, "Change the filter, or remove it: ", button("Remove", () => { filter.value = ""; applyFilter(); })));
    if (isReadOnly) return empty("The test made no call here.");
    if (!site) return empty("Every call reached a site.", h("p", null, "Calls with a wrong key or an unknown host appear here."));
    const key = `-H ${quoteForShell(`Http-X-Partner-Auth: ${site.host}:${site.api_key}`)}`;
    return empty("No calls yet.", h("p", null, "They appear here as your program makes them. Try one from a shell:"), snippet(`curl ${key} ${serverURL}/api/v1/users`, "curl command"));
  }

  function pause() {
    calls.pause(!calls.isPaused);
    pauseButton.setAttribute("aria-pressed", String(calls.isPaused));
  }

  async function clear() {
    await attempt(() => request(ofSite(host, "calls"), { method: "DELETE" }));
    calls.empty();
    close();
  }

  function toTop() {
    scroller.scrollTop = 0;
    unseen = 0;
    showState();
    rows.refresh();
  }

  function followLatest() {
    if (route.id === LATEST) close();
    else {
      toTop();
      context.go({ id: LATEST, query: route.query });
    }
  }

  function makeRow() {
    const row = h("tr", { role: "row" }, ...COLUMNS.map((name) => h("td", { role: "cell", class: name.toLowerCase() })));
    row.cells[2]?.append(h("a"));
    row.addEventListener("click", (event) => {
      if (event.target instanceof Element && !event.target.closest("a") && !getSelection()?.toString()) open(row.dataset.id ?? "");
    });
    return row;
  }

  /** @param {HTMLTableRowElement} row @param {number} index */
  function fillRow(row, index) {
    const call = calls.calls[index];
    if (!call) return;
    row.dataset.id = call.id;
    row.setAttribute("aria-rowindex", String(index + 2));
    row.classList.toggle("selected", call.id === shownId());
    row.classList.toggle("underway", call.duration_ms === null);
    const link = row.cells[2]?.querySelector("a");
    if (!link) return;
    const address = href({ site: host, view: "calls", id: call.id, query: route.query });
    link.setAttribute("href", address);
    link.tabIndex = call.id === currentId || (!currentId && index === 0) ? 0 : -1;
    if (filled.get(row) === call) return;
    filled.set(row, call);
    link.textContent = call.operation ?? call.method;
    const about = call.email ?? call.group ?? (call.operation ? "" : call.path);
    const [when, status, , whom, test, rule, hint, fault, ms] = row.cells;
    const isDated = !isToday(call.time);
    if (isDated) table.classList.add("dated");
    if (when) fill(when, time(call.time, { withDate: isDated }));
    if (status) showStatus(status, call);
    if (whom) {
      whom.textContent = visible(about.slice(0, 300));
      whom.title = about.slice(0, 1000);
      whom.dataset.target = `${call.method} ${visible(call.path.slice(0, 300))}`;
    }
    if (test) test.textContent = call.test_mode ? "test" : "";
    if (rule) fillLink(rule, "rules", call.rule);
    if (hint) fillLink(hint, "rules", call.hint?.code ?? null);
    if (fault) fillLink(fault, "faults", call.fault);
    if (ms) ms.textContent = milliseconds(call.duration_ms);
  }

  /** @param {HTMLElement} cell @param {"rules" | "faults"} name @param {string | null} id */
  function fillLink(cell, name, id) {
    fill(cell, id && h("a", { href: href({ site: host, view: name, id }), tabindex: -1 }, id));
  }

  function shownId() {
    return route.id === LATEST ? (calls.calls[0]?.id ?? "") : (route.id ?? "");
  }

  /** @param {string} id */
  function open(id) {
    currentId = id;
    context.go({ id, query: route.query });
  }

  function close() {
    if (route.id === null) return;
    currentId = shownId() || currentId;
    context.go({ query: route.query });
    const index = calls.indexOf(currentId);
    if (index >= 0) focusRow(index);
  }

  /** @param {number} step */
  function move(step) {
    const from = calls.indexOf(currentId || shownId());
    const index = Math.max(0, Math.min(from + step, calls.calls.length - 1));
    const call = calls.calls[index];
    if (!call) return;
    currentId = call.id;
    focusRow(index);
    if (route.id !== null) context.go({ id: call.id, query: route.query }, { replace: true });
  }

  /** @param {number} index */
  function focusRow(index) {
    rows.reveal(index)?.querySelector("a")?.focus({ preventScroll: true });
  }

  function showDetail() {
    const id = shownId();
    detail.hidden = route.id === null;
    split.classList.toggle("open", route.id !== null);
    if (id === detailId && detail.childElementCount) return;
    detailStop?.abort();
    detailStop = new AbortController();
    detailId = id;
    fill(detail, route.id === LATEST ? empty("Waits for the next call.") : null);
    if (!id) return;
    // On a narrow screen the list, and the focus with it, has gone.
    if (!list.offsetParent) detail.focus();
    signal.addEventListener("abort", () => detailStop?.abort(), { once: true });
    showCall({ outlet: detail, site, id, signal: detailStop.signal, isReadOnly, close, go: context.go, query: route.query });
  }
}

/** @type {WeakMap<HTMLElement, Call>} the calls that rows show */
const filled = new WeakMap();

/** @param {HTMLElement} cell @param {Call} call */
export function showStatus(cell, call) {
  cell.textContent = statusWord(call);
  cell.classList.toggle("warn", (call.status ?? 0) >= 400 && (call.status ?? 0) < 500);
  cell.classList.toggle("bad", (call.status ?? 500) >= 500 && call.duration_ms !== null);
}

/** @param {Call} call */
export function statusWord(call) {
  if (call.status !== null) return String(call.status);
  if (call.duration_ms !== null) return "cut";
  return call.is_open ? "…" : "waits";
}

let today = new Date().toDateString();
setInterval(() => { today = new Date().toDateString(); }, 60_000);

/** @param {string} moment */
function isToday(moment) {
  return new Date(moment).toDateString() === today;
}
