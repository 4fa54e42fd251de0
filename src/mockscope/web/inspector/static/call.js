/** One call: why it ended as it did, what it changed, the request and the response. */

import { at, ofSite, request, serverURL } from "./api.js";
import { changes } from "./call_changes.js";
import { statusWord } from "./call_row.js";
import { attempt, badge, button, copy, empty, fill, h, toast } from "./dom.js";
import { subscribe } from "./events.js";
import { milliseconds, plain, pretty, prose, time, visible } from "./format.js";
import { bindKeys } from "./keys.js";
import { href } from "./route.js";

/** @typedef {import("./api.js").Call} Call */
/** @typedef {import("./api.js").Rule} Rule */
/** @typedef {import("./api.js").Site} Site */

/**
 * @typedef {object} Place
 * @property {HTMLElement} outlet
 * @property {Site | null} site
 * @property {string} id
 * @property {AbortSignal} signal
 * @property {boolean} isReadOnly
 * @property {() => void} close
 * @property {import("./main.js").Context["go"]} go
 * @property {Record<string, string>} query
 */

const COPIES = { curl: "curl", httpx: "httpx", pytest: "pytest" };
const REPLAY_KEYS = { site: "on the site", fork: "on a fork" };

/** @type {Promise<Map<string, Rule>> | null} */
let rules = null;

/** Show a call, and show it again when its response is complete. @param {Place} place */
export function showCall(place) {
  const { signal, id, site, isReadOnly } = place;
  const host = site?.host ?? null;
  bindKeys(
    {
      c: ["copy the call as curl", () => void copyAs(place, "curl")],
      ...(site && !isReadOnly ? { r: ["replay the call on the site", () => void replay(place, "site")] } : {}),
    },
    signal,
  );
  subscribe(({ kind, data }) => {
    if (kind === "call.completed" && data.call.id === id) void render(place, data.call);
  }, signal);
  void load(place, host);
}

/** @param {Place} place @param {string | null} host */
async function load(place, host) {
  const { outlet, id, signal } = place;
  try {
    await render(place, await request(ofSite(host, at`calls/${id}`), { signal }));
  } catch (error) {
    if (signal.aborted) return;
    const reason = error instanceof Error ? error.message : String(error);
    fill(
      outlet,
      h("div", { class: "head" }, h("h2", null, "No such call"), closeButton(place)),
      empty(
        reason,
        h(
          "p",
          null,
          "Calls are gone when they are cleared, when the site is reset, and when newer ones need the room.",
        ),
      ),
    );
  }
}

/** @param {Place} place @param {Call} call */
async function render(place, call) {
  const known = await loadRules();
  if (place.signal.aborted) return;
  fill(
    place.outlet,
    head(place, call),
    actions(place, call),
    why(place, call, known),
    changes(place.site, call),
    fault(place, call),
    message("Request", call.headers, call.body, call.body_base64, call.body_cut, requestLine(call)),
    message(
      "Response",
      call.response_headers,
      call.response,
      call.response_base64,
      call.response_cut,
      responseLine(call),
    ),
  );
}

/** @returns {Promise<Map<string, Rule>>} */
function loadRules() {
  rules ??= request("rules").then(
    ({ rules: found }) => new Map(found.map((/** @type {Rule} */ rule) => [rule.id, rule])),
    () => {
      rules = null;
      return new Map();
    },
  );
  return rules;
}

/** @param {Place} place @param {Call} call */
function head(place, call) {
  const about = call.email ?? call.group;
  return h(
    "div",
    { class: "head" },
    h(
      "div",
      null,
      h("h2", null, call.operation ?? call.method, " ", h("span", { class: tone(call) }, statusWord(call))),
      h("p", { class: "foreign" }, about ? visible(about) : `${call.method} ${visible(call.path)}`),
      h(
        "p",
        { class: "dim facts" },
        time(call.time),
        call.duration_ms === null ? null : ` · ${milliseconds(call.duration_ms)} ms`,
        " · ",
        h("span", { class: "mono" }, call.id),
        call.test_mode ? [" · ", badge("test mode")] : null,
      ),
    ),
    closeButton(place),
  );
}

/** @param {Place} place */
function closeButton({ close }) {
  return button("×", close, { class: "quiet close", "aria-label": "Close the call", title: "Close (Esc)" });
}

/** @param {Call} call */
function tone(call) {
  if (call.duration_ms === null) return "dim";
  const status = call.status ?? 599;
  return status >= 500 ? "bad" : status >= 400 ? "warn" : "good";
}

/** @param {Place} place @param {Call} call */
function actions(place, call) {
  // A test begins with the records before the call, which a report does not have.
  const forms = Object.entries(COPIES).filter(([form]) => !(place.isReadOnly && form === "pytest"));
  const copies = forms.map(([form, name]) => button(name, () => void copyAs(place, form)));
  const replays = Object.entries(REPLAY_KEYS).map(([on, words]) => button(words, () => void replay(place, on)));
  const canReplay = place.site && !place.isReadOnly && call.duration_ms !== null;
  return h(
    "div",
    { class: "toolbar actions" },
    h("span", { class: "group", role: "group", "aria-label": "Copy" }, h("span", { class: "dim" }, "Copy"), ...copies),
    canReplay
      ? h(
          "span",
          { class: "group", role: "group", "aria-label": "Replay" },
          h("span", { class: "dim" }, "Replay"),
          ...replays,
        )
      : null,
  );
}

/** @param {Place} place @param {string} form */
async function copyAs({ site, id, isReadOnly }, form) {
  const path = ofSite(site?.host ?? null, at`calls/${id}/copy`);
  // The key of the site is in the copy only, not in the page. A report has no key, and its server answers no request.
  const live = isReadOnly ? {} : { include_key: true, url: serverURL };
  const found = await attempt(() => request(path, { query: { format: form, ...live } }));
  if (found) await copy(found.text);
}

/** @param {Place} place @param {string} on */
async function replay({ site, id, go, query }, on) {
  if (!site) return;
  const found = await attempt(() =>
    request(at`sites/${site.host}/calls/${id}/replay`, { method: "POST", body: { on } }),
  );
  if (!found) return;
  toast(on === "fork" ? `Replayed on the new site ${found.host}.` : "Replayed.");
  go({ site: found.host, id: found.call.id, query: found.host === site.host ? query : {} });
}

/** @param {Place} place @param {Call} call @param {Map<string, Rule>} known */
function why({ site }, call, known) {
  const host = site?.host ?? null;
  const hints = [call.hint, ...call.hints].filter((hint) => hint !== null);
  const rule = call.rule === null ? undefined : known.get(call.rule);
  if (!hints.length && !call.rule) return null;
  return h(
    "section",
    null,
    h("h3", null, "Why"),
    hints.map((hint) =>
      h(
        "div",
        { class: "hint" },
        h("p", { class: "foreign" }, prose(hint.cause)),
        h("p", { class: "foreign remedy" }, prose(hint.remedy)),
        h(
          "p",
          { class: "dim" },
          "Hint ",
          h("a", { href: href({ site: host, view: "rules", id: hint.code }) }, hint.code),
          hint.rule
            ? [" · by rule ", h("a", { href: href({ site: host, view: "rules", id: hint.rule }) }, hint.rule)]
            : null,
        ),
      ),
    ),
    call.rule === null
      ? null
      : h(
          "div",
          { class: "rule" },
          rule ? h("p", null, h("strong", null, prose(rule.summary))) : null,
          rule ? h("p", null, prose(rule.sentence)) : null,
          h(
            "p",
            { class: "dim" },
            "Rule ",
            h("a", { href: href({ site: host, view: "rules", id: call.rule }) }, call.rule),
          ),
          rule
            ? h(
                "ul",
                { class: "basis" },
                ...rule.basis.map(({ word, part }) => h("li", null, badge(word), " ", h("span", null, prose(part)))),
              )
            : null,
          quotations(rule),
        ),
  );
}

/** The words of the vendor's page, by its sections. @param {Rule | undefined} rule */
function quotations(rule) {
  /** @type {Map<string, string[]>} */
  const sections = new Map();
  for (const { section, text } of rule?.quotations ?? [])
    sections.set(section, [...(sections.get(section) ?? []), text]);
  return [...sections].map(([section, texts]) =>
    h(
      "figure",
      null,
      h("figcaption", { class: "dim" }, `The vendor’s page, ${section}:`),
      h("blockquote", null, ...texts.map((text) => h("p", null, text))),
    ),
  );
}

/** @param {Place} place @param {Call} call */
function fault({ site, signal }, call) {
  if (call.fault === null) return null;
  const host = site?.host ?? null;
  const words = h("p", { class: "dim" });
  const section = h(
    "section",
    null,
    h("h3", null, "The fault that hit"),
    h("p", null, h("a", { href: href({ site: host, view: "faults", id: call.fault }) }, call.fault)),
    words,
  );
  request(ofSite(host, at`faults/${call.fault}`), { signal }).then(
    (found) => fill(words, describe(found)),
    () => fill(words, "It was removed since."),
  );
  return section;
}

/** Return the fields of a fault that are set. @param {Record<string, unknown>} fault */
function describe(fault) {
  const isSet = (/** @type {unknown} */ value) =>
    ![null, false, 0, ""].includes(/** @type {any} */ (value)) && JSON.stringify(value) !== "{}";
  return Object.entries(fault)
    .filter(([name, value]) => name !== "id" && isSet(value))
    .map(([name, value]) => `${name} ${visible(plain(value))}`)
    .join(" · ");
}

/** @param {Call} call */
function requestLine(call) {
  return `${call.method} ${visible(call.path)}${call.query ? `?${visible(call.query)}` : ""}`;
}

/** @param {Call} call */
function responseLine(call) {
  return call.status === null ? statusWord(call) : `HTTP ${call.status}`;
}

/**
 * @param {string} title
 * @param {[string, string][]} headers
 * @param {string | null | undefined} body
 * @param {string | undefined} base64
 * @param {boolean} isCut
 * @param {string} line
 */
function message(title, headers, body, base64, isCut, line) {
  return h(
    "section",
    null,
    h("h3", null, title),
    h("p", { class: "mono foreign" }, line),
    headers.length
      ? h(
          "details",
          null,
          h("summary", null, `${headers.length} headers`),
          h(
            "dl",
            { class: "pairs mono" },
            ...headers.flatMap(([name, value]) => [
              h("dt", null, visible(name)),
              h("dd", { class: "foreign" }, visible(value)),
            ]),
          ),
        )
      : null,
    base64 === undefined ? null : h("p", { class: "dim" }, "The body is not UTF-8. It is shown in base64."),
    body || base64
      ? h(
          "pre",
          { class: "body", tabindex: 0, role: "region", "aria-label": `Body of the ${title.toLowerCase()}` },
          visible(base64 ?? pretty(body ?? "")),
        )
      : null,
    isCut ? h("p", { class: "dim" }, "The body was longer than what is kept.") : null,
  );
}
