/**
 * The events of the server, for all tabs of this browser over one stream.
 *
 * The tab that holds a lock reads the stream and passes the events on by a BroadcastChannel. Browsers allow six
 * connections to a server, so a stream in each tab would leave the seventh without an answer. When that tab closes,
 * another one gets the lock, and resumes after the last event that it has seen. EventSource cannot send a token.
 */

import { base, getToken, isReport, Problem, send, setToken } from "./api.js";

/** @typedef {{id: string, kind: string, data: any}} ServerEvent */
/** @typedef {"connecting" | "live" | "lost" | "off"} StreamState */
/** @typedef {{state: StreamState, lastId: string, token: string | null, isFresh: boolean}} StateMessage */
/** @typedef {{events: ServerEvent[]} | StateMessage | {hello: true} | {token: string}} Message */

// The server sends a comment every 15 seconds. A proxy may hold a dead connection open.
const SILENCE_MS = 40_000;
const MAX_RETRY_MS = 10_000;

/** Whether the tabs of this browser share one stream. Pages of a plain name over HTTP have no locks. */
export const isShared = !isReport && "locks" in navigator;

/** @type {StreamState} */
let state = isReport ? "off" : "connecting";
let lastId = "";
let retryMs = 1000;
let wake = () => {};

/** @type {Set<(event: ServerEvent) => void>} */
const listeners = new Set();
/** @type {Set<(state: StreamState) => void>} */
const stateListeners = new Set();
/** @type {Set<() => void>} */
const resyncListeners = new Set();

const channel = isShared ? new BroadcastChannel(`mockscope ${base.pathname}`) : null;
let isLeading = false;

/**
 * Call a function for each event until a signal aborts.
 *
 * @param {(event: ServerEvent) => void} on
 * @param {AbortSignal} signal
 */
export function subscribe(on, signal) {
  add(listeners, on, signal);
}

/**
 * Call a function when events may be missing: load anew what is shown.
 *
 * @param {() => void} on
 * @param {AbortSignal} signal
 */
export function onResync(on, signal) {
  add(resyncListeners, on, signal);
}

/**
 * Call a function with the state now, and when it changes.
 *
 * @param {(state: StreamState) => void} on
 * @param {AbortSignal} signal
 */
export function onState(on, signal) {
  add(stateListeners, on, signal);
  on(state);
}

/** Wait until the stream has opened, or cannot be opened. @returns {Promise<void>} */
export function hasOpened() {
  if (state !== "connecting") return Promise.resolve();
  const stop = new AbortController();
  return new Promise((resolve) => {
    onState((now) => {
      if (now === "connecting") return;
      stop.abort();
      resolve();
    }, stop.signal);
  });
}

/** Start to follow the events. */
export async function follow() {
  if (isReport) return;
  channel?.addEventListener("message", (event) => receive(event.data));
  channel?.postMessage({ hello: true });
  addEventListener("online", () => wake());
  document.addEventListener("visibilitychange", () => document.hidden || wake());
  if (isShared) await navigator.locks.request(`mockscope ${base.pathname}`, lead);
  else await lead();
}

/** Use a new token in all tabs. @param {string} token */
export function shareToken(token) {
  setToken(token);
  channel?.postMessage({ token });
  wake();
}

/** @template {Function} F @param {Set<F>} set @param {F} on @param {AbortSignal} signal */
function add(set, on, signal) {
  if (signal.aborted) return;
  set.add(on);
  signal.addEventListener("abort", () => set.delete(on));
}

/** @param {Message} message from another tab */
function receive(message) {
  if ("hello" in message) {
    if (isLeading) announce(state);
  } else if ("events" in message) deliver(message.events);
  else if ("state" in message) {
    // Session storage is one tab's own.
    if (message.token && !getToken()) setToken(message.token);
    // Without an event so far, this tab may have loaded its data before the leading one read the latest.
    const isBehind = message.isFresh || (message.lastId !== "" && lastId === "");
    lastId ||= message.lastId;
    setState(message.state);
    if (isBehind) resync();
  } else if (state !== "live") {
    setToken(message.token);
    wake();
    resync();
  }
}

/** Read the stream for ever. @returns {Promise<void>} */
async function lead() {
  isLeading = true;
  for (;;) {
    const startedAt = Date.now();
    try {
      await read();
    } catch (error) {
      if (error instanceof Problem && error.status === 401) retryMs = MAX_RETRY_MS;
    }
    announce("lost");
    if (Date.now() - startedAt > MAX_RETRY_MS) retryMs = 500;
    await pause(retryMs);
    retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
  }
}

async function read() {
  const controller = new AbortController();
  let timer = setTimeout(() => controller.abort(), SILENCE_MS);
  /** @type {Record<string, string>} */
  const headers = lastId ? { "Last-Event-ID": lastId } : {};
  const response = await send("events", { headers, signal: controller.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  const isResumed = lastId !== "";
  retryMs = 500;
  announce("live", !isResumed);
  if (!isResumed) resync();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => controller.abort(), SILENCE_MS);
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop() ?? "";
      const events = blocks.flatMap(parse);
      if (events.length) {
        channel?.postMessage({ events });
        deliver(events);
      }
    }
  } finally {
    clearTimeout(timer);
    controller.abort();
  }
}

/** @param {string} block @returns {ServerEvent[]} */
function parse(block) {
  let id = "";
  let kind = "";
  let data = "";
  for (const line of block.split("\n")) {
    if (line.startsWith("id: ")) id = line.slice(4);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("data: ")) data = line.slice(6);
  }
  if (kind) return [{ id, kind, data: JSON.parse(data) }];
  // The position of the stream, at its start and in a silence.
  if (id) lastId = id;
  return [];
}

/** @param {ServerEvent[]} events */
function deliver(events) {
  for (const event of events) {
    if (!isNew(event.id, event.kind)) continue;
    lastId = event.id;
    if (event.kind === "dropped") resync();
    else for (const on of listeners) on(event);
  }
}

/** Return whether an event was not delivered yet. @param {string} id @param {string} kind */
function isNew(id, kind) {
  const [epoch, number] = split(id);
  const [lastEpoch, lastNumber] = split(lastId);
  return kind === "dropped" || epoch !== lastEpoch || number > lastNumber;
}

/** @param {string} id @returns {[string, number]} */
function split(id) {
  const place = id.lastIndexOf("-");
  return [id.slice(0, place), Number(id.slice(place + 1))];
}

function resync() {
  for (const on of resyncListeners) on();
}

/** @param {StreamState} now @param {boolean} [isFresh] whether events may be missing */
function announce(now, isFresh = false) {
  channel?.postMessage({ state: now, lastId, token: getToken(), isFresh });
  setState(now);
}

/** @param {StreamState} now */
function setState(now) {
  if (now === state) return;
  state = now;
  for (const on of stateListeners) on(now);
}

/** @param {number} ms @returns {Promise<void>} */
function pause(ms) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
  });
}
