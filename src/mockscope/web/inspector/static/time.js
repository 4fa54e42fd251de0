/** The view Time. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Time",
  needsSite: false,
  render({ outlet }) {
    outlet.append(h("h2", null, "Time"), empty("Nothing here yet."));
  },
};
