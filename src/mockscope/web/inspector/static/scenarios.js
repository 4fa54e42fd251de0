/** The scenarios that come with mockscope. Each has records of its own, so it is a new site. */

import { request } from "./api.js";
import { h, toast } from "./dom.js";
import { form, plainField } from "./forms.js";

/** @type {[string, string][]} */
const SCENARIOS = [
  ["user-vanishes", "another client deletes a user right before the second page"],
  ["key-rotated", "the key is replaced right before the third update of a user"],
  ["lost-response", "the first user is created, but its response is lost"],
];

/** @param {import("./main.js").Context} context */
export function scenarioForm(context) {
  const scenario = plainField({
    name: "scenario",
    label: "Scenario",
    options: SCENARIOS.map(([name]) => /** @type {[string, string]} */ ([name, name])),
  });
  const action = async (/** @type {Record<string, any>} */ { scenario: name }) => {
    const site = await request("sites", { method: "POST", body: { scenario: name, label: name } });
    toast(`Made the site ${site.host}.`);
    context.go({ site: site.host, view: "faults" });
  };
  return form({
    fields: [scenario],
    submit: "Make a site with it",
    action,
    label: "Make a site with a scenario",
    more: [
      h("dl", { class: "pairs wide" }, ...SCENARIOS.flatMap(([name, words]) => [h("dt", null, h("code", null, name)), h("dd", null, words)])),
      h("p", { class: "dim wide" }, "A scenario has records of its own, so it becomes a new site with a new key, in strict mode."),
    ],
  });
}
