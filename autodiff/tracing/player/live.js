/**
 * The leaves of the graph, whose numbers the reader changes: by typing, with the arrow keys, or by dragging to and fro.
 * The program runs anew at every change, and the player shows its pass.
 *
 * `program` is what `autodiff.program.javascript` writes, with the leaves for parameters, and `slots` has each node's slot.
 */
class Live {
  constructor(page, player, program, slots) {
    Object.assign(this, { page, player, program, slots, recorded: player.model, drag: null });
    this.placeOf = Object.fromEntries(slots.map((slot, place) => [slot, place]));
    const { nodes } = this.recorded;
    this.initial = new Float64Array(program.slots);
    for (const node of nodes) this.initial[slots[node.place]] = node.initial ?? 0;
    this.leaves = nodes.filter((node) => node.op === "variable").map((node) => new Leaf(page, node));
    this.leafOf = new Map(this.leaves.map((leaf) => [leaf.place, leaf]));
    page.getElementById("live").hidden = false;
    page.getElementById("leaves").append(...this.rows());
    page.body.classList.add("live");
    const narrow = matchMedia("screen and (max-width: 899px)"); // as in the style: where the list would hide the graph
    narrow.addEventListener("change", () => this.fold(narrow.matches)); // a frame is narrow until it has its place
    this.fold(narrow.matches || page.body.classList.contains("with-code"));
    this.listen();
    this.tell(this.recorded);
    for (const leaf of this.leaves) {
      const write = () => leaf.showGradient(this.states[leaf.place], player.model.scale);
      leaf.part = player.sight.watch({ element: leaf.row, write });
    }
    player.follow((model, states) => this.follow(model, states));
  }

  /** Show the gradients as of the step: after a step to and fro, that of its operand alone changes. */
  follow(model, states) {
    const { taken } = this.player;
    const { before } = this;
    this.states = states;
    this.before = { model, taken };
    const near = before?.model === model && Math.abs(before.taken - taken) <= 1 && Math.min(before.taken, taken) >= 0;
    const touched = near ? [model.steps[Math.min(before.taken, taken)]] : null;
    const leaves = touched ? touched.map((step) => this.leafOf.get(step?.parent.place)).filter(Boolean) : this.leaves;
    this.player.sight.change(leaves.map((leaf) => leaf.part));
  }

  /** The list: the leaves of no module first, then those of each module below its name. */
  *rows() {
    const element = (tag, more) => Object.assign(this.page.createElement(tag), more);
    const columns = element("li", { className: "columns", ariaHidden: "true" });
    columns.append(...[say("leaf"), say("number"), say("gradient")].map((textContent) => element("span", { textContent })));
    yield columns;
    const sorted = this.leaves.toSorted((a, b) => a.module.localeCompare(b.module, "en", { numeric: true }));
    let module = "";
    for (const leaf of sorted) {
      if (leaf.module !== module) {
        module = leaf.module;
        yield element("li", { className: "module", textContent: module });
      }
      yield leaf.row;
    }
  }

  /** Hide the list, or show it. */
  fold(folded) {
    this.page.body.classList.toggle("folded-leaves", folded);
    this.page.getElementById("fold").setAttribute("aria-expanded", String(!folded));
    this.player.fit();
  }

  /** Give a leaf another number; every other number follows. */
  set(leaf, number) {
    leaf.number = number;
    this.show(this.pass(), leaf);
  }

  /** Give every leaf another number, in the order of the graph. */
  setAll(numbers) {
    this.leaves.forEach((leaf, at) => (leaf.number = numbers[at]));
    this.show(this.pass(), null);
  }

  /** What L is with these numbers. */
  lossOf(numbers) {
    const { program, slots, recorded } = this;
    return program.forward(numbers)[slots[recorded.root.place]];
  }

  reset() {
    for (const leaf of this.leaves) leaf.number = this.recorded.nodes[leaf.place].data;
    this.show(this.recorded, null);
  }

  show(model, leaf) {
    this.player.setModel(model);
    this.tell(model, leaf ? [leaf] : this.leaves);
    const known = leaf && model.at(this.player.taken)[leaf.place].gradient;
    const has = typeof known === "number";
    const told = has ? "L is {loss}, the gradient of {name} is {gradient}." : "L is {loss}.";
    const parts = { loss: number(model.root.data), name: leaf?.name, gradient: has ? number(known) : "" };
    this.page.getElementById("spoken").textContent = say(told, parts);
  }

  /** The forward and the backward pass with the numbers of the leaves, as a model. */
  pass() {
    const { nodes, steps, seed } = this.recorded;
    const { program, slots, placeOf, initial } = this;
    const values = program.forward(this.leaves.map((leaf) => leaf.number));
    const found = program.backward(values, { seed: 0, initial }); // the seed is among the initial gradients
    return new Model({
      seed,
      nodes: nodes.map(({ place, name, op, operands, initial: first, gradient, source }) => {
        const slot = slots[place];
        return [name, op, values[slot], operands, first, gradient === null ? null : found.gradients[slot], source];
      }),
      steps: found.steps.slice(0, steps.length).map((step, place) => [
        place, placeOf[step.node], placeOf[step.operand], step.position,
        step.local, step.upstream, step.contribution, step.before, step.after,
      ]),
    });
  }

  /** What stands beside the leaves, and the first number that is not finite. */
  tell(model, changed = this.leaves) {
    for (const leaf of changed) leaf.show(this.recorded.nodes[leaf.place]);
    this.page.getElementById("reset").disabled = !this.leaves.some((leaf) => leaf.changed);
    const [note, text] = [this.page.getElementById("note"), notFinite(model)];
    note.hidden = !text;
    if (note.textContent !== text) note.textContent = text;
  }

  listen() {
    this.page.getElementById("reset").addEventListener("click", () => this.reset());
    this.page.getElementById("fold").addEventListener("click", (event) => {
      this.fold(event.target.getAttribute("aria-expanded") === "true");
    });
    for (const leaf of this.leaves) {
      leaf.input.addEventListener("input", () => {
        const typed = parsed(leaf.input.value);
        leaf.input.setAttribute("aria-invalid", String(typed === null));
        if (typed !== null) this.set(leaf, typed);
      });
      leaf.input.addEventListener("keydown", (event) => {
        const steps = { ArrowUp: 10, ArrowDown: -10, PageUp: 100, PageDown: -100 }[event.key];
        if (!steps) return;
        event.preventDefault();
        this.set(leaf, moved(leaf.number, steps * pace(event)));
      });
    }
    this.listenToDrags(this.page.getElementById("leaves"), (target) => {
      const row = target.closest("label")?.parentElement;
      return this.leaves.find((leaf) => leaf.row === row);
    });
    this.listenToDrags(this.page.getElementById("stage"), (target) => {
      const places = target.closest(".node.variable")?.dataset.nodes;
      return this.leafOf.get(Number(places));
    });
    this.page.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.drag) return;
      this.set(this.drag.leaf, this.drag.start);
      this.release();
    });
  }

  /** A leaf is taken hold of where the pointer goes down on it; a small movement is still a click. */
  listenToDrags(area, leafAt) {
    area.addEventListener("pointerdown", (event) => {
      const leaf = event.button === 0 ? leafAt(event.target) : null;
      if (leaf) this.drag = { leaf, start: leaf.number, x: event.clientX, steps: 0, begun: false };
    });
    area.addEventListener("pointermove", (event) => {
      if (!event.buttons) this.release(); // it was let go elsewhere
      const { drag } = this;
      if (!drag) return;
      if (!drag.begun) {
        if (Math.abs(event.clientX - drag.x) < 4) return;
        drag.begun = true;
        area.setPointerCapture(event.pointerId);
        this.page.body.classList.add("dragging");
      }
      drag.steps += (event.clientX - drag.x) * pace(event);
      drag.x = event.clientX;
      this.set(drag.leaf, moved(drag.start, drag.steps));
    });
    for (const end of ["pointerup", "pointercancel"]) area.addEventListener(end, () => this.release());
  }

  release() {
    this.drag = null;
    this.page.body.classList.remove("dragging");
  }
}

/** A leaf in the list: its name, a field for its number, and its gradient. */
class Leaf {
  constructor(page, node) {
    // Such as "layers.0.neurons.1" and "weights.0".
    const [, module = "", own] = /^(?:(.*\.\d+)\.(?=\D))?(.*)$/s.exec(node.name);
    Object.assign(this, { name: node.name, module, place: node.place, number: node.data, changed: false });
    const element = (tag, more) => Object.assign(page.createElement(tag), more);
    const id = `leaf-${node.place}`;
    this.row = element("li");
    this.input = element("input", { id, type: "text", autocomplete: "off", spellcheck: false });
    this.input.setAttribute("role", "spinbutton");
    this.gradient = element("span", { id: `${id}-gradient` });
    this.input.setAttribute("aria-describedby", this.gradient.id);
    this.input.setAttribute("aria-label", node.name);
    const label = element("label", { htmlFor: id, title: node.name, textContent: shortened(own) });
    this.row.append(label, this.input, this.gradient);
    this.input.addEventListener("focus", () => this.write());
    this.input.addEventListener("blur", () => this.write());
  }

  /** The number in full where it is edited, else with 6 digits. */
  write() {
    const edited = this.input.ownerDocument.activeElement === this.input;
    this.input.value = edited ? exact(this.number) : general(this.number, 6);
    this.input.removeAttribute("aria-invalid");
  }

  show(recorded) {
    this.changed = !Object.is(this.number, recorded.data);
    if (!Object.is(parsed(this.input.value), this.number)) this.write();
    this.input.setAttribute("aria-valuenow", this.number);
    this.input.setAttribute("aria-valuetext", number(this.number));
    this.row.className = this.changed ? "changed" : "";
  }

  /** The gradient as of the step, which may still be to come. */
  showGradient({ gradient, state }, bounds) {
    const known = gradient !== null;
    const text = known ? short(gradient) + (state === "final" ? "" : " + …") : "–";
    if (this.gradient.textContent !== text) this.gradient.textContent = text;
    this.gradient.className = `swatch ${known ? shade([gradient], bounds) : ""}`;
    this.gradient.title = `∂L/∂${this.name}${known ? ` = ${exact(gradient)}` : `: ${say("not computed yet")}`}`;
  }
}

/** The number moved by small steps: of 0.01 for numbers about 1, larger for larger numbers, smaller for tiny ones. */
function moved(start, steps) {
  const from = Number.isFinite(start) ? start : 0;
  const size = Math.abs(from);
  const step = 10 ** (size >= 10 || (size > 0 && size < 0.01) ? Math.floor(Math.log10(size)) - 2 : -2);
  const whole = Math.round(steps);
  return whole === 0 ? start : Number((from + whole * step).toPrecision(12));
}

/** How fast a key or a drag goes: ten times as fast with Shift, a tenth with Alt. */
const pace = (event) => (event.shiftKey ? 10 : event.altKey ? 0.1 : 1);

/** The first number of the pass that is not finite, as a sentence; empty if all are finite. */
function notFinite({ nodes, steps }) {
  const node = nodes.find(({ data }) => !Number.isFinite(data));
  if (node) {
    const operands = node.operands.map((place) => number(nodes[place].data)).join(", ");
    const how = node.operands.length ? `${node.op}(${operands}) = ` : "";
    const told = `${node.name} = ${how}${number(node.data)}`;
    return say("{told} is the first number that is not finite.", { told });
  }
  const step = steps.find(({ after }) => !Number.isFinite(after));
  if (!step) return "";
  const sizes = [Math.abs(step.local), Math.abs(step.upstream)];
  const why = sizes.includes(0) && sizes.includes(Infinity) ? say(": 0 · ∞, the chain rule cannot tell") : "";
  const parts = { place: step.place, line: line(step), why };
  return say("Step {place}, {line}, gives the first gradient that is not finite{why}.", parts);
}
