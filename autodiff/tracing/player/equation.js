/** What is said about a step: the equation, the sum so far, and the sentence for those who do not see. */
class Equation {
  constructor(page) {
    this.page = page;
    this.find = (id) => page.getElementById(id);
    this.say = (id, text) => (this.find(id).textContent = text);
  }

  /** A step that is taken; null at the start of the backward pass. */
  tell(model, step, states) {
    const { root, seed } = model;
    const { say } = this;
    const outside = step && Number.isNaN(step.local * step.upstream) && step.contribution === 0;
    this.page.body.classList.toggle("at-start", !step);
    const [target, source] = [step ? step.parent.name : root.name, step?.node.name ?? ""].map(shortened);
    this.find("equation").title = step ? line(step) : "";
    this.find("equation").classList.toggle("long", target.length + source.length > 12);
    say("target", `∂L/∂${target}`);
    say("adds", step ? "+=" : "=");
    say("local-name", step ? `∂${source}/∂${target}` : number(root.initial));
    say("local", step ? number(step.local) : "");
    say("upstream-name", step ? `∂L/∂${source}` : "");
    say("upstream", step ? number(step.upstream) : "");
    say("contribution", step ? number(step.contribution) : "");
    if (!step) {
      const begins = root.initial === 1 ? "The derivative of L with respect to itself is 1." : `The pass begins with ${number(seed)}.`;
      say("sum", `The forward pass is done; no other gradient is computed yet. ${begins}`);
      say("spoken", `Start. L is ${number(root.data)}. ${begins}`);
      return;
    }
    const { state, received } = states[step.parent.place];
    const expected = model.expected[step.parent.place];
    const whole = state === "final" ? "final" : `${received} of ${expected} contributions`;
    const why = outside ? " No dependence: nothing flows." : "";
    const computedIn = step.node.source ? ` (${step.node.source})` : "";
    say("sum", `∂L/∂${step.parent.name}: ${number(step.before)} → ${number(step.after)}, ${whole}.${why}${computedIn}`);
    say("spoken", `Step ${step.place}: ${line(step)}. The gradient of ${step.parent.name} is now ${number(step.after)}, ${whole}.${why}`);
  }

  /** The equation of a node that the forward pass has just computed; none at its start. */
  tellForward(model, node) {
    const { nodes, root } = model;
    const { say } = this;
    this.page.body.classList.toggle("at-start", !node);
    this.find("equation").title = "";
    const told = node ? computation(node, (place) => shortened(nodes[place].name)) : "";
    say("target", shortened((node ?? root).name));
    say("adds", "=");
    say("local-name", node ? told : "?");
    say("local", node ? computation(node, (place) => number(nodes[place].data)) : "");
    say("contribution", node ? number(node.data) : "");
    const source = node?.source ? ` (${node.source})` : "";
    const text = node ? `${node.name} = ${number(node.data)}${source}` : "Nothing is computed yet: the leaves have their numbers.";
    say("sum", text);
    say("spoken", `Forward pass. ${text}`);
  }

  /** The equation of a step that is to be guessed. */
  ask(model, { parent, node, upstream, place }) {
    const { say } = this;
    const [target, source] = [parent.name, node.name].map(shortened);
    this.page.body.classList.remove("at-start");
    say("target", `∂L/∂${target}`);
    say("adds", "+=");
    say("local-name", `∂${source}/∂${target}`);
    say("local", "?");
    say("upstream-name", `∂L/∂${source}`);
    say("upstream", number(upstream));
    say("contribution", "?");
    say("sum", `${source} = ${computation(node, (operand) => number(model.nodes[operand].data))} = ${number(node.data)}`);
    say("spoken", `Step ${place} is to be guessed: what does ${source} add to the gradient of ${target}?`);
  }
}
