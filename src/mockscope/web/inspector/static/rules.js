/** The view Rules: what mockscope does and why, and the likely mistakes of its clients. Links to rules and hints end here. */

import { request } from "./api.js";
import { append, attempt, badge, button, empty, fill, h, keyed } from "./dom.js";
import { prose } from "./format.js";
import { bindKeys } from "./keys.js";
import { focusRow, moveFocus } from "./list.js";
import { href } from "./route.js";

/** @typedef {import("./api.js").Rule} Rule */
/** @typedef {import("./api.js").Hint} Hint */
/** @typedef {import("./dom.js").Child} Child */
/** @typedef {{id: string, family: string, summary: string, text: string, rule?: Rule, hint?: Hint}} Row */

/** What the words of a basis mean. @type {Record<string, string>} */
const BASES = {
  stated: "The vendor's page says so.",
  forced: "A public client of the API breaks otherwise.",
  inferred: "The best reading of the page, the product's documentation, or clients of related endpoints.",
  chosen: "There is no evidence, so mockscope picked.",
};
const HINTS = "Hints";

/** @type {Promise<Row[]> | null} They are the same as long as the server runs. */
let rows = null;

async function loadRows() {
  const [{ rules }, { hints }] = await Promise.all([request("rules"), request("hints")]);
  return [
    ...rules.map((/** @type {Rule} */ rule) => ({ ...rule, rule, text: JSON.stringify(rule).toLowerCase() })),
    ...hints.map((/** @type {Hint} */ hint) => ({
      id: hint.code,
      family: HINTS,
      summary: hint.cause,
      hint,
      text: JSON.stringify(hint).toLowerCase(),
    })),
  ];
}

/** A link to a rule or a hint. @param {string | null} site @param {string} id */
export function ruleLink(site, id) {
  return h("a", { href: href({ site, view: "rules", id }), class: "mono" }, id);
}

/** @type {import("./main.js").View} */
export const view = {
  title: "Rules",
  needsSite: false,
  render(context) {
    let { route } = context;
    const site = context.site?.host ?? null;
    const search = h("input", {
      type: "search",
      "aria-label": "Search rules and hints",
      placeholder: "Search rules and hints",
      autocomplete: "off",
      spellcheck: "false",
      class: "grow",
    });
    const found = h("span", { class: "dim", role: "status" });
    const list = h("div", { class: "families" });
    const detail = h("section", { class: "detail", "aria-label": "Rule", tabindex: "-1" });
    const left = h(
      "div",
      { class: "side" },
      h("h2", null, "Rules and hints"),
      h("p", { class: "dim" }, "Nothing here was observed on the real service. Each rule names its basis."),
      h("div", { class: "toolbar" }, search, found),
      list,
    );
    const split = h("div", { class: "split" }, left, detail);
    context.outlet.append(split);

    const close = () => {
      const { id } = route;
      context.go({ site, view: "rules", query: route.query });
      focusRow(list, id ?? "");
    };

    const show = async () => {
      rows ??= loadRows();
      const all = await attempt(() => rows ?? loadRows());
      if (!all || context.signal.aborted) {
        rows = null;
        return;
      }
      const words = (route.query["q"] ?? "").toLowerCase().split(/\s+/);
      const matching = all.filter((row) => words.every((word) => row.text.includes(word)));
      found.textContent = matching.length === all.length ? "" : `${matching.length} of ${all.length}`;
      showList(matching);
      showDetail(all);
    };

    /** @param {Row[]} matching */
    const showList = (matching) => {
      if (matching.length === 0) {
        fill(list, empty("No rule or hint has these words.", h("p", null, "Try one word, such as groups or 409.")));
        return;
      }
      const families = [...new Set(matching.map((row) => row.family))];
      keyed(
        list,
        families,
        (family) => family,
        (family, old) => {
          const element = old ?? h("section", null, h("h3", null, family), h("ul", { class: "rows" }));
          const items = matching.filter((row) => row.family === family);
          const ul = element.querySelector("ul");
          if (ul) keyed(ul, items, (row) => row.id, item);
          return element;
        },
      );
      for (const child of list.querySelectorAll(":scope > :not([data-key])")) child.remove();
    };

    /** @param {Row} row @param {HTMLElement | undefined} old */
    const item = (row, old) => {
      const element =
        old ??
        h("li", null, h("a", null, h("code", null, row.id), h("span", null, prose(row.summary))));
      const link = element.querySelector("a");
      link?.setAttribute("href", href({ site, view: "rules", id: row.id, query: route.query }));
      if (row.id === route.id) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
      return element;
    };

    /** @param {Row[]} all */
    const showDetail = (all) => {
      split.classList.toggle("open", route.id !== null);
      detail.hidden = route.id === null;
      const row = all.find((each) => each.id === route.id);
      fill(
        detail,
        h("div", { class: "head" }, h("h2", { class: "name mono" }, route.id ?? ""), button("×", close, { class: "quiet close", "aria-label": "Close the rule", title: "Close (Esc)" })),
        ...(row?.rule ? aboutRule(row.rule, all) : row?.hint ? aboutHint(row.hint) : [empty("There is no such rule or hint.")]),
      );
      list.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
    };

    /** @param {Rule} rule @param {Row[]} all */
    const aboutRule = (rule, all) => {
      const hints = all.filter((row) => row.hint?.rule === rule.id);
      return [
        h("p", { class: "lead" }, prose(rule.summary)),
        h("p", null, prose(rule.sentence)),
        section("Basis", ...rule.basis.map(({ word, part }) =>
          h("div", { class: "part" }, h("span", { title: BASES[word] ?? "" }, badge(word, word === "chosen" ? "warn" : "accent")), h("p", null, prose(part))))),
        ...(rule.quotations.length
          ? [section("The vendor's page", ...rule.quotations.map(({ section: of, text }) =>
              h("blockquote", null, h("p", null, text), h("footer", { class: "dim" }, of))))]
          : []),
        ...(rule.policy.length ? [section("Policy switches", ...rule.policy.map(policySwitch))] : []),
        ...(hints.length
          ? [section("Hints", h("ul", null, ...hints.map((row) => h("li", null, ruleLink(site, row.id), " ", prose(row.summary)))))]
          : []),
        h("p", null, h("a", { href: href({ site, view: "calls", query: { q: `rule:${rule.id}` } }) }, "Calls that this rule refused")),
      ];
    };

    /** @param {string} name */
    const policySwitch = (name) => {
      const value = context.site?.policy[name];
      return h("p", null, h("code", null, name), value === undefined ? null : [" is ", h("code", null, String(value)), ` on ${context.site?.host}`].flat());
    };

    /** @param {Hint} hint */
    const aboutHint = (hint) => [
      section("Cause", h("p", null, prose(hint.cause))),
      section("Remedy", h("p", null, prose(hint.remedy))),
      ...(hint.rule ? [section("Rule", h("p", null, ruleLink(site, hint.rule)))] : []),
      h("p", null, h("a", { href: href({ site, view: "calls", query: { q: `hint:${hint.code}` } }) }, "Calls with this hint")),
    ];

    search.value = route.query["q"] ?? "";
    search.addEventListener("input", () => {
      route = { ...route, query: search.value ? { q: search.value } : {} };
      context.setQuery(route.query);
      void show();
    });
    bindKeys(
      {
        "/": ["search", () => search.focus()],
        j: ["next rule", () => moveFocus(list, 1)],
        k: ["previous rule", () => moveFocus(list, -1)],
        Escape: ["close the rule", close],
      },
      context.signal,
    );
    void show();
    return (next) => {
      route = next;
      if (document.activeElement !== search) search.value = route.query["q"] ?? "";
      void show();
    };
  },
};

/** @param {string} title @param {...Child} children */
function section(title, ...children) {
  const element = h("section", null, h("h3", null, title));
  append(element, children);
  return element;
}
