// A computation graph and its passes, edge by edge: all numbers by the program, in the order of the engine.

const WIDE = { width: 108, height: 64, column: 128, row: 80, font: 15 };
const UPRIGHT = { width: 88, height: 62, column: 90, row: 88, font: 14 };
const LANES = { width: 82, height: 46, column: 106, row: 62, font: 17, head: 30 };
const LANES_UPRIGHT = { width: 49, height: 42, column: 52, row: 60, font: 12.5, head: 40 };
const FOLDED = 0.42; // the height of a lane with one line of text, of that of a whole one
const DENSE = 46; // the height of a weight in a network of many, with its number beside its name
const READABLE = 1 / 50; // letters from afar, of the height of the window

/** Backward or forward through one graph. The layout of `boxes` is turned upright where the frame is narrow. */
class Graph {
  constructor(picture, machine, layout, { isForward = false } = {}) {
    Object.assign(this, { picture, machine, layout, isForward, taken: 0 });
    this.hasLanes = layout.boxes.some(({ lane }) => lane > 1);
    for (const box of layout.boxes) box.wide = box.row;
  }

  /** Run the program; steps to the observation itself are left out: data does not learn. */
  run(weights, inputs, kind) {
    const { machine } = this;
    this.values = machine.forward(weights, inputs);
    this.output = OUTPUT[smooth(kind)];
    const root = machine.outputs[this.output];
    this.shown = new Set([root]);
    for (let slot = root; slot >= machine.firstResult; slot -= 1) {
      if (this.shown.has(slot)) machine.operandsOf(slot).forEach((operand) => this.shown.add(operand));
    }
    this.boxes = this.layout.boxes.filter(({ slot }) => this.shown.has(slot));
    this.boxOf = new Map(this.boxes.map((box) => [box.slot, box]));
    const isInput = (slot) => slot >= machine.firstInput && slot < machine.firstResult;
    this.steps = this.isForward
      ? this.boxes.map(({ slot }) => slot).filter((slot) => slot >= machine.firstResult).sort((a, b) => a - b)
      : machine.backward(this.values, { output: this.output }).steps.filter(({ operand }) => !isInput(operand));
    this.taken = Math.min(this.taken, this.steps.length);
  }

  /** Where a talk pauses: after every step; with lanes, where the error has gone all the way through one. */
  get stops() {
    const all = Array.from({ length: this.steps.length + 1 }, (_, taken) => taken);
    if (!this.hasLanes) return all;
    const lane = (taken) => this.boxOf.get(this.steps[taken].node).lane;
    return all.filter((taken) => taken === 0 || taken === this.steps.length || lane(taken) !== lane(taken - 1));
  }

  draw() {
    const { machine, boxOf } = this;
    const upright = isNarrow(this.picture);
    this.size = this.hasLanes ? (upright ? LANES_UPRIGHT : LANES) : upright ? UPRIGHT : WIDE;
    this.upright = upright;
    for (const box of this.boxes) if ("upright" in box) box.row = box[upright ? "upright" : "wide"];
    this.offset = this.hasLanes ? (upright ? [0.9, 0.62] : [0.62, 0.62]) : [0, 0];
    const taken = this.steps.slice(0, this.taken);
    const active = taken.at(-1);
    this.fold(active);
    const gradients = new Map([[machine.outputs[this.output], 1]]);
    if (!this.isForward) for (const step of taken) gradients.set(step.operand, step.after);
    const computed = new Set(taken);
    const done = new Set(this.isForward ? [] : taken.map((step) => `${step.node} ${step.position}`));
    const edges = this.boxes
      .filter(({ slot }) => slot >= machine.firstResult)
      .flatMap(({ slot }) =>
        machine
          .operandsOf(slot)
          .map((operand, position) => [slot, operand, position])
          .filter(([, operand]) => boxOf.has(operand)),
      );
    const isActive = (node, position) =>
      active !== undefined &&
      (this.isForward ? active === node : active.node === node && active.position === position);
    const isDone = (node, position) => (this.isForward ? computed.has(node) : done.has(`${node} ${position}`));
    const curves = edges.map(([node, operand, position]) => {
      const name = isActive(node, position) ? "active" : isDone(node, position) ? "done" : "";
      return svg("path", { class: `edge ${name}`, d: this.curve(boxOf.get(operand), boxOf.get(node)) });
    });
    curves.sort((a, b) => a.classList.contains("active") - b.classList.contains("active"));
    const isLit = (slot) => (this.isForward ? active === slot : active && (active.operand === slot || active.node === slot));
    const drawn = this.boxes.map((box) => this.box(box, gradients, computed, isLit(box.slot)));
    const [width, height] = this.extent();
    this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.picture.style.setProperty("--natural", `${width}px`);
    this.picture.classList.toggle("upright", upright);
    this.picture.replaceChildren(
      ...curves,
      ...drawn,
      ...(this.hasLanes ? this.heads() : []),
      ...(active && !this.isForward && !this.hasLanes ? [this.label(active)] : []),
    );
  }

  /** Where all lanes would be too small to read from afar, only that of the step is whole; on paper, all are. */
  fold(active) {
    this.open = 0;
    if (!this.hasLanes || this.upright || !isTalk() || state.printing) return;
    const { clientWidth, clientHeight } = this.picture.parentElement;
    const scale = () => {
      const [width, height] = this.extent();
      return Math.min(clientWidth / width, clientHeight / height);
    };
    const whole = scale();
    if (whole * this.size.font >= READABLE * innerHeight) return;
    this.open = active ? this.laneOf(active) : flowers.length; // from the last one, the error goes back first
    if (scale() < 1.1 * whole) this.open = 0;
  }

  /** The lane that a step is in, from 1 on. */
  laneOf({ node, operand }) {
    return this.boxOf.get(node).lane || this.boxOf.get(operand).lane;
  }

  isFolded({ lane }) {
    return Boolean(this.open && lane && lane !== this.open);
  }

  /** Whether a box has a name, and its number beside it. */
  isInLine({ kind }) {
    return kind === "weight" && !this.upright && (this.hasLanes || this.layout.isDense);
  }

  heightOf(box) {
    if (this.isFolded(box)) return this.size.height * FOLDED * 1.1;
    return this.isInLine(box) ? DENSE : this.size.height;
  }

  /** How large the picture is. */
  extent() {
    const along = Math.max(...this.boxes.map(({ column }) => column)) + 1 + this.offset[0];
    const across = this.across(Math.max(...this.boxes.map(({ row }) => row))) + 0.5;
    const { column, row } = this.size;
    return this.upright ? [across * column + 8, along * row + 8] : [along * column + 12, across * row + 12];
  }

  /** The middle of a row, which is not so far down where lanes before it are folded. */
  across(row) {
    const [count, thin] = [flowers.length, this.open ? FOLDED : 1];
    const whole = (top) => Math.max(0, Math.min(top - this.open + 1, 1)); // how much of the lane that is open is before it
    const down = (top) => thin * Math.min(top, count) + (1 - thin) * whole(top) + Math.max(0, top - count);
    return (down(row) + down(row + 1)) / 2 + this.offset[1];
  }

  /** Where a box is drawn. */
  centre({ column, row }) {
    const [along, across] = [column + 0.5 + this.offset[0], this.across(row)];
    const { size } = this;
    return this.upright ? [size.column * across + 4, size.row * along + 4] : [size.column * along + 6, size.row * across + 6];
  }

  /** The edge from an operand to its node: along the flow, beside it from a weight, or over what lies between. */
  curve(from, to) {
    const [[fromX, fromY], [toX, toY]] = [this.centre(from), this.centre(to)];
    const halfX = this.size.width / 2;
    const [fromHalf, toHalf] = [from, to].map((box) => this.heightOf(box) / 2);
    const row = this.size.row * (this.isFolded(from) ? FOLDED : 1);
    if (this.upright) {
      if (from.column === to.column) return `M${fromX + Math.sign(toX - fromX) * halfX} ${fromY} H${toX - Math.sign(toX - fromX) * halfX}`;
      const [start, end] = [fromY + fromHalf, toY - toHalf];
      if (fromX === toX && to.column - from.column > 1)
        return `M${fromX} ${start} C${fromX - 34} ${start + 10} ${toX - 34} ${end - 10} ${toX} ${end}`;
      return `M${fromX} ${start} C${fromX} ${start + 12} ${toX} ${end - 12} ${toX} ${end}`;
    }
    if (from.column === to.column)
      return `M${fromX} ${fromY + Math.sign(toY - fromY) * fromHalf} V${toY - Math.sign(toY - fromY) * toHalf}`;
    const [start, end] = [fromX + halfX, toX - halfX];
    if (fromY === toY && to.column - from.column > 1)
      return `M${start} ${fromY} C${start + 10} ${fromY - row * 0.56} ${end - 10} ${toY - row * 0.56} ${end} ${toY}`;
    return `M${start} ${fromY} C${start + 24} ${fromY} ${end - 24} ${toY} ${end} ${toY}`;
  }

  box(box, gradients, computed, isLit) {
    const { slot, kind } = box;
    const [x, y] = this.centre(box);
    const { font } = this.size;
    const isFolded = this.isFolded(box);
    const height = this.heightOf(box);
    const width = this.size.width + (this.hasLanes && kind && !this.upright ? 20 : 0); // a weight has its name in it
    const isLeaf = slot < this.machine.firstResult;
    const value = !this.isForward || isLeaf || computed.has(slot) ? number(this.values[slot], this.decimals) : "?";
    const known = gradients.has(slot);
    const sign = this.hasLanes && this.upright ? "" : "∂ "; // where there is no room, the colour says it
    const gradientText = sign + (known ? number(gradients.get(slot), this.decimals) : "?");
    const line = (className, text, place) => {
      const size = (this.hasLanes || this.isInLine(box)) && text.length > 9 ? font * 0.83 : font;
      return svg("text", { class: className, x, y: y + place, "font-size": size }, text);
    };
    const gradientLine = (place) => line(known ? "gradient" : "gradient none", gradientText, place);
    const lines = isFolded
      ? [known ? gradientLine(font * 0.35) : line("", value, font * 0.35)]
      : this.isInLine(box)
      ? [
          line("name", `${this.name(slot)} = ${value}`, this.isForward ? font * 0.35 : -font * 0.25),
          ...(this.isForward ? [] : [gradientLine(font * 0.95)]),
        ]
      : this.hasLanes
      ? [line(kind && "name", kind ? this.name(slot) : value, -font * 0.25), gradientLine(font * 0.95)]
      : [
          line("name", this.layout.formulas[slot], this.isForward ? -8 : -15),
          line("", value, this.isForward ? 16 : 5),
          ...(kind === "input" || this.isForward ? [] : [gradientLine(25)]),
        ];
    return svg(
      "g",
      { class: `node ${kind} ${isLit ? "active" : ""}`, "data-slot": slot },
      svg("rect", { x: x - width / 2, y: y - height / 2, width, height, rx: this.hasLanes ? 8 : 12 }),
      ...lines,
    );
  }

  get decimals() {
    return this.hasLanes ? 2 : 3;
  }

  /** The names of the columns, and which observation a lane is. */
  heads() {
    const written = new Map();
    for (const box of this.boxes) if (box.lane === 1 || (!box.kind && !box.lane)) written.set(box.column, box);
    const above = this.size.row * (0.5 + this.offset[1]) - this.size.height / 2 - 6;
    const columns = [...written.values()].map((box) => {
      const [x, y] = this.centre({ column: box.column, row: 0 });
      const at = this.upright ? { x: 2, y: y + 5, style: "text-anchor: start" } : { x, y: above };
      return svg("text", { class: "name head", "font-size": this.size.font + 1, ...at }, this.name(box.slot));
    });
    const lanes = flowers.map((flower, row) => {
      const [x, y] = this.centre({ column: 0, row });
      const picture = glyph(flower);
      const side = this.upright ? 30 : this.isFolded({ lane: row + 1 }) ? 22 : 34;
      const [left, top] = this.upright ? [x - side / 2, 16] : [8, y - side / 2];
      for (const [name, value] of Object.entries({ x: left, y: top, width: side, height: side })) picture.setAttribute(name, value);
      const label = this.upright ? { x, y: 12 } : { x: 54, y: y + 6 };
      return svg("g", {}, picture, svg("text", { class: "name head", "font-size": this.size.font, ...label }, String(flower.number)));
    });
    return [...columns, ...lanes];
  }

  /** The local derivative at the edge of the step: beside it, over the gap it crosses, or where it comes in. */
  label({ node, operand, local }) {
    const [[x, y], [fromX, fromY]] = [this.centre(this.boxOf.get(node)), this.centre(this.boxOf.get(operand))];
    const { width, height } = this.size;
    const isSideways = this.boxOf.get(node).column === this.boxOf.get(operand).column;
    const between = { x: (x + fromX) / 2, y: y - height / 2 - 8 };
    const at = this.upright
      ? isSideways
        ? between
        : { x: (x + fromX) / 2 + Math.sign(fromX - x || 1) * 38, y: (y + fromY) / 2 + 5 }
      : isSideways
        ? { x: x + 42, y: (y + fromY) / 2 + 5 }
        : y === fromY
          ? between
          : { x: x - width / 2 + 34, y: y + Math.sign(fromY - y) * (height / 2 + 12) + 5 };
    return svg("text", { class: "local", ...at }, `× ${number(local, 3)}`);
  }

  name(slot) {
    return this.layout.names[slot];
  }

  /** The last step as an equation, and in a smaller line under it what its parts are. */
  equation() {
    const step = this.steps[this.taken - 1];
    if (step === undefined) return [texts[this.isForward ? "forward.start" : this.hasLanes ? "all.start" : "backward.start"]];
    return this.isForward ? this.forwardEquation(step) : this.backwardEquation(step);
  }

  forwardEquation(slot) {
    const operands = this.machine.operandsOf(slot);
    const tokens = this.layout.expressions[slot];
    const numbers = tokens.map((token, place) => {
      const operand = operands.find((each) => this.name(each) === token);
      if (operand === undefined) return token;
      const text = number(this.values[operand], 3);
      const isBare = !text.startsWith("−") || ((place === 0 || tokens[place - 1] === "|") && tokens[place + 1] !== "²");
      return isBare ? text : `(${text})`;
    });
    const made = [`${this.name(slot)} = ${tokens.join("")} = ${numbers.join("")} = `, element("b", number(this.values[slot], 3))];
    if (this.name(slot) !== "ŷ") return made;
    return [...made, element("small", say("forward.rounded", { label: number(labelOf(this.values[slot]), 0) }))];
  }

  backwardEquation(step) {
    const [node, operand] = [this.name(step.node), this.name(step.operand)];
    const lane = this.hasLanes ? flowers[this.laneOf(step) - 1] : null;
    const parts = [
      `∂L/∂${operand} += ∂${node}/∂${operand} · ∂L/∂${node} = ${number(step.local, 3)} × ${number(step.upstream, 3)} = `,
      element("b", number(step.contribution, 3)),
    ];
    const meets = step.operand < this.machine.firstInput && this.hasLanes;
    if (meets) parts.push(` → ${number(step.after, 3)}`);
    const words = `${texts["backward.local"]} × ${texts["backward.upstream"]} = ${texts["backward.contribution"]}`;
    const where = lane ? `${texts.flower} ${lane.number}: ` : "";
    parts.push(element("small", where + words + (meets ? ` → ${texts["all.together"]}` : "")));
    return parts;
  }

  /** Where the graph is larger than its frame or the screen: keep the step in sight, once after it was taken. */
  follow() {
    const lit = this.picture.querySelector(".node.active");
    if (!this.isStepped || !lit) return;
    this.isStepped = false;
    const frame = this.picture.parentElement;
    const [box, outer] = [lit.getBoundingClientRect(), frame.getBoundingClientRect()];
    if (frame.scrollWidth > frame.clientWidth)
      frame.scrollLeft += box.left + box.width / 2 - outer.left - outer.width / 2;
    if (!this.upright) return;
    const middle = box.top + box.height / 2;
    if (middle < innerHeight * 0.3 || middle > innerHeight * 0.65) scrollBy({ top: middle - innerHeight * 0.45 });
  }
}
