const STEPS = ["{count} step", "{count} steps"];
const ADDRESS = 100; // milliseconds between two addresses

/** Shows a model in the page: text and classes change, the drawing stays. */
class Player {
  constructor(page, { pass, drawing, rules, code }) {
    this.page = page;
    this.rules = rules;
    this.opened = new Set(); // the modules that are open, by their numbers
    this.find = (id) => page.getElementById(id);
    this.taken = 0;
    this.timer = null;
    this.followers = [];
    this.guess = new Guess(page, this);
    this.search = new Search(page, this);
    this.details = null; // made when a node is clicked
    this.equation = new Equation(page);
    this.sight = new Sight();
    this.table = new Table(page, this.sight);
    this.stage = new Stage(page);
    this.modules = drawing?.modules ?? [];
    this.views = (drawing?.views ?? []).map((data) => new View(page, this.sight, drawing, data));
    this.view = this.firstView = this.views[drawing?.first] ?? null;
    this.model = new Model(expanded(pass));
    if (this.view) this.draw();
    this.export = new Export(page, this);
    this.listen();
    this.toggles = this.view ? new Toggles(this) : null;
    this.find("zoom").hidden = !this.view;
    this.setModel(this.model);
    if (code.length) this.code = new Code(page, this, code);
    this.offerViews();
    this.arrive();
    this.arrived = true; // a widget around the page says where to begin
  }

  /** Show what the address asks for. */
  arrive() {
    const computed = /\bforward=(\d+)/.exec(location.hash);
    const forward = computed && Number(computed[1]) - this.model.forward.length;
    const [taken, view, opened] = [forward ?? this.asked() ?? 0, this.askedView(), this.askedOpen()];
    this.taken = taken;
    const isOther = String([...opened]) !== String([...this.opened]);
    this.opened = opened;
    if (view !== this.view || (view && isOther)) this.choose(view);
    this.go(taken);
  }

  /** Show another pass over the same graph: every number, colour and step follows, at once where it is seen. */
  setModel(model) {
    this.model = model;
    const { nodes, steps } = model;
    const size = [counted(nodes.length, "{count} node", "{count} nodes"), counted(steps.length, ...STEPS)];
    this.find("size").textContent = size.join(", ");
    this.find("slider").min = -model.forward.length;
    this.find("slider").max = steps.length;
    this.table.setSteps(steps);
    this.guess.step &&= steps[this.guess.step.place];
    this.search.lookAgain();
    this.fillLegend();
    this.show();
  }

  /** Show the pass after that many steps. */
  go(taken) {
    this.taken = taken;
    this.guess.forget();
    this.show();
    this.table.mark(this.taken);
    this.stage.reveal(this.step);
    this.remember(this.step);
    if (this.arrived && parent !== window) parent.postMessage({ step: Math.max(0, this.taken) - 1 }, "*"); // to a widget around the page
    if (this.playing) this.view?.travel(Number(this.find("speed").value) * 0.8);
    if (this.taken === this.model.steps.length) this.pause();
  }

  /** The start of the backward pass; from there, that of the forward pass. */
  goToStart() {
    this.go(this.taken > 0 ? 0 : -this.model.forward.length);
  }

  /** Call a function with the model, and the states of its nodes, now and whenever they change. */
  follow(follower) {
    this.followers.push(follower);
    follower(this.model, this.model.at(this.taken));
  }

  /** The last of the steps that are taken: of the forward pass, the node alone; null at the starts. */
  get step() {
    if (this.taken > 0) return this.model.steps[this.taken - 1];
    const node = this.taken < 0 ? this.model.forward.at(this.taken - 1) : null;
    return node && this.model.forward.length + this.taken > 0 ? { node } : null;
  }

  /** Show the graph after the steps that are taken. */
  show() {
    const { model } = this;
    this.taken = Math.max(-model.forward.length, Math.min(this.taken, model.steps.length));
    const { step } = this;
    const states = model.at(this.taken);
    this.view?.show(model, states, this.taken, this.guess.step ?? step);
    for (const follower of this.followers) follower(model, states);
    this.page.body.classList.toggle("guessing", Boolean(this.guess.step));
    this.page.body.classList.toggle("forward", this.taken < 0);
    const { root } = model;
    this.find("root").textContent = `L = ${root.name === "L" ? "" : `${root.name} = `}${this.taken < 0 ? "…" : number(root.data)}`;
    if (this.guess.step) this.equation.ask(model, this.guess.step);
    else if (this.taken < 0) this.equation.tellForward(model, step?.node);
    else this.equation.tell(model, step, states);
    const [slider, atEnd] = [this.find("slider"), this.taken === model.steps.length];
    slider.value = this.taken;
    const computed = model.forward.length + this.taken;
    const where = this.taken < 0
      ? say("forward: {computed} of {all}", { computed, all: model.forward.length })
      : say("{taken} of {all} taken", { taken: this.taken, all: counted(model.steps.length, ...STEPS) });
    const told = step?.parent ? say("{where}, step {place}: {line}", { where, place: step.place, line: line(step) }) : where;
    slider.setAttribute("aria-valuetext", told);
    this.find("where").textContent = where;
    for (const id of ["first", "back"]) this.find(id).disabled = computed <= 0;
    for (const id of ["next", "last"]) this.find(id).disabled = atEnd;
  }

  play() {
    if (this.taken === this.model.steps.length) this.go(-this.model.forward.length);
    if (!this.model.steps.length) return;
    this.setPlaying(true);
    const tick = () => {
      this.timer = setTimeout(tick, Number(this.find("speed").value));
      this.go(this.taken + 1);
    };
    this.timer = setTimeout(tick, Number(this.find("speed").value) / 2);
  }

  pause() {
    clearTimeout(this.timer);
    this.timer = null;
    this.setPlaying(false);
  }

  get playing() {
    return this.timer !== null;
  }

  setPlaying(playing) {
    const button = this.find("play");
    this.page.body.classList.toggle("playing", playing);
    button.setAttribute("aria-label", say(playing ? "pause" : "play"));
    this.find("spoken").setAttribute("aria-live", playing ? "off" : "polite");
  }

  /** The next step forwards; in guess mode, it is asked for first. */
  next() {
    if (this.guess.step) this.guess.reveal();
    else if (this.guess.on && this.taken >= 0) this.guess.ask(this.model.steps[this.taken]);
    else this.go(this.taken + 1);
  }

  fillLegend() {
    const bounds = this.model.scale;
    const texts = ["0", `< ${short(bounds[0])}`, ...bounds.map((bound) => `≥ ${short(bound)}`)];
    const span = (text, classes = "") => {
      const made = this.page.createElement("span");
      made.className = classes;
      made.textContent = text;
      return made;
    };
    const positive = texts.map((text, place) => span(text, `swatch grad-${place}`));
    const negative = span("");
    negative.append(
      span(say("if negative"), "title"), ...[1, 2, 3, 4, 5].map((place) => span("\u00a0", `swatch grad-${place} negative`)),
    );
    this.find("legend").replaceChildren(span(say("size of gradient"), "title"), ...positive, negative);
  }

  /** Show all there is to know about a node. */
  explain(place) {
    this.details ??= new Details(this.page, this, this.rules);
    this.details.open(place);
  }

  // ── Views, size, theme, address ─────────────────────────────────────────────────────────────

  offerViews() {
    const choice = this.find("views");
    choice.hidden = this.views.length < 2;
    for (const view of this.views) {
      const [label, input] = [this.page.createElement("label"), this.page.createElement("input")];
      Object.assign(input, { type: "radio", name: "view", checked: view === this.view });
      input.addEventListener("change", () => this.choose(view));
      label.append(input, say(view.title));
      choice.append(label);
    }
    this.fit();
  }

  choose(chosen) {
    const inputs = this.find("views").querySelectorAll("input");
    if (inputs.length) inputs[this.views.indexOf(chosen)].checked = true;
    this.view = chosen;
    this.draw();
    this.fit();
    this.show();
    this.remember(this.step);
    this.search.mark();
  }

  /** Draw the view that is chosen. */
  draw() {
    this.view.make(this.find("stage"), this.model, this.opened);
    for (const view of this.views) view.svg?.toggleAttribute("hidden", view !== this.view);
    this.stage.show(this.view);
    this.toggles?.take();
  }

  /** Open a folded box, or close it; what is at its corner stays there. */
  toggle(module) {
    const before = this.view.corner(module);
    if (!this.opened.delete(module)) this.opened.add(module);
    const { zoom } = this.stage;
    this.draw();
    this.stage.zoom = zoom;
    this.stage.fit();
    this.show();
    const after = this.view.corner(module);
    if (before && after) {
      this.find("stage").scrollBy({ left: after[0] - before[0], top: after[1] - before[1], behavior: "instant" });
    }
    this.search.mark();
    this.remember(this.step);
  }

  /** Fit the graph to the window; the step stays in sight. */
  fit() {
    this.stage.fit();
    this.stage.reveal(this.step);
  }

  resize(how) {
    if (how === "fit") {
      this.stage.whole();
      this.stage.reveal(this.step);
      return;
    }
    const { left, top, width, height } = this.find("stage").getBoundingClientRect();
    this.stage.enlarge({ in: 1.25, out: 0.8 }[how], left + width / 2, top + height / 2);
  }

  toggleTheme() {
    const root = this.page.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  /** Keep the step and the view in the address, where the page has one of its own; browsers refuse to do so often. */
  remember(step) {
    if (location.protocol === "about:") return;
    const state = new URLSearchParams();
    if (this.taken < 0) state.set("forward", this.model.forward.length + this.taken);
    else if (step) state.set("step", step.place);
    if (this.view !== this.firstView) state.set("view", this.view.title);
    if (this.opened.size) state.set("open", [...this.opened].map((module) => this.modules[module][0]).join());
    const wanted = state.size ? `#${state}` : "";
    clearTimeout(this.writing);
    if (location.hash === wanted) return;
    const wait = (this.written ?? -Infinity) + ADDRESS - performance.now();
    this.writing = setTimeout(() => {
      this.written = performance.now();
      history.replaceState(null, "", wanted || location.pathname + location.search);
    }, Math.max(0, wait)); // never at once: it takes longer than a step
  }

  /** How many steps the address asks for, as `#step=12` or `#12`: that step is the last of them. */
  asked() {
    const found = /^#(?:.*\bstep=)?(\d+)\b/.exec(location.hash);
    return found ? Number(found[1]) + 1 : null;
  }

  /** The view that the address asks for, as `#view=layers`; the first one if it asks for none. */
  askedView() {
    const title = new URLSearchParams(location.hash.slice(1)).get("view");
    return this.views.find((view) => view.title === title) ?? this.firstView;
  }

  /** The modules that the address asks for, as `#open=layers.0,layers.1`. */
  askedOpen() {
    const names = new URLSearchParams(location.hash.slice(1)).get("open")?.split(",") ?? [];
    return new Set(names.map((name) => this.modules.findIndex(([known]) => known === name)).filter((at) => at >= 0));
  }

  // ── What the reader does ────────────────────────────────────────────────────────────────────

  listen() {
    const moves = {
      first: () => this.goToStart(),
      back: () => this.go(this.taken - 1),
      next: () => this.next(),
      last: () => this.go(this.model.steps.length),
    };
    const stepping = (move) => () => {
      this.pause();
      move();
    };
    const toggle = () => (this.playing ? this.pause() : this.play());
    for (const [id, move] of Object.entries(moves)) this.find(id).addEventListener("click", stepping(move));
    this.find("play").addEventListener("click", toggle);
    this.find("theme").addEventListener("click", () => this.toggleTheme());
    this.find("slider").addEventListener("input", (event) => stepping(() => this.go(Number(event.target.value)))());
    for (const button of this.find("zoom").children) {
      button.addEventListener("click", () => this.resize(button.dataset.zoom));
    }
    const keys = {
      ArrowRight: stepping(moves.next),
      ArrowLeft: stepping(moves.back),
      Home: stepping(moves.first),
      End: stepping(moves.last),
      " ": toggle,
      "+": () => this.view && this.resize("in"),
      "-": () => this.view && this.resize("out"),
      0: () => this.view && this.resize("fit"),
      d: () => this.toggleTheme(),
      g: () => this.guess.turn(!this.guess.on),
      "/": () => this.search.field.focus(),
      Escape: () => this.details?.close(),
    };
    this.page.addEventListener("keydown", (event) => {
      if (event.defaultPrevented) return; // a part of the page has its own use for it
      const own = event.target.closest?.("input, select, button, a");
      const typed = own && (own.matches("input, select") || event.key === " ");
      if (!keys[event.key] || typed || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      keys[event.key]();
    });
    this.find("rows").addEventListener("click", (event) => {
      event.preventDefault();
      const row = event.target.closest("tr");
      if (row) stepping(() => this.go(Number(row.dataset.step) + 1))();
    });
    this.find("stage").addEventListener("click", (event) => {
      if (event.target.closest(".toggle")) return;
      const node = event.target.closest(".node[data-nodes]");
      if (node) this.explain(Number(node.dataset.nodes.split(" ").at(-1)));
      const step = this.view?.stepAt(event.target, this.model);
      if (step) stepping(() => this.go(step.place + 1))();
    });
    addEventListener("hashchange", stepping(() => this.arrive()));
    addEventListener("resize", () => this.fit());
    addEventListener("message", ({ source, data }) => {
      if (source === parent && Number.isInteger(data?.step) && data.step !== this.taken - 1) stepping(() => this.go(data.step + 1))();
    });
    addEventListener("beforeprint", () => this.table.complete());
    addEventListener("afterprint", () => this.table.make(this.table.first));
    const stage = this.find("stage");
    let width = stage.offsetWidth;
    new ResizeObserver(() => {
      if (stage.offsetWidth === width) return; // a scrollbar that came or went
      width = stage.offsetWidth;
      this.fit();
    }).observe(stage);
  }
}

/** The end of a long name, from a dot on if there is one: `…0.weights.2`. */
function shortened(name) {
  const letters = [...name];
  if (letters.length <= 16) return name;
  const end = letters.slice(-15);
  return `…${end.slice(end.indexOf(".") + 1).join("")}`;
}

