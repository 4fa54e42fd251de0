/** The snapshots of a site, what changed since one of them, and the way back. */

import { at, Problem, request } from "./api.js";
import { showChanges } from "./changes.js";
import { attempt, button, empty, fill, h, keyed, toast } from "./dom.js";
import { number, time, visible } from "./format.js";
import { form, plainField } from "./forms.js";
import { href } from "./route.js";

/** @typedef {{name: string, time: string, counts: {users: number, groups: number, dashboards: number}}} Snapshot */

/**
 * The sections about the snapshots of a site, and a function that loads them anew.
 *
 * @param {import("./main.js").Context} context
 * @param {string} site
 * @param {string | null} since the snapshot to compare with; null is the first state
 */
export function snapshotSections(context, site, since) {
  const { signal, isReadOnly } = context;
  const list = h("div");
  const difference = h("div", { class: "stack" });
  const title = h("h3", null, "");

  const load = async () => {
    const found = await attempt(() => request(at`sites/${site}/snapshots`, { signal }));
    if (found) showList(found.snapshots);
    await compare();
  };
  const compare = async () => {
    fill(title, "Changed since ", since === null ? "the first state" : h("span", { class: "foreign clip" }, `“${visible(since)}”`));
    const query = since === null ? {} : { since };
    try {
      const { changes } = await request(at`sites/${site}/changes`, { query, signal });
      if (changes.length) showChanges(difference, site, changes);
      else fill(difference, h("p", { class: "dim" }, "Nothing: the records are as they were."));
    } catch (error) {
      if (error instanceof Problem) fill(difference, h("p", { class: "bad" }, error.message));
    }
  };
  /** @param {string} name @param {string} action @param {"POST" | "PUT" | "DELETE"} method */
  const act = (name, action, method) => request(at`sites/${site}/snapshots/${name}` + action, { method });
  /** Restore a snapshot, with a snapshot of now for the way back. @param {string} name */
  const restore = async (name) => {
    const before = [...`before restoring ${name}`].slice(0, 200).join("");
    await act(before, "", "PUT");
    await act(name, "/restore", "POST");
    toast(`Restored.`, { undo: () => void attempt(async () => { await act(before, "/restore", "POST"); await act(before, "", "DELETE"); await load(); }) });
    await load();
  };

  /** @param {Snapshot[]} snapshots */
  const showList = (snapshots) => {
    next = snapshots.length + 1;
    name.input.setAttribute("placeholder", `snapshot ${next}`);
    if (snapshots.length === 0) {
      fill(list, empty("No snapshots.", h("p", null, "Take one before you try something. It costs nothing, and restoring it undoes everything since.")));
      return;
    }
    const rows = h("tbody");
    keyed(rows, snapshots, (each) => each.name, (each) => row(each));
    /** @type {[string, string][]} */
    const titles = [["Name", ""], ["Taken", "optional moment"], ["Users", "figure optional"], ["Groups", "figure optional"], ["Dashboards", "short number optional"], ["Actions", "acts"]];
    fill(
      list,
      h(
        "table",
        null,
        h("caption", { class: "sr" }, "Snapshots"),
        h("thead", null, h("tr", null, ...titles.map(([text, look]) => h("th", { scope: "col", class: look }, look === "acts" ? h("span", { class: "sr" }, text) : text)))),
        rows,
      ),
    );
  };
  /** @param {Snapshot} each */
  const row = (each) => {
    const { users, groups, dashboards } = each.counts;
    const actions = [
      button("Restore", () => void attempt(() => restore(each.name))),
      button("Remove", () => void attempt(async () => { await act(each.name, "", "DELETE"); await load(); }), { class: "quiet" }),
    ];
    const compareLink = h("a", { href: href({ site, view: "time", id: each.name }), "aria-current": each.name === since && "true" }, "Compare");
    return h(
      "tr",
      null,
      h("th", { scope: "row" }, h("span", { class: "foreign clip" }, visible(each.name))),
      h("td", { class: "optional moment" }, time(each.time)),
      ...[users, groups].map((figure) => h("td", { class: "figure optional" }, number(figure))),
      h("td", { class: "short number optional" }, number(dashboards)),
      h("td", { class: "acts" }, h("div", { class: "toolbar" }, compareLink, ...actions)),
    );
  };

  let next = 1;
  const name = plainField({ name: "name", label: "Name of the snapshot", attributes: { placeholder: "snapshot 1" } });
  const take = async () => {
    await act(name.input.value || `snapshot ${next}`, "", "PUT");
    name.input.value = "";
    toast("Taken.");
    await load();
  };
  const taking = form({ fields: [name], submit: "Take a snapshot", action: take, label: "Take a snapshot", isInline: true });

  return {
    elements: [
      // A report has the records at the end of the test, and no snapshots.
      ...(isReadOnly ? [] : [h("section", { class: "stack" }, h("h3", null, "Snapshots"), list, taking)]),
      h("section", { class: "stack" }, title, since === null ? null : h("p", null, h("a", { href: href({ site, view: "time" }) }, "Compare with the first state")), difference),
    ],
    load,
    compare,
    /** @param {string | null} name */
    compareWith: (name) => {
      since = name;
      void load();
    },
  };
}
