const [PAD, ROW, LINE, HEAD] = [8, 18, 16, 8]; // around the text of a box, its lines, those beside an edge, an arrowhead

/** An arrangement as SVG without numbers: a view writes them, and marks by classes what happens. */
class Drawing {
  constructor(page, arrangement, model, modules) {
    Object.assign(this, { page, model, modules, ways: new Map() });
    const told = "Computation graph, {count} boxes: the table of steps says the same in words";
    const label = say(told, { count: arrangement.boxes.length });
    const arrows = arrangement.arrows(model.nodes);
    const toggles = [...arrangement.frames, ...arrangement.boxes].map((part) => this.toggle(part)).filter(Boolean);
    this.shown = this.make("g", { "aria-hidden": "true" }, [
      ...arrangement.frames.map((frame) => this.frame(frame)),
      ...arrows.map((arrow) => this.arrow(arrow)),
      ...arrangement.boxes.map((box) => this.box(box)),
    ]);
    const bar = { role: "toolbar", "aria-label": say("open and close boxes"), "aria-orientation": "vertical", class: "toggles" };
    this.parts = [this.shown, ...(toggles.length ? [this.make("g", bar, toggles)] : [])];
    this.attributes = {
      viewBox: `0 0 ${arrangement.width} ${arrangement.height}`, role: "group", "aria-label": label,
    };
  }

  make(tag, attributes, content = []) {
    const element = this.page.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...[content].flat());
    return element;
  }

  frame({ module, x, y, width, height, name, isOpen }) {
    let depth = 0;
    for (let at = module; at >= 0; at = this.modules[at][1]) depth += 1;
    return this.make("g", { class: `module depth-${Math.min(depth, 3)}` }, [
      this.make("rect", { x, y, width, height, rx: 10 }),
      this.make("text", { x: x + (isOpen ? 28 : 10), y: y + 17 }, name),
    ]);
  }

  box({ kind, name, sign, x, y, width, height, nodes, members, canOpen }) {
    const rect = this.make("rect", { width, height, rx: Math.min(9, height / 2) });
    const at = { transform: `translate(${x} ${y})`, "data-members": members.join(" ") };
    const text = (classes, across, down, content, more = {}) =>
      this.make("text", { class: classes, x: across, y: down, ...more }, content);
    if (kind === "constant") return this.make("g", { class: "node constant", ...at }, [rect, text("middle", width / 2, 16, name)]);
    const [right, first] = [width - PAD, kind === "folded" ? 2 * ROW : ROW];
    const counts = { count: members.length, outputs: nodes.length };
    const second = kind === "folded"
      ? text("quiet", PAD, first, say(nodes.length > 1 ? "{count} nodes, {outputs} outputs" : "{count} nodes", counts))
      : text("op", right, ROW, sign);
    const numbers = ["data", "grad"].flatMap((what, row) => [
      text("quiet", PAD, first + ROW * (row + 1), what),
      text(what, right, first + ROW * (row + 1), "", { lengthAdjust: "spacingAndGlyphs" }),
    ]);
    const unnamed = kind === "result" && name === `v${nodes[0]}` ? " unnamed" : "";
    return this.make("g", { class: `node ${kind}${unnamed}`, ...at, "data-nodes": nodes.join(" ") }, [
      rect, text("name", PAD, ROW, name), second, ...numbers,
    ]);
  }

  /** The arrowhead is that of the forward pass. */
  arrow({ tail, folded, edges, points, tip, label }) {
    const end = tip ?? points.at(-1);
    const curve = tip ? points : [...points.slice(0, -1), towards(end, points.at(-2), HEAD)];
    const parts = [
      this.make("path", { d: `M${curve[0]}C${curve.slice(1).join(" ")}` }),
      this.head("head", end, curve.at(-1), HEAD, 3.4),
    ];
    const constant = tail.kind === "constant";
    if (constant) return this.make("g", { class: "edge constant" }, parts);
    if (label) {
      const lines = [...(folded ? [] : ["local"]), "contribution", ...(edges.length > 1 ? ["quiet"] : [])];
      const top = label[1] - (LINE * lines.length) / 2 + 12;
      parts.push(...lines.map((name, row) => {
        const content = name === "quiet" ? say("{count} edges", { count: edges.length }) : "";
        return this.make("text", { class: name, x: label[0], y: top + LINE * row, lengthAdjust: "spacingAndGlyphs" }, content);
      }));
    }
    const made = this.make("g", { class: "edge", "data-edges": edges.join(" ") }, parts);
    this.ways.set(made, [curve, end]);
    return made;
  }

  /** Show where the error flows: the other arrowhead, at the start. Few of thousands of edges are ever active. */
  turn(edge) {
    if (!this.ways.has(edge)) return;
    const [curve, end] = this.ways.get(edge);
    this.ways.delete(edge);
    const back = curve.find(([x, y]) => Math.hypot(x - curve[0][0], y - curve[0][1]) >= 13) ?? curve.at(-1);
    edge.querySelector(".head").after(
      this.make("path", { class: "rest", d: `M${curve.at(-1)}L${end}` }), this.head("back", curve[0], back, 13, 6),
    );
  }

  /** A triangle whose axis goes from its tip towards its base. */
  head(name, tip, base, length, half) {
    const [x, y] = towards([0, 0], [base[0] - tip[0], base[1] - tip[1]], 1, [1, 0]);
    const side = (by) => [tip[0] + length * x - by * y, tip[1] + length * y + by * x];
    return this.make("polygon", { class: name, points: [tip, side(half), side(-half)].join(" ") });
  }

  /** The button that opens a folded box, or closes a frame that was one. */
  toggle({ module, x, y, width, isOpen, canOpen }) {
    if (!isOpen && !canOpen) return null;
    const name = this.modules[module][0];
    const at = `translate(${isOpen ? x + 15 : x + width - 15} ${y + 13})`;
    const label = say(isOpen ? "close {name}" : "open {name}", { name });
    const button = { class: "toggle", role: "button", tabindex: -1, "aria-expanded": Boolean(isOpen), "aria-label": label };
    return this.make("g", { ...button, "data-module": module, transform: at }, [
      this.make("title", {}, label),
      this.make("circle", { r: 9 }),
      this.make("path", { d: isOpen ? "M-4.5 0h9" : "M-4.5 0h9M0 -4.5v9" }),
    ]);
  }
}

/** A point that far from one on the way to another. */
function towards([x, y], [endX, endY], far, fallback = [x, y]) {
  const length = Math.hypot(endX - x, endY - y);
  if (!length) return fallback;
  const part = Math.min(1, far / length);
  return [x + part * (endX - x), y + part * (endY - y)];
}
