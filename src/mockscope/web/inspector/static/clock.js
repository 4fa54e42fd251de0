/** The clock of a site or of the server: what it shows, and the controls that move it. */

import { ofSite, Problem, request } from "./api.js";
import { attempt, badge, button, fill, h } from "./dom.js";
import { subscribe } from "./events.js";
import { form, numberField, plainField } from "./forms.js";

/** @typedef {{now: string, frozen: boolean, autojump: boolean}} Clock */

const LOCAL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const TICK_MS = 250;
/** @type {[string, Record<string, number>][]} */
const SHIFTS = [
  ["1 minute", { minutes: 1 }],
  ["1 hour", { hours: 1 }],
  ["1 day", { days: 1 }],
  ["30 days", { days: 30 }],
];

/**
 * The section about a clock, and a function that loads it anew.
 *
 * @param {import("./main.js").Context} context
 * @param {string | null} site null is the server
 */
export function clockSection(context, site) {
  const { signal, isReadOnly } = context;
  const face = h("p", { class: "clock mono" });
  const local = h("p", { class: "dim" });
  const states = h("p", { class: "toolbar" });
  const controls = h("div", { class: "stack" });
  /** @type {{clock: Clock, at: number} | null} */
  let shown = null;

  /** @param {Clock} clock */
  const take = (clock) => {
    shown = { clock, at: performance.now() };
    fill(
      states,
      isReadOnly && h("span", { class: "dim" }, "at the end of the test"),
      clock.frozen ? badge("frozen", "accent") : !isReadOnly && badge("running", "good"),
      clock.autojump && badge("jumps over delays", "accent"),
    );
    stop.textContent = clock.frozen ? "Let it run" : "Freeze";
    jump.input instanceof HTMLInputElement && (jump.input.checked = clock.autojump);
    tick();
  };
  const tick = () => {
    if (!shown) return;
    const { clock, at } = shown;
    const isStill = clock.frozen || isReadOnly;
    const now = new Date(Date.parse(clock.now) + (isStill ? 0 : performance.now() - at));
    // A Date does not know the years before 1, and Chromium writes those over 9999 with a sign.
    const text = isStill ? clock.now : now.toISOString().replace(/\.\d+Z$/, "Z");
    if (face.textContent === text) return;
    face.textContent = text;
    local.textContent = LOCAL.format(now);
  };
  const act = async (/** @type {string} */ path, /** @type {unknown} */ body = {}) =>
    take(await request(ofSite(site, `clock/${path}`), { method: "POST", body }));
  const load = async () => {
    const clock = await attempt(() => request(ofSite(site, "clock"), { signal }));
    if (clock) take(clock);
  };

  const jump = plainField({ name: "autojump", label: "Jump over delays", type: "checkbox", hint: "On a frozen clock, late responses take no time." });
  const stop = button("Freeze", () => void attempt(() => (shown?.clock.frozen ? act("resume") : act("freeze", { autojump: jump.value() }))), { class: "primary" });
  jump.input.addEventListener("change", () => {
    if (shown?.clock.frozen) void attempt(() => act("freeze", { autojump: jump.value() }));
  });
  if (!isReadOnly) controls.append(...buttons(), ...forms());

  subscribe((event) => {
    // The clocks of sites follow the server's.
    if (event.kind === "clock.moved" && (event.data.site === site || event.data.site === null)) {
      if (event.data.site === site) take(event.data.clock);
      else void load();
    }
  }, signal);
  const timer = setInterval(tick, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));

  return {
    element: h("section", { class: "stack" }, h("h3", null, "Clock"), face, local, states, controls),
    load,
  };

  function buttons() {
    const shifts = SHIFTS.map(([text, by]) => button(`+ ${text}`, () => void attempt(() => act("shift", by))));
    return [
      h("div", { class: "toolbar" }, stop, button("Reset the clock", () => void attempt(() => act("reset"))), jump.element),
      h("div", { class: "toolbar" }, ...shifts),
    ];
  }

  function forms() {
    const amount = numberField({ name: "amount", label: "Move by", attributes: { placeholder: "-1.5", inputmode: "decimal" } });
    const unit = plainField({ name: "unit", label: "Unit", options: ["seconds", "minutes", "hours", "days"], value: "hours" });
    const to = plainField({ name: "to", label: "Move to", attributes: { placeholder: "2014-02-06T23:46:07Z" } });
    /** @param {Record<string, any>} values */
    const shift = async (values) => {
      if (values.amount === undefined) throw new Problem("amount: write a number, such as 1.5 or -3.", 0);
      await act("shift", { [values.unit]: values.amount });
    };
    return [
      form({ fields: [amount, unit], submit: "Move", action: shift, label: "Move by", isInline: true, aliases: [...["seconds", "minutes", "hours", "days", "clock"].map((word) => /** @type {[string, string]} */ ([word, "amount"]))] }),
      form({ fields: [to], submit: "Move there", action: ({ to: moment }) => act("move", { to: moment ?? "" }), label: "Move to", isInline: true }),
    ];
  }
}
