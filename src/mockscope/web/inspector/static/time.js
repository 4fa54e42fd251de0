/** The view Time and state: the clock, snapshots, the way back to the first state, and files to take along. */

import { at, isReport, ofSite, request, send } from "./api.js";
import { attempt, button, confirmButton, h, toast } from "./dom.js";
import { onResync, subscribe } from "./events.js";
import { clockSection } from "./clock.js";
import { snapshotSections } from "./snapshots.js";

/** @typedef {import("./main.js").Context} Context */

const REFRESH_MS = 250;
const BEFORE_RESET = "before the reset";

/** @type {import("./main.js").View} */
export const view = {
  title: "Time and state",
  needsSite: false,
  render(context) {
    const site = context.site?.host ?? null;
    const { outlet, signal, isReadOnly, route } = context;
    const clock = clockSection(context, site);
    const snapshots = site === null ? null : snapshotSections(context, site, route.id);
    outlet.append(
      h("h2", null, site === null ? "Time and state of the server" : "Time and state"),
      h(
        "div",
        { class: "sections" },
        h("div", { class: "stack" }, clock.element, ...(isReadOnly ? [] : [resetSection(site, () => void load())]), filesSection(site)),
        snapshots && h("div", { class: "stack" }, ...snapshots.elements),
      ),
    );
    const load = async () => {
      await Promise.all([clock.load(), snapshots?.load()]);
    };
    let timer = 0;
    subscribe(({ kind, data }) => {
      if (data.site !== site || timer) return;
      if (kind === "records.changed") timer = setTimeout(() => ((timer = 0), void snapshots?.compare()), REFRESH_MS);
      else if (kind === "site.reset") timer = setTimeout(() => ((timer = 0), void load()), REFRESH_MS);
    }, signal);
    signal.addEventListener("abort", () => clearTimeout(timer));
    onResync(() => void load(), signal);
    void load();
    return (next) => snapshots?.compareWith(next.id);
  },
};

/** @param {string | null} site @param {() => void} done */
function resetSection(site, done) {
  const undo = () =>
    attempt(async () => {
      await request(at`sites/${site ?? ""}/snapshots/${BEFORE_RESET}/restore`, { method: "POST" });
      toast("Restored the records from before the reset.");
      done();
    });
  const reset = () =>
    attempt(async () => {
      await request(ofSite(site, "reset"), { method: "POST", body: site === null ? {} : { snapshot: BEFORE_RESET } });
      toast(site === null ? "Reset all sites." : "Reset.", site === null ? {} : { undo: () => void undo() });
      done();
    });
  return h(
    "section",
    { class: "stack" },
    h("h3", null, "Reset"),
    h("p", { class: "dim" }, site === null
      ? "All sites return to their first records, without calls, faults, snapshots and moved clocks. This cannot be undone."
      : `The site returns to its first records, without calls, faults, snapshots and a moved clock. The snapshot “${BEFORE_RESET}” keeps the records.`),
    h("div", { class: "toolbar" }, site === null
      ? confirmButton("Reset all sites", "Really reset all sites?", () => void reset(), { class: "danger" })
      : button("Reset the site", () => void reset())),
  );
}

/** @param {string | null} site */
function filesSection(site) {
  const name = (site ?? "mockscope").replace(/[^A-Za-z0-9._-]/g, "_");
  return h(
    "section",
    { class: "stack" },
    h("h3", null, "Files"),
    h(
      "div",
      { class: "toolbar" },
      button("Export the seed", () => void download(ofSite(site, "export"), `${name}.json`)),
      button("Download the calls as HAR", () => void download(ofSite(site, "calls/har"), `${name}.har`)),
    ),
    h("p", { class: "dim" }, `The seed has ${isReport ? "a made-up key" : "the key of the site"}. `, h("code", null, "mockscope serve --seed FILE"), " loads it."),
  );
}

/** Load a file with the token, which an address must not have, and save it. @param {string} path @param {string} name */
function download(path, name) {
  return attempt(async () => {
    const url = URL.createObjectURL(await (await send(path)).blob());
    h("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  });
}
