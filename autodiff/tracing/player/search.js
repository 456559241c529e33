/** Finds nodes by name, operation, size of the gradient, zero or nan, and brings them in sight one after another. */
class Search {
  constructor(page, player) {
    Object.assign(this, { page, player, found: [], at: -1 });
    this.field = page.getElementById("search");
    this.field.addEventListener("input", () => this.look());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.next(event.shiftKey ? -1 : 1);
      else if (event.key === "Escape") this.clear();
      else return;
      event.preventDefault();
    });
  }

  look() {
    const wanted = matcher(this.field.value);
    this.found = wanted ? this.player.model.nodes.filter(wanted) : [];
    this.at = -1;
    this.mark();
    this.tell();
    if (this.found.length) this.next(1);
  }

  /** Look among the numbers of another pass; what is in sight stays. */
  lookAgain() {
    const wanted = matcher(this.field.value);
    if (!wanted) return;
    const place = this.found[this.at]?.place;
    this.found = this.player.model.nodes.filter(wanted);
    this.at = Math.max(this.found.findIndex((node) => node.place === place), this.found.length ? 0 : -1);
    this.mark();
    this.tell();
  }

  clear() {
    this.field.value = "";
    this.look();
    this.field.blur();
  }

  /** The next one that is found, or the one before. */
  next(by) {
    const count = this.found.length;
    if (!count) return;
    this.at = (this.at + by + count) % count;
    this.mark();
    this.tell();
    const { view, stage } = this.player;
    view?.bring(stage.element, [this.found[this.at].place], this.page);
  }

  /** Mark what is found in the drawing. */
  mark() {
    const { view } = this.player;
    if (!view) return;
    const boxes = new Set(this.found.map((node) => view.boxOf.get(node.place)));
    const current = view.boxOf.get(this.found[this.at]?.place);
    for (const box of view.boxes) {
      box.element.classList.toggle("found", boxes.has(box));
      box.element.classList.toggle("found-now", box === current);
    }
  }

  tell() {
    const node = this.found[this.at];
    const count = this.found.length;
    const found = node ? say("{at} of {count}: {name}", { at: this.at + 1, count, name: node.name }) : "";
    const text = found || (this.field.value.trim() ? say("none") : "");
    this.page.getElementById("matches").textContent = text;
  }
}

/** Whether a node is what is looked for: `nan`, `0`, `> 0.1`, `< 1e-6`, an operation, or a part of a name. */
function matcher(query) {
  const wanted = query.trim().toLowerCase();
  if (!wanted) return null;
  const known = (node) => node.op !== "constant" && node.gradient !== null;
  if (wanted === "nan") return (node) => Number.isNaN(node.data) || (known(node) && Number.isNaN(node.gradient));
  if (wanted === "inf") return ({ data, gradient }) => [data, gradient].some((each) => Math.abs(each) === Infinity);
  if (wanted === "0" || wanted === "zero") return (node) => known(node) && node.gradient === 0;
  const [, sign, typed] = /^([<>]=?)\s*(.+)$/.exec(wanted) ?? [];
  const bound = sign ? parsed(typed) : null;
  const holds = { "<": (size) => size < bound, "<=": (size) => size <= bound, ">": (size) => size > bound, ">=": (size) => size >= bound };
  if (bound !== null) return (node) => known(node) && holds[sign](Math.abs(node.gradient));
  return ({ name, op }) => op === wanted || name.toLowerCase().includes(wanted);
}
