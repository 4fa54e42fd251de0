/** The view Faults. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Faults",
  needsSite: true,
  render({ outlet }) {
    outlet.append(h("h2", null, "Faults"), empty("Nothing here yet."));
  },
};
