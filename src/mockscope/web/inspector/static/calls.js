/** The view Calls: the calls of a site, live, with one of them beside the list. */

import { ofSite, request, serverURL } from "./api.js";
import { showCall } from "./call.js";
import { CallList } from "./call_list.js";
import { fillRow, makeRow, makeTable } from "./call_row.js";
import { attempt, button, confirmButton, empty, fill, h, snippet } from "./dom.js";
import { onResync, subscribe } from "./events.js";
import { count, number, quoteForShell } from "./format.js";
import { bindKeys } from "./keys.js";
import { windowed } from "./window.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./route.js").Route} Route */

// In place of an id: the newest call, whichever it is.
const LATEST = "latest";
const TYPING_MS = 120;
// Events of this time are shown together.
const BATCH_MS = 16;
// A burst of calls is not read one by one.
const FOLLOW_MS = 150;
// The next page is loaded when so many calls are left below.
const MARGIN = 30;

/** @type {import("./main.js").View} */
export const view = {
  title: "Calls",
  needsSite: false,
  render(context) {
    const calls = new CallsView(context);
    return (route) => calls.update(route);
  },
};

class CallsView {
  /** @param {Context} context */
  constructor(context) {
    this.context = context;
    this.host = context.site?.host ?? null;
    this.route = context.route;
    /** The id of the call from which the keys move. */
    this.currentId = "";
    /** The number of calls that were added above those in sight. */
    this.unseen = 0;
    /** @type {Call[]} calls of events that are not in the list yet */
    this.batch = [];
    this.detailId = "";
    /** @type {AbortController | null} */
    this.detailStop = null;
    this.typing = 0;
    this.following = 0;
    this.filter = h("input", {
      type: "search",
      class: "grow",
      "aria-label": "Filter",
      "aria-describedby": "filter-problem",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: "Filter: status:4xx op:create_user joey",
      value: filterOf(this.route),
    });
    this.problem = h("p", { class: "bad problem", id: "filter-problem", hidden: true });
    this.total = h("span", { class: "dim total" });
    this.pauseButton = button("Pause", () => this.calls.pause(!this.calls.isPaused));
    this.followButton = button("Follow latest", () => this.#follow());
    this.newButton = button("", () => this.#toTop(), { class: "primary new", hidden: true });
    this.table = makeTable();
    this.nothing = h("div");
    this.scroller = h("div", { class: "scroller" }, this.table, this.nothing);
    this.list = h("section", { class: "list", "aria-label": "List of calls" });
    this.detail = h("section", { class: "detail", "aria-label": "Call", tabindex: -1, hidden: true });
    this.split = h("div", { class: "split" }, this.list, this.detail);
    this.#assemble();
    this.calls = new CallList(this.host, context.signal, (added) => this.#changed(added));
    this.rows = this.#makeRows();
    this.#listen();
    this.#showDetail();
    this.#load();
  }

  /** Follow the address. @param {Route} route */
  update(route) {
    const isOtherFilter = filterOf(route) !== filterOf(this.route);
    this.route = route;
    if (isOtherFilter) {
      this.filter.value = filterOf(route);
      this.#load();
    }
    this.#showDetail();
    this.#showState();
    this.rows.refresh();
  }

  #assemble() {
    const clearButton = confirmButton("Clear", "Remove all calls?", () => void this.#clear());
    const buttons = this.context.isReadOnly ? [] : [this.pauseButton, this.followButton, clearButton];
    const toolbar = h("div", { class: "toolbar" }, h("h2", null, "Calls"), this.total, this.filter);
    if (buttons.length) toolbar.append(h("div", { class: "buttons" }, ...buttons));
    this.list.append(toolbar, this.problem, this.scroller, this.newButton);
    this.context.outlet.append(this.split);
  }

  #makeRows() {
    return windowed({
      scroller: this.scroller,
      table: this.table,
      signal: this.context.signal,
      total: () => this.calls.calls.length,
      key: (index) => this.calls.calls[index]?.id ?? "",
      make: () => makeRow((id) => this.#open(id)),
      fill: (row, index) => this.#fillRow(row, index),
      onShown: (last) => this.#shown(last),
    });
  }

  #listen() {
    const { signal } = this.context;
    subscribe(({ kind, data }) => {
      if (data.site !== this.host) return;
      if (kind === "site.reset" || kind === "calls.cleared") this.#load();
      else if (kind.startsWith("call.") && this.batch.push(data.call) === 1) {
        setTimeout(() => this.calls.take(this.batch.splice(0)), BATCH_MS);
      }
    }, signal);
    onResync(() => this.#load(), signal);
    this.filter.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#applyFilter(), TYPING_MS);
    });
    bindKeys(
      {
        "/": ["filter the calls", () => this.filter.select()],
        j: ["next call", () => this.#move(1)],
        k: ["previous call", () => this.#move(-1)],
        Enter: ["open the call", () => this.currentId && this.#open(this.currentId)],
        Escape: ["back to the list", () => this.#close()],
      },
      signal,
    );
    signal.addEventListener("abort", () => this.detailStop?.abort());
  }

  #load() {
    this.batch = [];
    void this.calls.load(filterOf(this.route));
  }

  #applyFilter() {
    this.route = { ...this.route, query: { ...this.route.query, q: this.filter.value.trim() } };
    this.context.setQuery(this.route.query);
    this.scroller.scrollTop = 0;
    this.#load();
  }

  /** @param {number} added the number of calls that were added at the top */
  #changed(added) {
    // Somebody who has scrolled down keeps the place.
    if (this.scroller.scrollTop > 0 && added) {
      this.unseen += added;
      this.rows.keepPlace(added);
    }
    this.#showState();
    this.rows.refresh();
    if (this.route.id === LATEST && !this.following) {
      this.following = setTimeout(
        () => {
          this.following = 0;
          this.#showDetail();
        },
        this.detailId ? FOLLOW_MS : 0,
      );
    }
  }

  /** @param {number} last the index of the last row in sight */
  #shown(last) {
    if (this.scroller.scrollTop === 0 && this.unseen) {
      this.unseen = 0;
      this.#showState();
    }
    if (last >= this.calls.calls.length - MARGIN) void this.calls.loadMore();
  }

  #showState() {
    const { calls, total, isLoaded, isPaused, heldCount, problem } = this.calls;
    const words = filterOf(this.route) ? count(total, "match", "matches") : number(total);
    this.total.textContent = isLoaded ? words : "…";
    this.problem.hidden = !problem;
    this.problem.textContent = problem;
    this.pauseButton.textContent = !isPaused ? "Pause" : heldCount ? `Resume · ${number(heldCount)} new` : "Resume";
    this.pauseButton.setAttribute("aria-pressed", String(isPaused));
    this.followButton.setAttribute("aria-pressed", String(this.route.id === LATEST));
    this.newButton.hidden = !this.unseen;
    this.newButton.textContent = `${count(this.unseen, "new call")} ↑`;
    this.table.setAttribute("aria-rowcount", String(calls.length + 1));
    this.table.hidden = isLoaded && !calls.length;
    const nothing = !this.table.hidden || problem ? "" : filterOf(this.route) ? "matches" : "calls";
    // It holds buttons, which would lose the focus.
    if (this.nothing.dataset.of === nothing) return;
    this.nothing.dataset.of = nothing;
    fill(this.nothing, nothing && this.#nothingHere());
  }

  #nothingHere() {
    const { site, isReadOnly } = this.context;
    if (filterOf(this.route)) {
      const remove = () => {
        this.filter.value = "";
        this.#applyFilter();
      };
      return empty("No call matches.", h("p", null, "Change the filter, or remove it: ", button("Remove", remove)));
    }
    if (isReadOnly) return empty("The test made no call here.");
    if (!site) {
      const when = "Calls with a wrong key or an unknown host appear here.";
      return empty("Every call reached a site.", h("p", null, when));
    }
    const key = quoteForShell(`Http-X-Partner-Auth: ${site.host}:${site.api_key}`);
    const how = h("p", null, "They appear here as your program makes them. Try one from a shell:");
    return empty("No calls yet.", how, snippet(`curl -H ${key} ${serverURL}/api/v1/users`, "curl command"));
  }

  async #clear() {
    const cleared = await attempt(() => request(ofSite(this.host, "calls"), { method: "DELETE" }));
    if (cleared === undefined) return;
    this.#load();
    this.#close();
  }

  #toTop() {
    this.scroller.scrollTop = 0;
    this.rows.refresh();
  }

  #follow() {
    if (this.route.id === LATEST) this.#close();
    else {
      this.#toTop();
      this.context.go({ id: LATEST, query: this.route.query });
    }
  }

  /** @param {HTMLTableRowElement} row @param {number} index */
  #fillRow(row, index) {
    const call = this.calls.calls[index];
    if (!call) return;
    fillRow(row, call, {
      site: this.host,
      query: this.route.query,
      index,
      isShown: call.id === this.#shownId(),
      isCurrent: this.currentId ? call.id === this.currentId : index === 0,
    });
  }

  #shownId() {
    return this.route.id === LATEST ? (this.calls.calls[0]?.id ?? "") : (this.route.id ?? "");
  }

  /** @param {string} id */
  #open(id) {
    this.currentId = id;
    this.context.go({ id, query: this.route.query });
  }

  #close() {
    if (this.route.id === null) return;
    this.currentId = this.#shownId() || this.currentId;
    this.context.go({ query: this.route.query });
    const index = this.calls.indexOf(this.currentId);
    if (index >= 0) this.#focusRow(index);
  }

  /** @param {1 | -1} step */
  #move(step) {
    const from = this.calls.indexOf(this.currentId || this.#shownId());
    const index = Math.max(0, Math.min(from + step, this.calls.calls.length - 1));
    const call = this.calls.calls[index];
    if (!call) return;
    this.currentId = call.id;
    this.#focusRow(index);
    if (this.route.id !== null) this.context.go({ id: call.id, query: this.route.query }, { replace: true });
  }

  /** @param {number} index */
  #focusRow(index) {
    this.rows.reveal(index)?.querySelector("a")?.focus({ preventScroll: true });
  }

  #showDetail() {
    const id = this.#shownId();
    this.detail.hidden = this.route.id === null;
    this.split.classList.toggle("open", !this.detail.hidden);
    if (id === this.detailId && this.detail.hasChildNodes()) return;
    this.detailStop?.abort();
    this.detailStop = new AbortController();
    this.detailId = id;
    fill(this.detail, this.route.id === LATEST && empty("Waits for the next call."));
    if (!id) return;
    // On a narrow screen the list, and the focus with it, has gone.
    if (!this.list.offsetParent) this.detail.focus();
    showCall({
      outlet: this.detail,
      site: this.context.site,
      id,
      signal: this.detailStop.signal,
      isReadOnly: this.context.isReadOnly,
      close: () => this.#close(),
      go: this.context.go,
      query: this.route.query,
    });
  }
}

/** @param {Route} route */
function filterOf(route) {
  return route.query.q ?? "";
}
