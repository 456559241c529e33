/** What is said about a step: the equation, the sum so far, and the sentence for those who do not see. */
class Equation {
  constructor(page) {
    this.page = page;
    this.find = (id) => page.getElementById(id);
    this.write = (id, text) => (this.find(id).textContent = text);
  }

  /** A step that is taken; null at the start of the backward pass. */
  tell(model, step, states) {
    const { root, seed } = model;
    const { write } = this;
    const outside = step && Number.isNaN(step.local * step.upstream) && step.contribution === 0;
    this.page.body.classList.toggle("at-start", !step);
    const [target, source] = [step ? step.parent.name : root.name, step?.node.name ?? ""].map(shortened);
    this.find("equation").title = step ? line(step) : "";
    this.find("equation").classList.toggle("long", target.length + source.length > 12);
    write("target", `∂L/∂${target}`);
    write("adds", step ? "+=" : "=");
    write("local-name", step ? `∂${source}/∂${target}` : number(root.initial));
    write("local", step ? number(step.local) : "");
    write("upstream-name", step ? `∂L/∂${source}` : "");
    write("upstream", step ? number(step.upstream) : "");
    write("contribution", step ? number(step.contribution) : "");
    if (!step) {
      const begins = root.initial === 1
        ? say("The derivative of L with respect to itself is 1.")
        : say("The pass begins with {seed}.", { seed: number(seed) });
      write("sum", `${say("The forward pass is done; no other gradient is computed yet.")} ${begins}`);
      write("spoken", `${say("Start. L is {loss}.", { loss: number(root.data) })} ${begins}`);
      return;
    }
    const { state, received } = states[step.parent.place];
    const expected = model.expected[step.parent.place];
    const whole = state === "final" ? say("final") : say("{received} of {expected} contributions", { received, expected });
    const why = outside ? ` ${say("No dependence: nothing flows.")}` : "";
    const computedIn = step.node.source ? ` (${step.node.source})` : "";
    write("sum", `∂L/∂${step.parent.name}: ${number(step.before)} → ${number(step.after)}, ${whole}.${why}${computedIn}`);
    const parts = { place: step.place, line: line(step), name: step.parent.name, after: number(step.after), whole };
    write("spoken", say("Step {place}: {line}. The gradient of {name} is now {after}, {whole}.", parts) + why);
  }

  /** The equation of a node that the forward pass has just computed; none at its start. */
  tellForward(model, node) {
    const { nodes, root } = model;
    const { write } = this;
    this.page.body.classList.toggle("at-start", !node);
    this.find("equation").title = "";
    const told = node ? computation(node, (place) => shortened(nodes[place].name)) : "";
    write("target", shortened((node ?? root).name));
    write("adds", "=");
    write("local-name", node ? told : "?");
    write("local", node ? computation(node, (place) => number(nodes[place].data)) : "");
    write("contribution", node ? number(node.data) : "");
    const source = node?.source ? ` (${node.source})` : "";
    const text = node ? `${node.name} = ${number(node.data)}${source}` : say("Nothing is computed yet: the leaves have their numbers.");
    write("sum", text);
    write("spoken", `${say("Forward pass.")} ${text}`);
  }

  /** The equation of a step that is to be guessed. */
  ask(model, { parent, node, upstream, place }) {
    const { write } = this;
    const [target, source] = [parent.name, node.name].map(shortened);
    this.page.body.classList.remove("at-start");
    write("target", `∂L/∂${target}`);
    write("adds", "+=");
    write("local-name", `∂${source}/∂${target}`);
    write("local", "?");
    write("upstream-name", `∂L/∂${source}`);
    write("upstream", number(upstream));
    write("contribution", "?");
    write("sum", `${source} = ${computation(node, (operand) => number(model.nodes[operand].data))} = ${number(node.data)}`);
    const asked = "Step {place} is to be guessed: what does {source} add to the gradient of {target}?";
    write("spoken", say(asked, { place, source, target }));
  }
}
