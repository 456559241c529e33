const PADDING = 4; // of the stage, as in the style
const [SMALLEST, READABLE, LARGEST] = [0.8, 1, 1.5]; // times the page's text; a graph that must be smaller is scrolled
const CLICK = 4; // a pointer that moves less does not drag

/** The part of the page that shows a view: how large it is, and what is seen of it. */
class Stage {
  constructor(page) {
    this.page = page;
    this.element = page.getElementById("stage");
    this.overview = page.getElementById("overview");
    this.view = null;
    this.zoom = null; // times the page's text; null for as large as fits and can be read
    this.isWhole = false; // whether all of the graph was asked for
    this.pointer = null; // where the graph was taken hold of
    this.listen();
  }

  /** Show another view. */
  show(view) {
    this.view = view;
    this.zoom = null;
    this.isWhole = false;
    this.drawOverview();
  }

  /** Make the graph as large as was asked for, or as fits the window and can still be read. */
  fit() {
    if (!this.view) return;
    const unit = this.unit();
    const fitting = Math.min(this.fitting(), LARGEST);
    this.resize(unit * (this.zoom ?? (fitting < SMALLEST ? READABLE : fitting)));
  }

  /** Show all of the graph, however small; or, if all of it is seen already, as large as can be read. */
  whole() {
    this.element.scrollTo({ left: 0, top: 0, behavior: "instant" });
    this.resize(0); // without scrollbars there is more room
    this.zoom = this.isWhole ? null : Math.min(this.fitting(), LARGEST);
    this.isWhole = !this.isWhole;
    this.fit();
  }

  /** How large all of the graph can be, in times the page's text. */
  fitting() {
    const room = [this.element.clientWidth - 2 * PADDING, this.element.clientHeight - 2 * PADDING];
    return Math.min(room[0] / this.view.width, room[1] / this.view.height) / this.unit();
  }

  resize(scale) {
    this.view.svg.setAttribute("width", Math.floor(this.view.width * scale));
    this.view.svg.setAttribute("height", Math.floor(this.view.height * scale));
    this.showSeen();
  }

  /** How much larger the page's text is than usual: it grows with the window. */
  unit() {
    return parseFloat(getComputedStyle(this.page.documentElement).fontSize) / 16;
  }

  /** Make the graph larger by a factor; what is at a point of the window stays there. */
  enlarge(factor, x, y) {
    const before = this.view.svg.getBoundingClientRect();
    const now = before.width / this.view.width / this.unit();
    this.zoom = Math.max(Math.min(0.1, this.fitting()), Math.min(now * factor, 8));
    this.isWhole = false;
    this.resize(this.unit() * this.zoom);
    const after = this.view.svg.getBoundingClientRect();
    this.element.scrollBy({
      left: after.left + ((x - before.left) / before.width) * after.width - x,
      top: after.top + ((y - before.top) / before.height) * after.height - y,
      behavior: "instant",
    });
  }

  /** Bring the ends of the step's edge in sight. */
  reveal(step) {
    this.view?.reveal(this.element, step, this.page);
  }

  // ── The overview: all boxes, and the part that is seen ──────────────────────────────────────

  drawOverview() {
    const [boxes, seen] = this.overview.querySelectorAll("path, rect");
    this.overview.setAttribute("viewBox", `0 0 ${this.view.width} ${this.view.height}`);
    boxes.setAttribute("d", this.view.outlines());
    seen.removeAttribute("width");
  }

  /** Mark what is seen; where all is, there is no overview. */
  showSeen() {
    if (!this.view) return;
    const [stage, svg] = [this.element.getBoundingClientRect(), this.view.svg.getBoundingClientRect()];
    const whole = svg.width <= stage.width + 1 && svg.height <= stage.height + 1;
    this.overview.toggleAttribute("hidden", whole);
    if (whole) return;
    const scale = this.view.width / svg.width;
    const [left, top] = [Math.max(0, stage.left - svg.left), Math.max(0, stage.top - svg.top)];
    const sizes = [Math.min(stage.width, svg.width), Math.min(stage.height, svg.height)];
    const values = { x: left, y: top, width: sizes[0], height: sizes[1] };
    const seen = this.overview.querySelector("rect");
    for (const [name, value] of Object.entries(values)) seen.setAttribute(name, value * scale);
    // The picture is not larger than a quarter of the stage, nor is it a thread.
    const room = Math.min((0.25 * stage.width) / this.view.width, (0.4 * stage.height) / this.view.height);
    this.overview.setAttribute("width", Math.max(24, this.view.width * room));
    this.overview.setAttribute("height", Math.max(24, this.view.height * room));
  }

  /** Scroll so that a point of the overview is in the middle. */
  lookAt(event) {
    const [map, svg] = [this.overview.getBoundingClientRect(), this.view.svg.getBoundingClientRect()];
    const part = Math.min(map.width / this.view.width, map.height / this.view.height);
    const inset = [(map.width - this.view.width * part) / 2, (map.height - this.view.height * part) / 2];
    const x = (event.clientX - map.left - inset[0]) / (this.view.width * part);
    const y = (event.clientY - map.top - inset[1]) / (this.view.height * part);
    const stage = this.element.getBoundingClientRect();
    this.element.scrollBy({
      left: svg.left + x * svg.width - stage.left - stage.width / 2,
      top: svg.top + y * svg.height - stage.top - stage.height / 2,
      behavior: "instant",
    });
  }

  // ── What moves the graph ────────────────────────────────────────────────────────────────────

  listen() {
    const { element, overview } = this;
    element.addEventListener("scroll", () => this.showSeen());
    element.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    element.addEventListener("pointerdown", (event) => {
      const own = event.target.closest(".node.variable") && this.page.body.classList.contains("live");
      if (event.button !== 0 || event.pointerType === "touch" || own || !this.view) return;
      this.pointer = { x: event.clientX, y: event.clientY, dragged: false };
    });
    element.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, () => this.release());
    element.addEventListener("click", (event) => {
      if (this.dragged) event.stopPropagation(); // it was no click
    }, { capture: true });
    element.addEventListener("touchmove", (event) => this.pinch(event), { passive: false });
    element.addEventListener("touchend", () => (this.spread = null));
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      this.lookAt(event);
    });
    overview.addEventListener("pointermove", (event) => {
      if (event.buttons) this.lookAt(event);
    });
  }

  /** The wheel makes the graph larger or smaller; where the page itself scrolls, only with Ctrl, as pinching does. */
  wheel(event) {
    const scrolls = this.page.documentElement.scrollHeight > innerHeight + 1;
    if (!this.view || event.shiftKey || (scrolls && !event.ctrlKey)) return;
    if (!event.ctrlKey && Math.abs(event.deltaX) > Math.abs(event.deltaY)) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : 1;
    this.enlarge(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), event.clientX, event.clientY);
  }

  drag(event) {
    const from = this.pointer;
    if (!from) return;
    if (!event.buttons) return this.release(); // it was let go elsewhere
    const [x, y] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.dragged) {
      if (Math.hypot(x, y) < CLICK) return;
      from.dragged = true;
      this.element.setPointerCapture(event.pointerId);
      this.element.classList.add("panning");
    }
    this.element.scrollBy({ left: -x, top: -y, behavior: "instant" });
    Object.assign(from, { x: event.clientX, y: event.clientY });
  }

  release() {
    this.dragged = this.pointer?.dragged ?? false;
    setTimeout(() => (this.dragged = false)); // the click that ends the drag comes at once, or not at all
    this.pointer = null;
    this.element.classList.remove("panning");
  }

  /** Two fingers. */
  pinch(event) {
    if (event.touches.length !== 2 || !this.view) return;
    event.preventDefault();
    const [a, b] = event.touches;
    const spread = Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
    const [x, y] = [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2];
    if (this.spread) this.enlarge(spread / this.spread, x, y);
    this.spread = spread;
  }
}
