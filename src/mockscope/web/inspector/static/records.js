/** The view Records. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Records",
  needsSite: true,
  render({ outlet }) {
    outlet.append(h("h2", null, "Records"), empty("Nothing here yet."));
  },
};
