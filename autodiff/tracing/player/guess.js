const CLOSE = 0.01; // a guess that differs by less, relative to the number, is right

/** Guess first: the next contribution is hidden until the reader has typed it, and is told. */
class Guess {
  constructor(page, player) {
    Object.assign(this, { page, player, step: null });
    this.find = (id) => page.getElementById(id);
    this.toggle = this.find("guess");
    this.field = this.find("guessed");
    this.toggle.addEventListener("click", () => this.turn(!this.on));
    this.field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.check();
    });
    this.find("check").addEventListener("click", () => this.check());
    this.find("reveal").addEventListener("click", () => this.reveal());
  }

  get on() {
    return this.toggle.getAttribute("aria-pressed") === "true";
  }

  turn(on) {
    this.toggle.setAttribute("aria-pressed", String(on));
    if (on) this.ask(this.player.model.steps[Math.max(0, this.player.taken)]);
    else this.stop();
  }

  /** Ask for the contribution of a step that is not taken yet; if there is none, the pass is done. */
  ask(step) {
    this.player.pause();
    if (this.player.taken < 0) this.player.go(0);
    this.step = step ?? null;
    this.find("question").hidden = !this.step;
    this.say("");
    this.player.show();
    if (!this.step) return;
    this.field.value = "";
    this.field.focus({ preventScroll: true });
    this.bring("question");
  }

  stop() {
    this.forget();
    this.player.show();
  }

  /** The question is no longer asked. */
  forget() {
    this.step = null;
    this.find("question").hidden = true;
    this.say("");
  }

  check() {
    const typed = parsed(this.field.value);
    if (typed === null) return this.say(say("Type a number, such as −0.25."));
    const verdict = judged(typed, this.step);
    if (verdict) return this.say(verdict);
    this.reveal(say("Right: {product}.", { product: product(this.step) }));
  }

  /** Take the step, and ask for the next one. */
  reveal(praise = "") {
    const { step, player } = this;
    const told = praise || say("It is {product}.", { product: product(step) });
    player.go(step.place + 1);
    this.ask(player.model.steps[player.taken]);
    this.say(told);
  }

  say(text) {
    this.find("verdict").textContent = text;
    if (text) this.bring("verdict");
  }

  /** Bring in sight what, on a phone, is below the graph. */
  bring(id) {
    this.find(id).scrollIntoView({ block: "nearest", behavior: "instant" });
  }
}

const product = (step) => `${number(step.local)} × ${number(step.upstream)} = ${number(step.contribution)}`;

/** What is wrong with a guess; empty if it is right. */
function judged(typed, { local, upstream, contribution, before, after }) {
  const same = (number) =>
    Object.is(typed, number) || Math.abs(typed - number) <= CLOSE * Math.abs(number) || short(typed) === short(number);
  if (same(contribution)) return "";
  if (same(-contribution)) return say("The size is right, the sign is not.");
  if (same(local)) return say("That is the local derivative: multiply it by the upstream gradient.");
  if (same(upstream)) return say("That is the upstream gradient: multiply it by the local derivative.");
  if (before !== 0 && same(after)) return say("That is the whole gradient so far: what does this edge add to it?");
  if (same(local + upstream)) return say("Along an edge, the chain rule multiplies; it adds only where edges meet.");
  return say("Not yet: local derivative × upstream gradient.");
}
