/** The view Faults: what is planned on a site, and what came of it. */

import { at, isReport, request } from "./api.js";
import { attempt, badge, button, confirmButton, empty, fill, h, keyed, snippet, toast } from "./dom.js";
import { onResync, subscribe } from "./events.js";
import { planForms } from "./fault_forms.js";
import { number, time, visible } from "./format.js";
import { bindKeys } from "./keys.js";
import { fillRow, focusRow, moveFocus } from "./list.js";
import { href } from "./route.js";

/** @typedef {import("./dom.js").Child} Child */
/** @typedef {Record<string, any> & {id: string, hits: number}} Planned a fault, a rate limit or a change, as the API shows it */

const REFRESH_MS = 100;
const NEW = "new";
// The parts of a planned fault that say what came of it.
const RESULTS = ["id", "hits", "seen", "left", "refused"];

/** @param {Planned} each */
function isChange(each) {
  return "do" in each;
}

/** The effect, in words. @param {Planned} each @returns {string} */
export function effect(each) {
  if ("calls" in each) return `${number(each.calls)} calls in ${number(each.per)} s, then 429`;
  if (isChange(each)) return [each.do.replace("_", " "), each.email ?? each.name ?? ""].join(" ").trim();
  const parts = [
    each.delay && `after ${delay(each.delay)}`,
    each.status && `status ${each.status}`,
    each.transport && each.transport.replace("_", " "),
    each.action && "an action in Python",
    each.after_commit && "after the commit",
  ];
  return parts.filter((part) => part).join(", ");
}

/** @param {any} value seconds, or a distribution @returns {string} */
function delay(value) {
  if (typeof value === "number") return `${number(value)} s`;
  const { uniform, lognormal } = value;
  return uniform ? `${number(uniform.low)} to ${number(uniform.high)} s` : `about ${number(lognormal.median)} s`;
}

/** The calls that it is for, or the moment of a change. @param {Planned} each @returns {Child[]} */
function occasion(each) {
  if (isChange(each)) {
    if (each.at) return ["at ", time(each.at)];
    return [`before call ${each.before.call} of ${operation(each.before.operation)}`];
  }
  const parts = [operation(each.operation)];
  if (each.nth) parts.push(`from call ${each.nth} on`);
  if (each.probability) parts.push(`${number(each.probability * 100)} % of the calls`);
  if (each.where && Object.keys(each.where).length) parts.push(`where ${typeof each.where === "string" ? each.where : JSON.stringify(each.where)}`);
  return [visible(parts.join(", "))];
}

/** @param {string} name */
function operation(name) {
  return name === "*" ? "any operation" : name;
}

/** What came of it. @param {Planned} each */
function state(each) {
  if (each.refused) return badge("refused", "bad");
  if (isChange(each)) return each.hits ? badge("made", "good") : never();
  if (each.left === 0) return badge("used up", "good");
  return each.hits ? badge("hit", "accent") : never();
}

function never() {
  return isReport ? badge("never came", "bad") : badge("has not come");
}

/** @type {import("./main.js").View} */
export const view = {
  title: "Faults",
  needsSite: true,
  render(context) {
    const site = context.site?.host ?? "";
    const { signal, isReadOnly } = context;
    let { route } = context;
    /** @type {Planned[]} */
    let planned = [];

    const list = h("div", { class: "stack" });
    const detail = h("section", { class: "detail", "aria-label": "Planned fault" });
    const clear = confirmButton("Remove all", "Really remove all?", () => void removeAll(), { class: "danger" });
    const add = h("a", { class: "button", href: href({ site, view: "faults", id: NEW }) }, "Plan a fault");
    const split = h(
      "div",
      { class: "split" },
      h("div", { class: "side" }, h("div", { class: "toolbar" }, h("h2", { class: "grow" }, "Faults"), ...(isReadOnly ? [] : [add, clear])), list),
      detail,
    );
    context.outlet.append(split);

    const load = async () => {
      const found = await attempt(() => request(at`sites/${site}/faults`, { signal }));
      if (!found) return;
      planned = found.faults;
      showList();
      if (route.id !== NEW) showDetail();
    };

    const showList = () => {
      clear.hidden = planned.length === 0;
      const faults = planned.filter((each) => !isChange(each));
      const changes = planned.filter(isChange);
      if (planned.length === 0) fill(list, nothing());
      else {
        for (const child of [...list.children]) if (!child.matches("section")) child.remove();
        keyed(
          list,
          [
            { name: "Faults and rate limits", items: faults },
            { name: "Changes by other clients", items: changes },
          ].filter(({ items }) => items.length),
          ({ name }) => name,
          ({ name, items }, old) => table(name, items, old),
        );
      }
    };

    const nothing = () =>
      empty(
        "No fault is planned.",
        h("p", null, "A planned fault answers your code with another status, late, with a broken connection, or after a limit. A change by another client removes a user under its hands."),
        isReadOnly ? null : h("p", null, "Plan one above, or in a test:"),
        isReadOnly ? null : snippet('mockscope.faults.add("create_user", status=503)', "In a test"),
      );

    /** @param {string} name @param {Planned[]} items @param {HTMLElement | undefined} old */
    const table = (name, items, old) => {
      const titles = ["Id", "What", "When", "Hits", "Left", "State"];
      const element =
        old ??
        h(
          "section",
          { class: "stack" },
          h("h3", null, name),
          h(
            "table",
            null,
            h("caption", { class: "sr" }, name),
            h("thead", null, h("tr", null, ...titles.map((text) => h("th", { scope: "col", class: columnClass(text) }, text)))),
            h("tbody"),
          ),
        );
      const body = element.querySelector("tbody");
      if (body) keyed(body, items, (each) => each.id, row);
      return element;
    };

    /** @param {string} title */
    const columnClass = (title) => ({ Id: "id", When: "optional", Hits: "figure", Left: "figure optional", State: "state" })[title];

    /** @param {Planned} each @param {HTMLElement | undefined} old */
    const row = (each, old) => {
      const element = old ?? h("tr", null, h("th", { scope: "row" }, h("a", { class: "mono", href: href({ site, view: "faults", id: each.id }) }, each.id)));
      const left = each.left === undefined ? "" : each.left === null ? "all" : number(each.left);
      fillRow(element, [
        h("td", null, h("span", { class: "foreign clip" }, visible(effect(each)))),
        h("td", { class: "optional" }, h("span", { class: "foreign clip" }, ...occasion(each))),
        h("td", { class: "figure" }, number(each.hits)),
        h("td", { class: "figure optional" }, left),
        h("td", { class: "state" }, state(each)),
      ]);
      const link = element.querySelector("a");
      if (each.id === route.id) link?.setAttribute("aria-current", "true");
      else link?.removeAttribute("aria-current");
      return element;
    };

    const close = () => {
      const { id } = route;
      context.go({ view: "faults" });
      focusRow(list, id ?? "");
    };

    const showDetail = () => {
      split.classList.toggle("open", route.id !== null);
      detail.hidden = route.id === null;
      if (route.id === null) return;
      if (route.id === NEW && !isReadOnly) {
        fill(detail, head("Plan a fault"), planForms(context, site, (made) => context.go({ view: "faults", id: made.id })));
        detail.querySelector("select")?.focus();
        return;
      }
      const each = planned.find(({ id }) => id === route.id);
      if (!each) fill(detail, head(route.id), empty("It is not planned any more."));
      else fill(detail, head(each.id, isReadOnly ? null : button("Remove", () => void remove(each), { class: "danger" })), ...about(each));
    };

    /** @param {string} title @param {...Child} controls */
    const head = (title, ...controls) =>
      h("div", { class: "head" }, h("h2", { class: "name" }, title), h("div", { class: "toolbar" }, ...controls, button("×", close, { class: "quiet close", "aria-label": "Close the fault", title: "Close (Esc)" })));

    /** @param {Planned} each */
    const about = (each) => {
      const terms = [
        ["What", visible(effect(each))],
        ["When", h("span", null, ...occasion(each))],
        ["Hits", number(each.hits)],
        ["Left", each.left === undefined ? null : each.left === null ? "every call" : number(each.left)],
        ["State", state(each)],
        ["Refused", each.refused && visible(each.refused)],
      ];
      return [
        h("dl", { class: "pairs" }, ...terms.filter(([, value]) => value).flatMap(([term, value]) => [h("dt", null, term), h("dd", { class: "foreign" }, h("div", { class: "clip" }, value))])),
        each.hits ? h("p", null, h("a", { href: href({ site, view: "calls", query: { q: `fault:${each.id}` } }) }, "The calls that it hit")) : null,
        h("section", null, h("h3", null, "As JSON, for a seed or a marker"), snippet(JSON.stringify(plan(each), null, 1), "The fault as JSON")),
      ].filter((child) => child !== null);
    };

    /** @param {Planned} each */
    const plan = (each) =>
      Object.fromEntries(Object.entries(each).filter(([name, value]) => !RESULTS.includes(name) && !isDefault(name, value)));

    /** @param {Planned[]} removed */
    const restore = (removed) =>
      attempt(async () => {
        for (const each of removed) {
          const sent = Object.entries(each).filter(([name]) => !RESULTS.includes(name));
          await request(at`sites/${site}/faults`, { method: "POST", body: Object.fromEntries(sent.filter(([, value]) => value !== null || !isChange(each))) });
        }
      });
    /** @param {Planned} each */
    const remove = (each) =>
      attempt(async () => {
        await request(at`sites/${site}/faults/${each.id}`, { method: "DELETE" });
        toast(`Removed ${each.id}.`, { undo: () => void restore([each]) });
        close();
      });
    const removeAll = () =>
      attempt(async () => {
        const removed = planned;
        await request(at`sites/${site}/faults`, { method: "DELETE" });
        toast("Removed all.", { undo: () => void restore(removed) });
        close();
      });

    let timer = 0;
    subscribe(({ kind, data }) => {
      if (data.site !== site || timer || !(kind.startsWith("fault.") || kind === "site.reset")) return;
      timer = setTimeout(() => ((timer = 0), void load()), REFRESH_MS);
    }, signal);
    signal.addEventListener("abort", () => clearTimeout(timer));
    onResync(() => void load(), signal);
    bindKeys(
      {
        j: ["next fault", () => moveFocus(list, 1)],
        k: ["previous fault", () => moveFocus(list, -1)],
        Escape: ["close the fault", close],
        ...(isReadOnly ? {} : { a: ["plan a fault", () => context.go({ view: "faults", id: NEW })] }),
      },
      signal,
    );
    showDetail();
    void load();
    return (next) => {
      const isOther = next.id !== route.id;
      route = next;
      showList();
      if (isOther) showDetail();
    };
  },
};

/** @param {string} name @param {unknown} value */
function isDefault(name, value) {
  if (value === null) return name !== "times";
  if (typeof value === "object") return Object.keys(value).length === 0;
  return value === false || value === 0 || (name === "times" && value === 1) || (name === "operation" && value === "*");
}
