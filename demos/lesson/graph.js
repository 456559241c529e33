// The graph of one error and its backward pass, edge by edge: all numbers by the program, in the order of the engine.

const NODE = { width: 98, height: 64, column: 128, row: 80 };

class Graph {
  constructor(picture) {
    this.picture = picture;
    this.taken = 0;
  }

  /** Run the program; the steps to the observation itself are left out: data does not learn. */
  run(weights, inputs, kind) {
    this.values = forward(weights, inputs);
    this.output = OUTPUT[smooth(kind)];
    const isInput = (slot) => slot >= program.firstInput && slot < program.firstResult;
    this.steps = program
      .backward(this.values, { output: this.output })
      .steps.filter(({ operand }) => !isInput(operand));
    this.taken = Math.min(this.taken, this.steps.length);
  }

  draw() {
    const root = program.outputs[this.output];
    const shown = new Set([root]);
    for (let slot = root; slot >= program.firstResult; slot -= 1) {
      if (shown.has(slot)) program.operandsOf(slot).forEach((operand) => shown.add(operand));
    }
    const { places } = lesson.graph;
    const slots = [...shown].filter((slot) => places[slot]);
    const centre = (slot) => [NODE.column * (places[slot][0] + 0.5) + 6, NODE.row * (places[slot][1] + 0.5) + 6];
    const gradients = new Map([[root, 1]]);
    const taken = this.steps.slice(0, this.taken);
    for (const step of taken) gradients.set(step.operand, step.after);
    const active = taken.at(-1);
    const done = new Set(taken.map((step) => `${step.node} ${step.position}`));
    const edges = slots
      .filter((slot) => slot >= program.firstResult)
      .flatMap((node) =>
        program
          .operandsOf(node)
          .map((operand, position) => [node, operand, position])
          .filter(([, operand]) => places[operand]),
      );
    const curves = edges.map(([node, operand, position]) => {
      const [[fromX, fromY], [toX, toY]] = [centre(operand), centre(node)];
      const [x1, x2] = [fromX + NODE.width / 2, toX - NODE.width / 2];
      const reach = (Math.sign(toY - fromY) * NODE.height) / 2;
      const d =
        fromX === toX
          ? `M${fromX} ${fromY + reach} V${toY - reach}`
          : `M${x1} ${fromY} C${x1 + 24} ${fromY} ${x2 - 24} ${toY} ${x2} ${toY}`;
      const isActive = active && active.node === node && active.position === position;
      const state = isActive ? "active" : done.has(`${node} ${position}`) ? "done" : "";
      return svg("path", { class: `edge ${state}`, d });
    });
    const boxes = slots.map((slot) => {
      const [x, y] = centre(slot);
      const kind = slot < program.firstInput ? "weight" : slot < program.firstResult ? "input" : "";
      const isActive = active && (active.operand === slot || active.node === slot);
      const known = gradients.has(slot);
      const lines = [
        svg("text", { class: "name", x, y: y - 15 }, lesson.graph.formulas[slot]),
        svg("text", { x, y: y + 5 }, number(this.values[slot], 3)),
      ];
      if (kind !== "input")
        lines.push(
          svg(
            "text",
            { class: known ? "gradient" : "gradient none", x, y: y + 25 },
            known ? `∂ ${number(gradients.get(slot), 3)}` : "∂ ?",
          ),
        );
      return svg(
        "g",
        { class: `node ${kind} ${isActive ? "active" : ""}`, "data-slot": slot },
        svg("rect", { x: x - NODE.width / 2, y: y - NODE.height / 2, width: NODE.width, height: NODE.height, rx: 12 }),
        ...lines,
      );
    });
    const columns = Math.max(...slots.map((slot) => places[slot][0])) + 1;
    const rows = Math.max(...slots.map((slot) => places[slot][1])) + 1;
    this.picture.setAttribute("viewBox", `0 0 ${columns * NODE.column + 12} ${rows * NODE.row + 12}`);
    this.picture.replaceChildren(...curves, ...boxes, ...(active ? [this.label(active, centre)] : []));
    this.follow(active ? places[active.operand][0] / columns : this.taken ? null : 1);
  }

  /** The local derivative at the edge of the step: beside it, over the gap it crosses, or where it comes in. */
  label({ node, operand, local }, centre) {
    const [[x, y], [fromX, fromY]] = [centre(node), centre(operand)];
    const place =
      x === fromX
        ? { x: x + 42, y: (y + fromY) / 2 + 5 }
        : y === fromY
          ? { x: (x + fromX) / 2, y: y - NODE.height / 2 - 8 }
          : { x: x - NODE.width / 2 + 34, y: y + Math.sign(fromY - y) * (NODE.height / 2 + 12) + 5 };
    return svg("text", { class: "local", ...place }, `× ${number(local, 3)}`);
  }

  /** Where the graph is wider than its frame: keep the step in sight. */
  follow(part) {
    const frame = this.picture.parentElement;
    if (part !== null && frame.scrollWidth > frame.clientWidth)
      frame.scrollLeft = part * frame.scrollWidth - frame.clientWidth / 2;
  }

  /** The step as the chain rule writes it. */
  equation() {
    const step = this.steps[this.taken - 1];
    if (!step) return [texts["backward.start"]];
    const name = (slot) => lesson.graph.names[slot];
    const strong = document.createElement("b");
    strong.textContent = number(step.contribution, 4);
    const small = document.createElement("small");
    const factors = `${texts["backward.upstream"]} × ${texts["backward.local"]}`;
    small.textContent = `${factors} = ${texts["backward.contribution"]}`;
    return [
      `∂E/∂${name(step.operand)} = ∂E/∂${name(step.node)} · ∂${name(step.node)}/∂${name(step.operand)} = ` +
        `${number(step.upstream, 4)} × ${number(step.local, 4)} = `,
      strong,
      small,
    ];
  }
}
