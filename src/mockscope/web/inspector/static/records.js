/** The view Records: the users, groups and dashboards of a site, searched and paged by the server. */

import { at, request } from "./api.js";
import { attempt, button, empty, fill, h, keyed } from "./dom.js";
import { onResync, subscribe } from "./events.js";
import { count, number, time, visible } from "./format.js";
import { bindKeys } from "./keys.js";
import { fillRow, focusRow, moveFocus } from "./list.js";
import { KINDS, recordPane } from "./record.js";
import { href } from "./route.js";

/** @typedef {import("./record.js").Kind} Kind */
/** @typedef {import("./dom.js").Child} Child */
/** @typedef {import("./route.js").Route} Route */
/** @typedef {{title: string, look?: string, cell: (record: any) => Child}} Column `look` is a class */

const TYPING_MS = 120;
const REFRESH_MS = 250;

/** @type {Record<Kind, Column[]>} */
const COLUMNS = {
  user: [
    { title: "Name", cell: (user) => clip(`${user.first_name} ${user.last_name}`) },
    { title: "Groups", look: "optional", cell: (user) => clip(user.groups.join(", ")) },
    { title: "Last login", look: "optional moment", cell: (user) => time(user.last_login_at) },
    { title: "Two-factor", look: "extra short", cell: (user) => (user.tfa_enabled ? "on" : h("span", { class: "dim" }, "off")) },
  ],
  group: [
    { title: "Access", look: "short", cell: (group) => group.access },
    { title: "Members", look: "short number", cell: (group) => number(group.members) },
  ],
  dashboard: [
    { title: "Owner", cell: (board) => (board.owner ? clip(board.owner) : h("span", { class: "dim" }, "nobody")) },
    { title: "Groups", look: "optional", cell: (board) => clip(Object.entries(board.access).map((pair) => pair.join(": ")).join(", ")) },
  ],
};

/** @param {string} text */
function clip(text) {
  return h("span", { class: "foreign clip" }, visible(text));
}

/** @param {Route} route @returns {{kind: Kind, name: string | null}} */
function parseId({ id }) {
  const [word = "", name] = (id ?? "").split(/\/(.*)/s);
  return { kind: Object.hasOwn(KINDS, word) ? /** @type {Kind} */ (word) : "user", name: name || null };
}

/** @type {import("./main.js").View} */
export const view = {
  title: "Records",
  needsSite: true,
  render(context) {
    const site = context.site?.host ?? "";
    let { route } = context;
    let { kind } = parseId(route);
    let loading = new AbortController();

    const tabs = h("nav", { class: "tabs", "aria-label": "Kinds of records" });
    const search = h("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    const filters = h("span", { class: "toolbar" });
    const list = h("div", { class: "records-list" });
    const add = button("Add", () => (pane.add(kind), split.classList.add("open")));
    const close = () => {
      const { kind: of, name } = parseId(route);
      pane.hide();
      split.classList.remove("open");
      if (name === null) return;
      context.go({ view: "records", id: of, query: route.query });
      focusRow(list, name);
    };
    const pane = recordPane(context, site, close);
    const left = h(
      "div",
      { class: "side" },
      h("h2", null, "Records"),
      tabs,
      h("div", { class: "toolbar" }, search, filters, context.isReadOnly ? null : add),
      list,
    );
    const split = h("div", { class: "split" }, left, pane.element);
    context.outlet.append(split);

    const showTabs = async () => {
      const counts = await request(at`sites/${site}`, { signal: context.signal })
        .then((found) => found.counts)
        .catch(() => null);
      keyed(
        tabs,
        Object.entries(KINDS),
        ([name]) => name,
        ([name, words], old) => {
          const link = old ?? h("a", { href: href({ site, view: "records", id: name }) });
          fill(link, words.title, counts && h("span", { class: "dim" }, ` ${number(counts[words.path])}`));
          if (name === kind) link.setAttribute("aria-current", "page");
          else link.removeAttribute("aria-current");
          return link;
        },
      );
    };

    const load = async () => {
      loading.abort();
      loading = new AbortController();
      const signal = AbortSignal.any([loading.signal, context.signal]);
      const { q = "", start = "", group = "", owner = "" } = route.query;
      const of = kind;
      const page = await attempt(() => request(at`sites/${site}/${KINDS[of].path}`, { query: { q, start, group, owner }, signal }));
      if (page && of === kind) showPage(page);
    };

    /** @param {{total: number, items: any[], next: string | null}} page */
    const showPage = (page) => {
      if (page.items.length === 0) {
        fill(list, nothing());
        return;
      }
      const { path, key } = KINDS[kind];
      let table = list.querySelector("table");
      if (table?.dataset.kind !== kind) {
        const columns = [{ title: key === "email" ? "Email" : "Name", look: kind === "group" ? "" : "first" }, ...COLUMNS[kind]];
        table = h(
          "table",
          { "data-kind": kind },
          h("caption", { class: "sr" }, KINDS[kind].title),
          h("thead", null, h("tr", null, ...columns.map(({ title, look }) => h("th", { scope: "col", class: look }, title)))),
          h("tbody"),
        );
        fill(list, table, h("div", { class: "toolbar pages" }));
      }
      const body = table?.tBodies[0];
      if (body) keyed(body, page.items, (record) => record[key], (record, old) => row(record, record[key], old));
      const pages = list.querySelector(".pages");
      if (pages) fill(pages, ...pageLinks(page, path));
      markOpen();
    };

    /** @param {any} record @param {string} name @param {HTMLElement | undefined} old */
    const row = (record, name, old) => {
      const state = JSON.stringify(record);
      if (old && states.get(old) === state) return old;
      const cells = COLUMNS[kind].map((column) => h("td", { class: column.look }, column.cell(record)));
      const element = old ?? h("tr", null, h("th", { scope: "row" }, h("a", { class: "foreign clip" }, visible(name))));
      fillRow(element, cells);
      states.set(element, state);
      return element;
    };
    /** @type {WeakMap<HTMLElement, string>} */
    const states = new WeakMap();

    /** Let the rows lead to their records, and keep the words of the search in the address. */
    const markOpen = () => {
      const { name } = parseId(route);
      for (const element of list.querySelectorAll("tbody tr")) {
        const of = element instanceof HTMLElement ? element.dataset.key : "";
        const link = element.querySelector("a");
        link?.setAttribute("href", href({ site, view: "records", id: `${kind}/${of}`, query: route.query }));
        if (of === name) link?.setAttribute("aria-current", "true");
        else link?.removeAttribute("aria-current");
      }
    };

    /** @param {{total: number, items: any[], next: string | null}} page @param {string} noun @returns {Child[]} */
    const pageLinks = (page, noun) => {
      const { start = "", ...query } = route.query;
      const to = (/** @type {string} */ place) => href({ site, view: "records", id: kind, query: { ...query, start: place } });
      return [
        h("span", { class: "dim", role: "status" }, page.items.length === page.total ? count(page.total, kind) : `${number(page.items.length)} of ${number(page.total)} ${noun}`),
        start ? h("a", { href: to("") }, "First page") : null,
        page.next === null ? null : h("a", { href: to(page.next) }, "Next page"),
      ];
    };

    const nothing = () => {
      const { q = "", start = "", ...others } = route.query;
      if (q || start || Object.keys(others).length) {
        const all = h("a", { href: href({ site, view: "records", id: kind }) }, `Show all ${KINDS[kind].path}`);
        return empty(`No ${kind} matches.`, h("p", null, "The search ignores case, and looks at names, emails and groups. ", all));
      }
      const hint = context.isReadOnly ? null : h("p", null, "Add one above, or let your code create it.");
      return empty(`This site has no ${KINDS[kind].path}.`, hint);
    };

    const showFilters = () => {
      const { group, owner, q = "" } = route.query;
      const words = [group && `in ${group}`, owner && `of ${owner}`].filter((word) => word);
      fill(
        filters,
        ...words.map((word) => h("span", { class: "badge accent foreign clip" }, visible(word ?? ""))),
        words.length ? h("a", { href: href({ site, view: "records", id: kind, query: { q } }) }, "Show all") : null,
      );
      search.setAttribute("aria-label", `Search ${KINDS[kind].path}`);
      search.setAttribute("placeholder", `Search ${KINDS[kind].path}`);
      if (document.activeElement !== search) search.value = q;
      add.textContent = `Add a ${kind}`;
    };

    /** @param {Route} next */
    const update = (next) => {
      route = next;
      const { kind: of, name } = parseId(route);
      kind = of;
      showFilters();
      void showTabs();
      void load();
      if (name === null) pane.hide();
      else pane.show(kind, name);
      split.classList.toggle("open", name !== null);
    };

    let typing = 0;
    search.addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => {
        const { start: _, ...query } = route.query;
        route = { ...route, query: { ...query, q: search.value } };
        context.setQuery(route.query);
        void load();
      }, TYPING_MS);
    });

    let timer = 0;
    const refresh = () => {
      timer = 0;
      void showTabs();
      void load();
      pane.refresh();
    };
    subscribe((event) => {
      const isAbout = event.data.site === site && (event.kind === "records.changed" || event.kind === "site.reset");
      if (isAbout && !timer) timer = setTimeout(refresh, REFRESH_MS);
    }, context.signal);
    onResync(refresh, context.signal);
    context.signal.addEventListener("abort", () => clearTimeout(timer));

    bindKeys(
      {
        "/": ["search", () => search.focus()],
        j: ["next record", () => moveFocus(list, 1)],
        k: ["previous record", () => moveFocus(list, -1)],
        Escape: ["close the record", close],
        ...(context.isReadOnly ? {} : { a: ["add a record", () => add.click()] }),
      },
      context.signal,
    );
    update(route);
    return update;
  },
};
