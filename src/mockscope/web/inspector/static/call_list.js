/** The calls of a site or of the server that match a filter, the newest first, as far as they were loaded. */

import { ofSite, Problem, request } from "./api.js";
import { findProblem, matchesFilter, parseFilter } from "./filter.js";

/** @typedef {import("./api.js").Call} Call */

const PAGE = 100;
// As many as a server keeps.
const MAX_CALLS = 10_000;

export class CallList {
  /**
   * @param {string | null} site
   * @param {AbortSignal} signal
   * @param {(added: number) => void} onChange called with the number of calls that were added at the top
   */
  constructor(site, signal, onChange) {
    /** @type {Call[]} */
    this.calls = [];
    this.total = 0;
    this.isPaused = false;
    /** Whether the first page has arrived, and with it the total. */
    this.isLoaded = false;
    /** What is wrong with the filter. The calls are those of the last right one then. */
    this.problem = "";
    /** @type {Map<string, Call>} calls that came while the list was paused */
    this.held = new Map();
    /** The number of those that are not in the list. */
    this.heldCount = 0;
    this.site = site;
    this.signal = signal;
    this.onChange = onChange;
    /** @type {Record<string, string>} */
    this.parameters = {};
    /** @type {string | null} */
    this.next = null;
    /** @type {Map<string, Call>} */
    this.byId = new Map();
    this.loads = 0;
    /** @type {Call[] | null} calls that arrive while the first page is loaded */
    this.arrived = null;
    this.isLoadingMore = false;
  }

  /** @param {string} filter */
  async load(filter) {
    const parameters = parseFilter(filter);
    this.problem = findProblem(parameters);
    if (this.problem) {
      this.onChange(0);
      return;
    }
    const load = ++this.loads;
    this.parameters = parameters;
    this.arrived = [];
    // Those that are here can be shown at once.
    this.isLoaded = false;
    this.calls = this.calls.filter((call) => matchesFilter(call, this.parameters));
    this.onChange(0);
    try {
      const page = await this.#page({});
      if (load !== this.loads) return;
      this.calls = page.calls;
      this.byId = new Map(this.calls.map((call) => [call.id, call]));
      this.total = page.total;
      this.next = page.next;
    } catch (error) {
      if (load !== this.loads || this.signal.aborted) return;
      this.problem = error instanceof Error ? error.message : String(error);
    }
    this.isLoaded = true;
    this.#takeHeld();
    const arrived = this.arrived ?? [];
    this.arrived = null;
    this.take(arrived);
    this.onChange(0);
  }

  /** Load the next page, if there is one. */
  async loadMore() {
    if (this.isLoadingMore || this.next === null || !this.isLoaded) return;
    this.isLoadingMore = true;
    const load = this.loads;
    try {
      const page = await this.#page({ before: this.next });
      if (load !== this.loads) return;
      const more = page.calls.filter((call) => !this.byId.has(call.id));
      for (const call of more) this.byId.set(call.id, call);
      this.calls.push(...more);
      this.next = page.next;
    } catch (error) {
      // After a lost connection the next scroll tries again.
      if (!(error instanceof Problem && error.status === 404)) return;
      // The last call that was loaded is no longer kept, nor are those before it.
      if (load === this.loads) this.next = null;
    } finally {
      this.isLoadingMore = false;
    }
    this.onChange(0);
  }

  /** @param {Call[]} calls as events bring them */
  take(calls) {
    if (this.arrived) {
      this.arrived.push(...calls);
      return;
    }
    if (this.isPaused) {
      for (const call of calls) this.#hold(call);
    } else {
      const before = this.calls.length;
      for (const call of calls) this.#put(call);
      this.onChange(Math.max(0, this.calls.length - before));
      if (this.calls.length > MAX_CALLS) this.#cut();
      return;
    }
    this.onChange(0);
  }

  /** @param {boolean} isPaused */
  pause(isPaused) {
    this.isPaused = isPaused;
    if (!isPaused) this.take(this.#takeHeld());
  }

  /** @param {string} id */
  indexOf(id) {
    return this.calls.findIndex((call) => call.id === id);
  }

  /** @param {Call} call */
  #hold(call) {
    if (!matchesFilter(call, this.parameters)) return;
    if (!this.held.has(call.id) && !this.byId.has(call.id)) this.heldCount++;
    this.held.set(call.id, call);
    const [oldest] = this.held.keys();
    if (this.held.size > MAX_CALLS && oldest !== undefined) this.held.delete(oldest);
  }

  #takeHeld() {
    const held = [...this.held.values()];
    this.held.clear();
    this.heldCount = 0;
    return held;
  }

  /** @param {Call} call */
  #put(call) {
    const known = this.byId.get(call.id);
    // Calls that were under way when the list was loaded are in it twice: complete, and as the event says.
    if (known && known.duration_ms !== null && call.duration_ms === null) return;
    const index = known ? this.calls.indexOf(known) : -1;
    if (!matchesFilter(call, this.parameters)) {
      if (index < 0) return;
      this.calls.splice(index, 1);
      this.byId.delete(call.id);
      this.total--;
      return;
    }
    this.byId.set(call.id, call);
    if (index >= 0) {
      this.calls[index] = call;
      return;
    }
    this.total++;
    let place = this.calls.findIndex((each) => sequence(each) < sequence(call));
    if (place < 0) place = this.calls.length;
    this.calls.splice(place, 0, call);
  }

  #cut() {
    for (const call of this.calls.splice(MAX_CALLS)) this.byId.delete(call.id);
    this.total = Math.min(this.total, MAX_CALLS);
    this.next = null;
  }

  /**
   * @param {Record<string, string>} cursor
   * @returns {Promise<{calls: Call[], total: number, next: string | null}>}
   */
  #page(cursor) {
    const query = { ...this.parameters, ...cursor, limit: PAGE };
    return request(ofSite(this.site, "calls"), { query, signal: this.signal });
  }
}

/** The number of a call in the order of receipt. @param {Call} call */
function sequence(call) {
  return Number(call.id.slice(call.id.lastIndexOf("-") + 1));
}
