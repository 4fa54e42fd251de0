/** The view Try. */

import { empty, h } from "./dom.js";

/** @type {import("./main.js").View} */
export const view = {
  title: "Try",
  needsSite: true,
  render({ outlet }) {
    outlet.append(h("h2", null, "Try"), empty("Nothing here yet."));
  },
};
