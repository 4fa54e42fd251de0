/** The view Calls. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Calls",
  needsSite: false,
  render({ outlet }) {
    outlet.append(h("h2", null, "Calls"), empty("Nothing here yet."));
  },
};
