/** The view Rules. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Rules",
  needsSite: false,
  render({ outlet }) {
    outlet.append(h("h2", null, "Rules"), empty("Nothing here yet."));
  },
};
