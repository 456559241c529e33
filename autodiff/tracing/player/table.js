const ROWS = 60; // of a longer table, as many rows are there at a time: those around what is seen; each costs layout

/** The table of all steps. Numbers that are not computed yet are hidden. */
class Table {
  constructor(page, sight) {
    this.page = page;
    this.sight = sight;
    this.area = page.getElementById("steps");
    this.body = page.getElementById("rows");
    [this.above, this.below] = [0, 1].map(() => page.createElement("tbody"));
    this.body.before(this.above);
    this.body.after(this.below);
    this.steps = [];
    this.rows = [];
    this.first = 0; // the step of the first row that is there
    this.taken = 0;
    this.area.addEventListener("scroll", () => this.follow());
  }

  /** Show the steps of another pass. */
  setSteps(steps) {
    const same = this.steps.length === steps.length;
    this.steps = steps;
    this.body.parentElement.setAttribute("aria-rowcount", steps.length + 1);
    if (same) this.sight.change(this.rows);
    else {
      for (const row of this.rows) this.forget(row);
      this.rows = [];
      this.make(0);
    }
  }

  forget(row) {
    this.sight.forget(row);
    row.element.remove();
  }

  /** Have the rows from that step on. Those that are there stay, and with them what has the focus. */
  make(first) {
    this.first = Math.max(0, Math.min(first, this.steps.length - ROWS));
    const there = new Map(this.rows.map((row) => [row.place, row]));
    const wanted = this.steps.slice(this.first, this.first + ROWS);
    this.rows = wanted.map(({ place }) => there.get(place) ?? this.sight.watch(this.makeRow(place)));
    for (const { place } of wanted) there.delete(place);
    for (const row of there.values()) this.forget(row);
    const { body } = this;
    this.rows.forEach((row, at) => {
      row.write();
      if (body.rows[at] !== row.element) body.insertBefore(row.element, body.rows[at] ?? null);
    });
    while (body.rows.length > this.rows.length) body.lastElementChild.remove(); // those for paper
    const high = (this.rows[0]?.element.offsetHeight ?? 0) || 24;
    this.space(this.above, this.first * high);
    this.space(this.below, (this.steps.length - this.first - this.rows.length) * high);
    this.high = high;
    this.markRow();
  }

  /** Room for the rows that are not there. */
  space(body, height) {
    body.replaceChildren();
    if (height > 0) body.insertRow().insertCell().style.setProperty("height", `${height}px`);
  }

  makeRow(place) {
    const { parent } = this.steps[place];
    const element = this.page.createElement("tr");
    const link = Object.assign(this.page.createElement("a"), { href: `#step=${place}`, textContent: place });
    for (const content of [link, shortened(parent.name)]) element.insertCell().append(content);
    const cells = [0, 1, 2, 3].map(() => element.insertCell());
    element.dataset.step = place;
    element.setAttribute("aria-rowindex", place + 2);
    element.classList.toggle("future", place >= this.taken);
    const write = () => {
      const step = this.steps[place];
      [step.local, step.upstream, step.contribution, step.after].forEach((value, at) => {
        const text = number(value);
        if (cells[at].textContent !== text) cells[at].textContent = text;
      });
      element.title = place < this.taken ? line(step) : "";
    };
    return { element, write, place };
  }

  /** Make other rows, if what is seen is beside those that are there. */
  follow() {
    if (this.rows.length === this.steps.length) return;
    const seen = Math.floor(this.area.scrollTop / this.high);
    const last = Math.min(this.steps.length, seen + Math.ceil(this.area.clientHeight / this.high));
    if (seen < this.first || last > this.first + ROWS) this.make(Math.floor((seen + last - ROWS) / 2));
  }

  /** Mark the last of the steps that are taken, and bring it in sight; null at the start. */
  mark(taken) {
    taken = Math.max(0, taken); // in the forward pass, none is
    const [low, high] = [this.taken, taken].sort((a, b) => a - b);
    this.taken = taken;
    const place = Math.max(0, taken - 1);
    if (place < this.first || place >= this.first + this.rows.length) this.make(place - ROWS / 2);
    for (const row of this.rows.slice(Math.max(0, low - this.first), Math.max(0, high - this.first))) {
      row.element.classList.toggle("future", row.place >= taken);
      row.write();
    }
    this.markRow();
    if (!this.current) this.area.scrollTop = 0;
    else {
      const row = this.current;
      const middle = row.offsetTop + row.offsetHeight / 2 - this.area.clientHeight / 2;
      if (Math.abs(middle - this.area.scrollTop) > this.area.clientHeight / 3) this.area.scrollTop = middle;
    }
  }

  markRow() {
    this.current?.removeAttribute("aria-current");
    this.current = this.rows[this.taken - 1 - this.first]?.element;
    this.current?.setAttribute("aria-current", "step");
  }

  /** All rows, for paper. */
  complete() {
    if (this.rows.length === this.steps.length) return;
    const rows = this.steps.map(({ place }) => this.makeRow(place));
    for (const row of rows) row.write();
    this.body.replaceChildren(...rows.map((row) => row.element));
    for (const body of [this.above, this.below]) this.space(body, 0);
  }
}
