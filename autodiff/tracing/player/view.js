const LETTER = 7.2; // the width of a letter of a number
const BETWEEN = 76; // the room for a number between two boxes
const BESIDE = 50; // the width of a box that is no room for a number: its name and the padding

const AT_ONCE = 400; // so many parts are written at once, seen or not

/** Writes parts of the drawing anew when the model changes: visible ones at once, the others when seen or a little later. */
class Sight {
  constructor() {
    this.seen = new Set();
    this.stale = new Set();
    this.all = new Map();
    this.observer = new IntersectionObserver((changes) => {
      for (const { target, isIntersecting } of changes) {
        const thing = this.all.get(target);
        if (isIntersecting) this.seen.add(thing);
        else this.seen.delete(thing);
        if (isIntersecting) this.write(thing);
      }
    });
  }

  /** Something with an `element` and a function `write`. */
  watch(thing) {
    this.all.set(thing.element, thing);
    this.observer.observe(thing.element);
    return thing;
  }

  forget(thing) {
    this.observer.unobserve(thing.element);
    this.all.delete(thing.element);
    this.seen.delete(thing);
    this.stale.delete(thing);
  }

  change(things) {
    for (const thing of things) this.stale.add(thing);
    for (const thing of this.seen) this.write(thing);
    clearTimeout(this.later);
    if (this.stale.size <= AT_ONCE) this.settle();
    else this.later = setTimeout(() => this.settle(), 250);
  }

  write(thing) {
    if (this.stale.delete(thing)) thing.write();
  }

  /** Write all that is left. */
  settle() {
    clearTimeout(this.later);
    for (const thing of this.stale) thing.write();
    this.stale.clear();
  }
}

/** One drawing of the graph: its boxes and arrows, with the nodes and edges they stand for. It is made when it is shown. */
class View {
  constructor(page, sight, drawing, data) {
    Object.assign(this, { page, sight, drawing, data, title: data.title, boxes: [], arrows: [] });
  }

  /** Draw it in the stage, with these modules open, if that is still to do. */
  make(stage, model, opened) {
    const wanted = [...opened].join();
    if (this.svg && this.opened === wanted) return;
    this.opened = wanted;
    this.arrangement = new Arrangement(this.drawing, this.data, opened);
    this.drawn = new Drawing(this.page, this.arrangement, model, this.drawing.modules);
    const { parts, attributes } = this.drawn;
    if (!this.svg) {
      this.svg = this.page.createElementNS("http://www.w3.org/2000/svg", "svg");
      this.svg.setAttribute("class", "view");
      this.svg.dataset.title = this.title;
      stage.append(this.svg);
    }
    for (const part of [...this.boxes, ...this.arrows]) this.sight.forget(part);
    for (const [name, value] of Object.entries(attributes)) this.svg.setAttribute(name, value);
    this.svg.replaceChildren(...parts);
    this.read(this.svg);
  }

  read(svg) {
    this.now = null; // nothing is written yet
    [this.width, this.height] = [this.arrangement.width, this.arrangement.height];
    this.toggles = [...svg.querySelectorAll(".toggle")];
    this.boxOf = new Map();
    this.arrowOf = new Map();
    this.boxes = [...svg.querySelectorAll(".node[data-nodes]")].map((group) => {
      const room = group.querySelector("rect").width.baseVal.value - BESIDE;
      const box = new Part(group, ["data", "grad"], room, () => this.writeBox(box));
      box.nodes = group.dataset.nodes.split(" ").map(Number);
      for (const member of group.dataset.members.split(" ")) this.boxOf.set(Number(member), box);
      return this.sight.watch(box);
    });
    this.arrows = [...svg.querySelectorAll(".edge[data-edges]")].map((group) => {
      const arrow = new Part(group, ["local", "contribution"], BETWEEN, () => this.writeArrow(arrow));
      arrow.edges = group.dataset.edges.split(" ");
      for (const edge of arrow.edges) this.arrowOf.set(edge, arrow);
      return this.sight.watch(arrow);
    });
  }

  /** The corner of an open frame, or of a folded box, in the window. */
  corner(module) {
    const { frames, boxes } = this.arrangement;
    const part = frames.find((frame) => frame.isOpen && frame.module === module) ?? boxes.find((box) => box.module === module);
    if (!part) return null;
    const svg = this.svg.getBoundingClientRect();
    return [svg.left + (part.x * svg.width) / this.width, svg.top + (part.y * svg.height) / this.height];
  }

  /** The boxes as one path, for the overview. */
  outlines() {
    return [...this.svg.querySelectorAll(".node")].map((group) => {
      const { e, f } = group.transform.baseVal.consolidate().matrix;
      const { width, height } = group.querySelector("rect");
      return `M${e} ${f}h${width.baseVal.value}v${height.baseVal.value}h${-width.baseVal.value}z`;
    }).join("");
  }

  /** Show the graph after that many steps, of which the last one is active. */
  show(model, states, taken, step) {
    const before = this.now;
    const ends = step ? [this.boxOf.get(step.node.place), this.boxOf.get(step.parent?.place)] : [];
    this.now = { model, states, taken, step, ends };
    const next = before?.model === model && Math.abs(before.taken - taken) <= 1 && before.taken < 0 === taken < 0;
    this.sight.change(next ? this.touched([before.step, step]) : [...this.boxes, ...this.arrows]);
  }

  /** A token travels the edges of the step: to the operand on the way back, to the result on the way forward. */
  travel(milliseconds) {
    const { step } = this.now;
    for (const arrow of step ? this.arrowsOf(step).slice(0, 8) : []) {
      const token = document.createElementNS("http://www.w3.org/2000/svg", "circle");
      const path = arrow.element.querySelector("path").getAttribute("d");
      token.setAttribute("class", "token");
      token.setAttribute("r", 7);
      token.style.offsetPath = `path("${path}")`;
      this.svg.append(token);
      const way = ["0%", "100%"];
      const frames = { offsetDistance: step.parent ? way.reverse() : way };
      token.animate(frames, { duration: milliseconds, easing: "ease-in-out" }).onfinish = () => token.remove();
    }
  }

  /** The arrows of a step: its edge, or on the way forward, all that lead to its node. */
  arrowsOf({ edge, node }) {
    const edges = edge ? [edge] : node.operands.map((_, position) => `${node.place}_${position}`);
    return [...new Set(edges.map((each) => this.arrowOf.get(each)).filter(Boolean))];
  }

  /** What changes with a step: its edge, and the boxes at its ends. */
  touched(steps) {
    const parts = steps.filter(Boolean).flatMap((step) => [
      ...this.arrowsOf(step), this.boxOf.get(step.node.place), this.boxOf.get(step.parent?.place),
    ]);
    return parts.filter(Boolean);
  }

  writeBox(box) {
    const { model, states, ends } = this.now;
    const of = box.nodes.map((place) => states[place]);
    const known = of.filter((state) => state.gradient !== null).map((state) => state.gradient);
    const all = known.length === of.length;
    const state = of.every((one) => one.state === "final") ? "final" : known.length ? "partial" : "waiting";
    const computed = of.every((one) => one.computed);
    box.say("data", computed ? span(box.nodes.map((place) => model.nodes[place].data)) : "…");
    box.say("grad", known.length ? span(known) + (state === "final" ? "" : " + …") : say("not computed"));
    const active = box === ends[1] ? "active operand" : box === ends[0] ? "active result" : "";
    const lost = computed && all && [...known, ...box.nodes.map((place) => model.nodes[place].data)].some(Number.isNaN);
    box.mark([state, computed ? "" : "uncomputed", shade(known, model.scale), active, lost ? "lost" : ""]);
    box.hint(() => (computed ? box.nodes : []).map((place, at) => describe(model.nodes[place], of[at])).join("\n"));
  }

  writeArrow(arrow) {
    const { model, taken, step } = this.now;
    const own = arrow.edges.map((edge) => model.stepOfEdge.get(edge));
    const steps = own.filter((one) => one && one.place < taken);
    const whole = steps.length === arrow.edges.length;
    const one = whole && steps.every((other) => other.parent === steps[0].parent);
    const sum = one ? steps.reduce((total, other) => total + other.contribution, 0) : null;
    arrow.say("local", own[0] && taken >= 0 ? `×${short(own[0].local)}` : "");
    arrow.say("contribution", one ? `+= ${short(sum)}` : "");
    const colour = shade(one ? [sum] : steps.map((other) => other.contribution), model.scale);
    const active = step && this.arrowsOf(step).includes(arrow);
    if (active) this.drawn.turn(arrow.element);
    arrow.mark([steps.length ? `taken ${colour}` : "", active ? "active" : "", active && !step.parent ? "forwards" : ""]);
    arrow.hint(() => (steps.length === 1 ? line(steps[0]) : ""));
  }

  /** The step that a click means: that of an edge, or the one that completes the gradient of a node. */
  stepAt(target, model) {
    const edge = target.closest(".edge[data-edges]");
    if (edge) return model.stepOfEdge.get(edge.dataset.edges.split(" ").at(-1));
    const node = target.closest(".node[data-nodes]");
    const places = node ? node.dataset.nodes.split(" ").map(Number) : [];
    return model.steps.findLast((step) => places.includes(step.parent.place));
  }

  /** Scroll the stage so that the ends of the active edge are seen; at the start, the root. */
  reveal(stage, step, page) {
    const places = step ? [step.node.place, ...(step.parent ? [step.parent.place] : [])] : [Math.max(...this.boxOf.keys())];
    this.bring(stage, places, page);
  }

  /** Scroll the stage so that the boxes of some nodes are seen, above all the last one. */
  bring(stage, places, page) {
    const seen = stage.getBoundingClientRect();
    const rects = places.map((place) => this.boxOf.get(place)?.element.getBoundingClientRect()).filter(Boolean);
    if (!rects.length) return;
    const margin = 12;
    const box = {
      left: Math.min(...rects.map((rect) => rect.left)) - margin,
      right: Math.max(...rects.map((rect) => rect.right)) + margin,
      top: Math.min(...rects.map((rect) => rect.top)) - margin,
      bottom: Math.max(...rects.map((rect) => rect.bottom)) + margin,
    };
    const last = rects.at(-1); // where both do not fit, the operand counts, and as much of the edge as there is room for
    const move = (low, high, from, to, lastLow, lastHigh) => {
      if (low >= from && high <= to) return 0;
      if (high - low <= to - from) return (low + high) / 2 - (from + to) / 2;
      return lastLow - low < high - lastHigh ? low - from : high - to;
    };
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches || page.body.classList.contains("playing");
    stage.scrollBy({
      left: move(box.left, box.right, seen.left, seen.right, last.left, last.right),
      top: move(box.top, box.bottom, seen.top, seen.bottom, last.top, last.bottom),
      behavior: still ? "instant" : "smooth",
    });
  }
}

/** A group of the drawing whose texts and classes change; what stays the same is not written again. */
class Part {
  constructor(group, texts, room, write) {
    this.element = group;
    this.room = room; // a longer text is made narrower
    this.write = write;
    this.still = group.getAttribute("class");
    this.marks = null;
    this.title = null; // made when it is asked for
    this.texts = Object.fromEntries(texts.map((name) => [name, group.querySelector(`text.${name}`)]));
  }

  say(name, text) {
    const element = this.texts[name];
    if (!element || element.textContent === text) return;
    element.textContent = text;
    if (text.length * LETTER > this.room) element.setAttribute("textLength", this.room);
    else element.removeAttribute("textLength");
  }

  mark(classes) {
    const marks = [this.still, ...classes].filter(Boolean).join(" ");
    if (marks === this.marks) return;
    const kept = ["found", "found-now"].filter((name) => this.element.classList.contains(name)); // by a search
    this.element.setAttribute("class", [marks, ...kept].join(" "));
    this.marks = marks;
  }

  /** What the browser shows where the pointer rests: told when it comes. */
  hint(tell) {
    this.element.onpointerenter = () => {
      if (!this.title) {
        this.title = this.element.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "title");
        this.element.prepend(this.title);
      }
      this.title.textContent = tell();
    };
  }
}
