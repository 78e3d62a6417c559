// The explorer's page: reads the fields, says what is wrong with them in Python's words, draws the points and lists the first slopes.
"use strict";

{
  const { FLOAT32_MAX, KEYS, drawSlopes, lattice, midpoint, value, words } = multirrelu;
  const POINTS = 400;
  const LISTED = 8;
  const LEFT = -3;
  const RIGHT = 1.5;
  const PLOT = { right: 628, top: 12, height: 320 };
  const LETTER = 12; // the width of one, of the size that phones have
  const SVG = "http://www.w3.org/2000/svg";

  /** A double as Python prints it: both choose the same digits, but not the same notation. */
  function repr(number) {
    if (!Number.isFinite(number)) return Number.isNaN(number) ? "nan" : number < 0 ? "-inf" : "inf";
    const [digits, power] = number.toExponential().split("e");
    const exponent = Number(power);
    const sign = Object.is(number, -0) ? "-" : "";
    if (exponent < -4 || exponent >= 16) return `${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
    const places = digits.replace(/^-?\d\.?/, "").length - exponent;
    return sign + (places < 1 ? number.toFixed(1) : exponent < 0 ? number.toFixed(places) : String(number));
  }

  /** The bits of a number as float32, in hexadecimal. */
  function bitsOf(number) {
    const [bits] = new Uint32Array(Float32Array.of(number).buffer);
    return bits.toString(16).padStart(8, "0");
  }

  /** The error of `multirrelu.Slopes`, by its name and text in Python. */
  class Refusal extends Error {
    constructor(type, text, field) {
      super(`${type}: ${text}`);
      this.field = field;
    }
  }

  /** A bound as it is typed: a number, or a fraction such as 1/3. */
  function readBound(name, text) {
    const parts = text.trim().split("/").map(readNumber);
    if (parts.length > 2 || parts.includes(null)) {
      throw new Refusal("TypeError", `${name} must be a real number, got '${text}' of type str`, name);
    }
    const bound = parts.length === 2 ? parts[0] / parts[1] : parts[0];
    if (!(Math.abs(bound) <= FLOAT32_MAX)) {
      throw new Refusal("ValueError", `${name} must be finite and within float32, got ${repr(bound)} of type float`, name);
    }
    return bound;
  }

  function readNumber(text) {
    const special = /^\s*([-+]?)(inf|infinity|nan)\s*$/i.exec(text);
    if (special) return special[2].toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
    return text.trim() === "" || Number.isNaN(Number(text)) ? null : Number(text);
  }

  function readBounds(lowerText, upperText) {
    const [lower, upper] = [readBound("lower", lowerText), readBound("upper", upperText)];
    if (lower > upper) {
      throw new Refusal("ValueError", `lower must not exceed upper, got lower=${repr(lower)} and upper=${repr(upper)}`, "lower");
    }
    return [lower, upper];
  }

  function readKey(text) {
    if (!/^\s*([-+]?\d+|0x[0-9a-f]+)\s*$/i.test(text)) {
      throw new Refusal("TypeError", `a key must be an integer, got '${text}' of type str`, "key");
    }
    const key = BigInt(text.trim().replace(/^\+/, ""));
    if (key < 0n || key >= KEYS) throw new Refusal("ValueError", `an integer rng or key must lie in [0, 2**64), got ${key} of type int`, "key");
    return key;
  }

  /** One row for each of the first elements: index, slope, the slope's bits as float32, word, lattice point. */
  function firstSlopes(key, lower, upper) {
    const points = lattice(lower, upper);
    const slopes = drawSlopes(key, LISTED, lower, upper);
    return words(key, LISTED).map((bits, index) => {
      const slope = slopes[index];
      const point = points === null ? "" : String(slope * 2 ** points.shift);
      return [String(index), repr(slope), bitsOf(slope), bits.toString(16).padStart(8, "0"), point];
    });
  }

  const element = (id) => document.getElementById(`explorer-${id}`);
  const FIELDS = ["lower", "upper", "key"];

  /** What is set, as the address keeps it after its `#`. */
  function state() {
    const kept = new URLSearchParams(FIELDS.map((name) => [name, element(name).value]));
    kept.set("mode", element("training").checked ? "training" : "evaluation");
    return kept.toString();
  }

  /** Set what an address names. */
  function restore(address) {
    const kept = new URLSearchParams(address.replace(/^#/, ""));
    for (const name of FIELDS) if (kept.has(name)) element(name).value = kept.get(name);
    if (["training", "evaluation"].includes(kept.get("mode"))) element(kept.get("mode")).checked = true;
  }

  function svg(name, attributes, text = "") {
    const made = document.createElementNS(SVG, name);
    for (const [key, setting] of Object.entries(attributes)) made.setAttribute(key, setting);
    made.textContent = text;
    return made;
  }

  function draw(lower, upper, slopes) {
    const xs = slopes.map((_, i) => Math.fround(LEFT + ((RIGHT - LEFT) * i) / (POINTS - 1)));
    const bottom = Math.min(-1.5, LEFT * lower, LEFT * upper);
    const top = Math.max(RIGHT, LEFT * lower, LEFT * upper);
    const labels = [[bottom, "auto"], [0, "middle"], [top, "hanging"]].map(([y, baseline]) => [y, baseline, y.toPrecision(2).replace("e+", "e")]);
    const left = 8 + LETTER * Math.max(...labels.map(([, , text]) => text.length));
    const right = (x) => left + ((x - LEFT) / (RIGHT - LEFT)) * (PLOT.right - left);
    const down = (y) => PLOT.top + ((top - y) / (top - bottom)) * PLOT.height;
    const corners = [[0, 0], [LEFT, LEFT * lower], [LEFT, LEFT * upper]];
    const marks = [
      svg("polygon", { class: "band", points: corners.map(([x, y]) => `${right(x)},${down(y)}`).join(" ") }),
      svg("line", { class: "axis", x1: right(LEFT), x2: right(RIGHT), y1: down(0), y2: down(0) }),
      svg("line", { class: "axis", x1: right(0), x2: right(0), y1: down(bottom), y2: down(top) }),
      svg("text", { x: right(RIGHT), y: down(0) + 16, "text-anchor": "end" }, "x"),
      svg("text", { x: right(0) + 8, y: down(top) + 8 }, "y"),
    ];
    for (let x = LEFT; x < RIGHT; x += 1) marks.push(svg("text", { x: right(x), y: PLOT.top + PLOT.height + 8, "dominant-baseline": "hanging", "text-anchor": "middle" }, String(x)));
    for (const [y, baseline, text] of labels) marks.push(svg("text", { x: left - 6, y: down(y), "dominant-baseline": baseline, "text-anchor": "end" }, text));
    xs.forEach((x, i) => marks.push(svg("circle", { cx: right(x), cy: down(value(x, slopes[i])), r: 2.2 })));
    element("plot").replaceChildren(...marks);
  }

  function list(rows) {
    const made = rows.map((cells) => {
      const row = document.createElement("tr");
      row.append(...cells.map((text) => Object.assign(document.createElement("td"), { textContent: text })));
      return row;
    });
    element("slopes").replaceChildren(...made);
  }

  function pythonLine(training, lower, upper, key) {
    if (!training) return `multirrelu.rrelu(x, ${repr(lower)}, ${repr(upper)})`;
    return `multirrelu.draw_slopes(np.zeros(${LISTED}), ${repr(lower)}, ${repr(upper)}, rng=${key}).tolist()`;
  }

  function summary(training, lower, upper, key) {
    const points = lattice(lower, upper);
    if (!training || points === null) return `Every slope is ${repr(midpoint(lower, upper))}.`;
    return `Key ${key}: each slope is one of ${(points.high - points.low + 1).toLocaleString("en")} numbers between ${repr(lower)} and ${repr(upper)}.`;
  }

  function refuse(error) {
    FIELDS.forEach((name) => element(name).setAttribute("aria-invalid", String(error !== null && error.field === name)));
    element("error").textContent = error === null ? "" : error.message;
    element("result").hidden = error !== null;
  }

  function update() {
    const training = element("training").checked;
    for (const name of ["key", "previous", "next"]) element(name).disabled = !training;
    try {
      const [lower, upper] = readBounds(element("lower").value, element("upper").value);
      const key = training ? readKey(element("key").value) : 0n;
      element("lower-slider").value = lower;
      element("upper-slider").value = upper;
      const slopes = training ? drawSlopes(key, POINTS, lower, upper) : Array(POINTS).fill(midpoint(lower, upper));
      draw(lower, upper, slopes);
      list(training ? firstSlopes(key, lower, upper) : []);
      element("table").hidden = !training;
      element("summary").textContent = summary(training, lower, upper, key);
      element("python").textContent = pythonLine(training, lower, upper, key);
      refuse(null);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refuse(error);
    }
  }

  /** Show what the reader has set, and keep it in the address. */
  function change() {
    history.replaceState(null, "", `#${state()}`);
    update();
  }

  function step(by) {
    try {
      element("key").value = String(BigInt.asUintN(64, readKey(element("key").value) + by));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // `update` says it
    }
    change();
  }

  function slide(name) {
    element(name).value = repr(Number(element(`${name}-slider`).value));
    change();
  }

  for (const name of ["lower", "upper"]) element(`${name}-slider`).addEventListener("input", () => slide(name));
  for (const name of ["lower", "upper", "key", "training", "evaluation"]) element(name).addEventListener("input", change);
  element("previous").addEventListener("click", () => step(-1n));
  element("next").addEventListener("click", () => step(1n));
  element("form").addEventListener("submit", (event) => event.preventDefault());
  Object.assign(multirrelu, { firstSlopes, readBounds, readKey, repr });
  window.addEventListener("hashchange", () => {
    restore(location.hash);
    update();
  });
  element("app").hidden = false;
  restore(location.hash);
  update();
}
