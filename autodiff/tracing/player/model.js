/** What the page shows: the nodes and steps of one backward pass, as `autodiff.tracing.dumps` saves them. */
class Model {
  constructor(saved) {
    this.seed = real(saved.seed);
    this.nodes = saved.nodes.map(([name, op, data, operands, initial, gradient, source], place) => ({
      place, name, op, operands, source,
      data: real(data),
      initial: initial === null ? null : real(initial),
      gradient: gradient === null ? null : real(gradient),
    }));
    this.root = this.nodes[this.nodes.length - 1];
    /** What the forward pass computes, one after the other. */
    this.forward = this.nodes.filter((node) => node.operands.length);
    /** How many contributions each node receives in the whole pass. */
    this.expected = this.nodes.map(() => 0);
    for (const node of this.nodes) for (const operand of node.operands) this.expected[operand] += 1;
    this.steps = saved.steps.map(([place, node, parent, position, ...numbers]) => {
      const [local, upstream, contribution, before, after] = numbers.map(real);
      return {
        place, position, local, upstream, contribution, before, after,
        node: this.nodes[node],
        parent: this.nodes[parent],
        edge: `${node}_${position}`,
      };
    });
    this.stepOfEdge = new Map(this.steps.map((step) => [step.edge, step]));
    this.scale = scale([
      ...this.nodes.filter((node) => node.gradient !== null).map((node) => node.gradient),
      ...this.steps.map((step) => step.contribution),
    ]);
  }

  /**
   * Each node's gradient after that many steps, how many contributions it has received, and its state: "constant",
   * "waiting" for a first contribution, "partial", or "final". The gradient is null where there is none yet, and
   * `computed` is false where the data is still to come: −3 steps are those before the last three of the forward pass.
   */
  at(taken) {
    const begun = taken >= 0;
    const states = this.nodes.map((node) => ({
      gradient: !begun || node.initial === 0 ? null : node.initial, received: 0, computed: true,
    }));
    for (const node of begun ? [] : this.forward.slice(taken)) states[node.place].computed = false;
    if (begun) states[this.root.place].gradient = this.root.initial;
    for (const step of this.steps.slice(0, Math.max(0, taken))) {
      const state = states[step.parent.place];
      state.gradient = step.after;
      state.received += 1;
    }
    states.forEach((state, place) => {
      const rest = this.expected[place] - state.received;
      if (this.nodes[place].op === "constant") state.state = "constant";
      else state.state = rest === 0 ? "final" : state.gradient === null ? "waiting" : "partial";
    });
    return states;
  }
}

/** A saved number: those that JSON has no notation for are strings. */
function real(saved) {
  return { nan: NaN, inf: Infinity, "-inf": -Infinity }[saved] ?? saved;
}

/**
 * The bounds of the levels 2 to 5 of size. Those of few sizes are round numbers, in steps of 1-2-5, 10 or 1000; those
 * of many are quantiles.
 */
function scale(gradients) {
  const found = new Set(gradients.map(Math.abs).filter((size) => size > 0 && Number.isFinite(size)));
  const sizes = found.size ? [...found].sort((a, b) => a - b) : [1];
  if (sizes.length > 20) return [1, 2, 3, 4].map((level) => sizes[Math.floor((sizes.length * level) / 5)]);
  let bounds = [];
  for (const [steps, decades] of [[[5, 2, 1], 1], [[1], 1], [[1], 3]]) {
    bounds = [];
    let exponent = Number(sizes.at(-1).toExponential().split("e")[1]);
    while (bounds.length < 4) {
      for (const step of steps) {
        const bound = Number(`${step}e${exponent}`);
        if (bound <= sizes.at(-1) && bounds.length < 4) bounds.unshift(bound);
      }
      exponent -= decades;
    }
    if (bounds[0] <= 10 * sizes[0]) break;
  }
  return bounds;
}

/** The level of a gradient's size: 0 for 0, 5 for the greatest, infinities and nan. */
function level(gradient, bounds) {
  const size = Math.abs(gradient);
  if (Number.isNaN(size)) return 5;
  return size === 0 ? 0 : 1 + bounds.filter((bound) => size >= bound).length;
}

/** The classes that colour what has one of these gradients: by the one of the greatest size; none for no gradients. */
function shade(gradients, bounds) {
  if (!gradients.length) return "";
  const size = (gradient) => (Number.isNaN(gradient) ? Infinity : Math.abs(gradient));
  const strongest = gradients.reduce((a, b) => (size(b) > size(a) ? b : a));
  return `grad-${level(strongest, bounds)}${strongest < 0 ? " negative" : ""}`;
}

/** How a node was computed, in names or in numbers: `w × x`, `tanh(0.5)`. */
function computation(node, told) {
  const sign = { add: "+", subtract: "−", multiply: "×", divide: "/", power: "**" }[node.op];
  const operands = node.operands.map(told);
  if (sign && operands.length === 2) return `${operands[0]} ${sign} ${operands[1]}`;
  const shown = operands.length > 6 ? [...operands.slice(0, 4), "…", operands.at(-1)] : operands;
  return `${node.op}(${shown.join(", ")})`;
}

/** The step as a trace prints it. */
function line(step) {
  const [out, parent] = [step.node.name, step.parent.name];
  const numbers = `${number(step.local)} × ${number(step.upstream)} = ${number(step.contribution)}`;
  return `∂L/∂${parent} += ∂${out}/∂${parent} · ∂L/∂${out} = ${numbers}`;
}

/** A node with all the digits of its numbers. */
function describe(node, state) {
  const gradient = state.gradient === null ? say("not computed") : String(state.gradient).replace("-", "−");
  const source = node.source ? `\n${node.source}` : "";
  const numbers = say("data {data}\ngradient {gradient}", { data: String(node.data).replace("-", "−"), gradient });
  return `${node.name}: ${say(node.op)}\n${numbers}${source}`;
}
