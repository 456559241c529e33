const LISTED = 12; // of more contributions than these, the largest are listed

/** What there is to know about one node: its rule in symbols, its numbers, and the sum over its consumers. */
class Details {
  constructor(page, player, rules) {
    Object.assign(this, { page, player, rules, place: null });
    this.find = (id) => page.getElementById(id);
    this.panel = this.find("details");
    this.find("close").addEventListener("click", () => this.close());
    this.find("terms").addEventListener("click", (event) => {
      const link = event.target.closest("a");
      if (!link) return;
      event.preventDefault();
      player.pause();
      player.go(Number(link.dataset.step) + 1);
    });
    player.follow((model, states) => this.show(model, states));
  }

  open(place) {
    this.place = place;
    this.panel.hidden = false;
    this.show(this.player.model, this.player.model.at(this.player.taken));
  }

  close() {
    this.place = null;
    this.panel.hidden = true;
  }

  show(model, states) {
    if (this.place === null) return;
    const [node, state] = [model.nodes[this.place], states[this.place]];
    const operands = node.operands.map((operand) => model.nodes[operand].name);
    const shown = operands.length > 4 ? [...operands.slice(0, 3), "…", operands.at(-1)] : operands;
    this.find("node").textContent = operands.length ? `${node.name} = ${node.op}(${shown.join(", ")})` : node.name;
    const known = state.gradient !== null;
    const value = known ? exact(state.gradient) + (state.state === "final" ? "" : " + …") : say("not computed yet");
    const data = state.computed ? exact(node.data) : say("not computed yet");
    const gradient = node.op === "constant" ? say("none: it is a constant") : value;
    this.find("numbers").textContent = say("data {data}, gradient {gradient}", { data, gradient });
    this.find("rule").textContent = this.rules[node.op] ?? "";
    this.find("rule").hidden = !this.rules[node.op];
    this.listTerms(model, node);
    this.find("path").textContent = this.player.taken === model.steps.length ? told(largestPath(model, node)) : "";
  }

  /** The contributions of the node's consumers, whose sum is its gradient; those still to come have no numbers. */
  listTerms(model, node) {
    const { taken } = this.player;
    const all = model.steps.filter((step) => step.parent === node);
    const size = (step) => (Number.isNaN(step.contribution) ? Infinity : Math.abs(step.contribution));
    const listed = all.length > LISTED ? all.toSorted((a, b) => size(b) - size(a)).slice(0, LISTED) : all;
    listed.sort((a, b) => a.place - b.place);
    const items = listed.map((step) => {
      const item = this.page.createElement("li");
      const link = Object.assign(this.page.createElement("a"), { href: `#step=${step.place}`, textContent: say("step {place}", step) });
      link.dataset.step = step.place;
      const numbers = `${short(step.local)} × ${short(step.upstream)} = ${short(step.contribution)}`;
      const told = step.place < taken ? numbers : say("still to come");
      item.append(link, say(" through {name}: {told}", { name: step.node.name, told }));
      return item;
    });
    const more = all.length - listed.length;
    if (more) items.push(Object.assign(this.page.createElement("li"), { textContent: say("and {count} smaller ones", { count: more }) }));
    this.find("terms").replaceChildren(...items);
    const count = all.length;
    const sum = count === 1 ? "∂L/∂{name} is one contribution:" : "∂L/∂{name} is the sum of {count} contributions:";
    this.find("sum-of").textContent = count ? say(sum, { name: node.name, count }) : "";
  }
}

/** The path from L to a node along which most flows: the one of the greatest product of local derivatives. */
function largestPath(model, node) {
  const best = new Map([[model.root, { product: 1, edges: [] }]]);
  for (const step of model.steps) {
    const above = best.get(step.node);
    if (!above) continue;
    const product = above.product * step.local;
    const known = best.get(step.parent);
    if (!known || Math.abs(product) > Math.abs(known.product)) best.set(step.parent, { product, step, above });
  }
  const edges = [];
  for (let at = best.get(node); at?.step; at = at.above) edges.unshift(at.step);
  return { product: best.get(node)?.product, edges };
}

function told({ product, edges }) {
  if (!edges.length) return "";
  const names = [edges[0].node.name, ...edges.map((step) => step.parent.name)];
  const shown = names.length > 9 ? [...names.slice(0, 4), "…", ...names.slice(-4)] : names;
  const parts = { path: shown.join(" → "), product: short(product) };
  return say("Most flows along {path}: the product of the local derivatives is {product}.", parts);
}
