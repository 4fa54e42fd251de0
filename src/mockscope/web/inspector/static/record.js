/** One record of a site: what it is, what it is connected to, and the forms that add and change it. */

import { at, Problem, request } from "./api.js";
import { append, attempt, button, confirmButton, empty, fill, h, toast } from "./dom.js";
import { count, time, visible } from "./format.js";
import { addSuggestions, form, namesField, plainField } from "./forms.js";
import { ACCESS } from "./operations.js";
import { href } from "./route.js";

/** @typedef {import("./main.js").Context} Context */
/** @typedef {import("./dom.js").Child} Child */
/** @typedef {"user" | "group" | "dashboard"} Kind */

/** @typedef {{path: string, title: string, key: "email" | "name"}} KindWords */

/** @type {Record<Kind, KindWords>} */
export const KINDS = {
  user: { path: "users", title: "Users", key: "email" },
  group: { path: "groups", title: "Groups", key: "name" },
  dashboard: { path: "dashboards", title: "Dashboards", key: "name" },
};

const MEMBERS_SHOWN = 10;

/** The address of a record. @param {string} site @param {Kind} kind @param {string} name */
export function recordHref(site, kind, name) {
  return href({ site, view: "records", id: `${kind}/${name}` });
}

/** @param {string} site @param {Kind} kind @param {string} name */
export function recordLink(site, kind, name) {
  return h("a", { class: "foreign clip", href: recordHref(site, kind, name) }, visible(name));
}

/** Return a function that finds names of records that contain a text. @param {string} site @param {Kind} kind */
export function suggestRecords(site, kind) {
  const { path, key } = KINDS[kind];
  return async (/** @type {string} */ q) => {
    const page = await request(at`sites/${site}/${path}`, { query: { q, limit: 10 } });
    return page.items.map((/** @type {any} */ each) => String(each[key]));
  };
}

/**
 * The pane of one record.
 *
 * @param {Context} context
 * @param {string} site
 * @param {() => void} close
 */
export function recordPane(context, site, close) {
  const element = h("section", { class: "detail", "aria-label": "Record", hidden: true });
  /** @type {{kind: Kind, name: string | null} | null} null as name is a new record */
  let shown = null;
  let isEditing = false;

  /** @param {Kind} kind @param {string} name */
  const load = async (kind, name) => {
    const about = shown;
    try {
      const { path } = KINDS[kind];
      const record = await request(at`sites/${site}/${path}/${name}`, { signal: context.signal });
      const facts = await FACTS[kind](site, record);
      if (shown === about && !isEditing) showFacts(kind, name, record, facts);
    } catch (error) {
      if (!(error instanceof Problem) || shown !== about || isEditing) return;
      fill(element, head(`There is no ${kind} of this name`), empty(error.message));
    }
  };

  /** @param {Child} title @param {...Child} controls */
  const head = (title, ...controls) =>
    h(
      "div",
      { class: "head" },
      h("h2", { class: "foreign name", tabindex: "-1" }, title),
      h("div", { class: "toolbar" }, ...controls, button("×", close, { class: "quiet close", "aria-label": "Close the record", title: "Close (Esc)" })),
    );

  /** @param {Kind} kind @param {string} name @param {any} record @param {Child[]} facts */
  const showFacts = (kind, name, record, facts) => {
    const { path, key } = KINDS[kind];
    const remove = () =>
      attempt(async () => {
        await request(at`sites/${site}/${path}/${name}`, { method: "DELETE" });
        toast(`Removed ${short(name)}.`);
        close();
      });
    const hadFocus = element.contains(document.activeElement);
    const controls = context.isReadOnly
      ? []
      : [
          button("Edit", () => edit(kind, record)),
          confirmButton("Remove", `Really remove this ${kind}?`, () => void remove(), { class: "danger" }),
        ];
    fill(element, head(visible(record[key]), ...controls), ...facts, kind === "user" && !context.isReadOnly && logins(site, name));
    if (hadFocus) element.querySelector("h2")?.focus();
  };

  /** @param {Kind} kind @param {any} record */
  const edit = (kind, record) => {
    isEditing = true;
    const { path, key } = KINDS[kind];
    const leave = () => {
      isEditing = false;
      void load(kind, record[key]).then(() => element.querySelector("h2")?.focus());
    };
    const fields = FIELDS[kind](site, record);
    const save = async (/** @type {Record<string, unknown>} */ values) => {
      const body = changedValues(values, record);
      const saved = await request(at`sites/${site}/${path}/${record[key]}`, { method: "PATCH", body });
      isEditing = false;
      toast("Saved.");
      if (saved[key] === record[key]) leave();
      else context.go({ view: "records", id: `${kind}/${saved[key]}` });
    };
    fill(
      element,
      h("div", { class: "head" }, h("h2", { class: "foreign name" }, visible(record[key]))),
      form({ fields, submit: "Save", action: save, aliases: ALIASES[kind], cancel: leave, label: `Change the ${kind}` }),
    );
    fields[0]?.input.focus();
  };

  return {
    element,
    /** Show a record. @param {Kind} kind @param {string} name */
    show: (kind, name) => {
      shown = { kind, name };
      isEditing = false;
      element.hidden = false;
      void load(kind, name);
    },
    /** Show the form of a new record. @param {Kind} kind */
    add: (kind) => {
      const { path, key } = KINDS[kind];
      shown = { kind, name: null };
      isEditing = true;
      element.hidden = false;
      const fields = FIELDS[kind](site, null);
      const save = async (/** @type {Record<string, unknown>} */ body) => {
        const made = await request(at`sites/${site}/${path}`, { method: "POST", body });
        toast(`Added ${short(made[key])}.`);
        isEditing = false;
        context.go({ view: "records", id: `${kind}/${made[key]}` });
      };
      fill(
        element,
        h("div", { class: "head" }, h("h2", { class: "name" }, `New ${kind}`)),
        form({ fields, submit: `Add the ${kind}`, action: save, aliases: ALIASES[kind], cancel: close, label: `New ${kind}` }),
      );
      fields[0]?.input.focus();
    },
    hide: () => {
      shown = null;
      isEditing = false;
      element.hidden = true;
      fill(element);
    },
    /** Load the record anew, unless it is being edited. */
    refresh: () => {
      if (shown?.name && !isEditing) void load(shown.kind, shown.name);
    },
  };
}

/** @param {string} text */
function short(text) {
  text = visible(text);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** @param {Record<string, unknown>} values @param {any} record */
function changedValues(values, record) {
  /** @type {Record<string, unknown>} */
  const changed = {};
  for (const [name, value] of Object.entries(values)) {
    const sent = value ?? (name === "owner" ? null : "");
    if (JSON.stringify(sent) !== JSON.stringify(record[name])) changed[name] = sent;
  }
  return changed;
}

/** @param {string} site @param {string} email */
function logins(site, email) {
  const record = (/** @type {string} */ event) => () =>
    void attempt(async () => {
      await request(at`sites/${site}/${event}`, { method: "POST", body: { email } });
      toast("Recorded, at the time of the site's clock.");
    });
  return h(
    "div",
    { class: "toolbar" },
    button("Record a login", record("record-login")),
    button("Record a password change", record("record-password-change")),
  );
}

/** @param {...[string, Child | Child[]]} rows */
function pairs(...rows) {
  const list = h("dl", { class: "pairs" });
  for (const [term, value] of rows) {
    const description = h("dd");
    append(description, [value].flat());
    list.append(h("dt", null, term), description);
  }
  return list;
}

/** @param {Child[]} items @param {string} none */
function listOf(items, none) {
  if (!items.length) return h("span", { class: "dim" }, none);
  return h("ul", { class: "links" }, ...items.map((item) => h("li", null, item)));
}

/** @param {string} site @param {"users" | "dashboards"} path @param {Record<string, string>} query */
async function related(site, path, query) {
  return request(at`sites/${site}/${path}`, { query: { ...query, limit: MEMBERS_SHOWN } });
}

/** @param {string} site @param {Kind} kind @param {Record<string, string>} query @param {any} page @param {Child[]} items */
function shortList(site, kind, query, page, items) {
  const all = href({ site, view: "records", id: kind, query });
  const rest = page.next === null ? null : h("a", { href: all }, `All ${count(page.total, kind)}`);
  return listOf(rest ? [...items, rest] : items, "none");
}

/** @type {Record<Kind, (site: string, record: any) => Promise<Child[]>>} */
const FACTS = {
  user: async (site, user) => {
    const owned = await related(site, "dashboards", { owner: user.email });
    const boards = owned.items.map((/** @type {any} */ each) => recordLink(site, "dashboard", each.name));
    return [
      pairs(
        ["Name", h("span", { class: "foreign clip" }, visible(`${user.first_name} ${user.last_name}`))],
        ["Groups", listOf(user.groups.map((/** @type {string} */ each) => recordLink(site, "group", each)), "none")],
        ["Dashboards", shortList(site, "dashboard", { owner: user.email }, owned, boards)],
        ["Last login", time(user.last_login_at)],
        ["Password changed", time(user.password_updated_at)],
        ["Two-factor", user.tfa_enabled ? "on" : "off"],
      ),
    ];
  },
  group: async (site, group) => {
    /** @type {string} */
    const name = group.name;
    const query = { group: name };
    const [members, shared] = await Promise.all([related(site, "users", query), related(site, "dashboards", query)]);
    const people = members.items.map((/** @type {any} */ each) => recordLink(site, "user", each.email));
    const boards = shared.items.map((/** @type {any} */ each) =>
      h("span", null, recordLink(site, "dashboard", each.name), h("span", { class: "dim" }, ` ${each.access[name]}`)),
    );
    return [
      pairs(
        ["Access", group.access],
        ["Members may", permissions(group)],
        ["Dashboards", shortList(site, "dashboard", query, shared, boards)],
        [`Members (${members.total})`, shortList(site, "user", query, members, people)],
      ),
    ];
  },
  dashboard: async (site, board) => {
    const groups = Object.entries(board.access).map(([group, word]) =>
      h("span", null, recordLink(site, "group", group), h("span", { class: "dim" }, ` ${word}`)),
    );
    return [
      pairs(
        ["Owner", board.owner ? recordLink(site, "user", board.owner) : h("span", { class: "dim" }, "nobody")],
        ["Groups", listOf(groups, "none")],
      ),
    ];
  },
};

/** @param {{can_edit: boolean, can_drag_and_drop: boolean}} group */
function permissions(group) {
  const words = [group.can_edit && "edit with SQL", group.can_drag_and_drop && "drag and drop", "view"];
  return words.filter((word) => word).join(", ");
}

/** @type {Record<Kind, [string, string][]>} */
const ALIASES = { user: [["group", "groups"]], group: [], dashboard: [["group", "access"]] };

/** @type {Record<Kind, (site: string, record: any) => import("./forms.js").FormField[]>} the record is null for a new one */
const FIELDS = {
  user: (site, user) => {
    const moment = { attributes: { placeholder: "2014-02-06T23:46:07.118Z" }, hint: "ISO 8601 with an offset. Empty: never." };
    return [
      ...(user ? [] : [plainField({ name: "email", label: "Email", type: "email" })]),
      plainField({ name: "first_name", label: "First name", value: user?.first_name ?? "" }),
      plainField({ name: "last_name", label: "Last name", value: user?.last_name ?? "" }),
      namesField({
        name: "groups",
        label: "Groups",
        noun: "group",
        hint: user ? "No group means All Users." : "",
        suggest: suggestRecords(site, "group"),
        value: user?.groups ?? ["All Users"],
      }),
      plainField({ name: "tfa_enabled", label: "Two-factor authentication", type: "checkbox", value: user?.tfa_enabled ?? false }),
      ...(user
        ? []
        : [
            plainField({ name: "last_login_at", label: "Last login", ...moment }),
            plainField({ name: "password_updated_at", label: "Password changed", ...moment }),
          ]),
    ];
  },
  group: (_site, group) => [
    plainField({ name: "name", label: "Name", value: group?.name ?? "" }),
    plainField({ name: "access", label: "Access", options: ACCESS, value: group?.access ?? "View" }),
  ],
  dashboard: (site, board) => {
    const owner = plainField({ name: "owner", label: "Owner", hint: "The email of a user. Empty: nobody.", value: board?.owner ?? "" });
    addSuggestions(owner.input, suggestRecords(site, "user"));
    return [
      plainField({ name: "name", label: "Name", value: board?.name ?? "" }),
      owner,
      namesField({
        name: "access",
        label: "Access of groups",
        noun: "group",
        suggest: suggestRecords(site, "group"),
        value: board?.access ?? {},
        words: ["View", "Edit"],
      }),
    ];
  },
};
