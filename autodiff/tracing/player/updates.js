/** The updates of a training run: a slider gives the leaves the numbers that they had at each, beside the curve of L. */
class Updates {
  constructor(page, live, updates) {
    Object.assign(this, { page, live, at: 0, updates: updates.map((numbers) => numbers.map(real)) });
    this.find = (id) => page.getElementById(id);
    this.slider = this.find("update");
    this.slider.max = updates.length - 1;
    this.find("training").hidden = false;
    this.slider.addEventListener("input", () => this.show(Number(this.slider.value)));
    this.losses = this.updates.map((numbers) => live.lossOf(numbers));
    this.draw();
    player.follow(() => this.follow());
    page.addEventListener("keydown", (event) => {
      const by = { "[": -1, "]": 1 }[event.key];
      if (!by || event.target.closest?.("input:not([type=range]), select")) return;
      this.slider.value = Number(this.slider.value) + by;
      this.show(Number(this.slider.value));
    });
    player.fit();
  }

  show(at) {
    this.at = at;
    this.live.setAll(this.updates[at]);
  }

  /** Tell which update the numbers of the leaves are of; the reader may have changed them, or asked for the first ones. */
  follow() {
    const { model } = this.live.player;
    if (this.model === model) return;
    this.model = model;
    const { leaves } = this.live;
    const isNow = (numbers) => leaves.every((leaf, place) => Object.is(leaf.number, numbers[place]));
    const found = isNow(this.updates[this.at]) ? this.at : this.updates.findIndex(isNow);
    if (found >= 0) this.at = found;
    this.slider.value = this.at;
    this.tell(this.at, found < 0);
  }

  tell(at, changed) {
    const loss = changed ? this.live.player.model.root.data : this.losses[at];
    const told = changed ? "update {at} of {last}, changed, L = {loss}" : "update {at} of {last}, L = {loss}";
    const text = say(told, { at, last: this.updates.length - 1, loss: number(loss) });
    this.find("update-where").textContent = text;
    this.slider.setAttribute("aria-valuetext", text);
    const [x, y] = this.point(at);
    this.find("curve").querySelector("path").setAttribute("d", `M${x} ${y}h0`); // a dot, however the curve is stretched
  }

  /** Where an update is on the curve, which is 100 wide and 30 high. */
  point(at) {
    const known = this.losses.filter(Number.isFinite);
    const [low, high] = [Math.min(...known, 0), known.length ? Math.max(...known) : 0];
    const loss = Number.isFinite(this.losses[at]) ? this.losses[at] : high;
    const across = this.updates.length > 1 ? at / (this.updates.length - 1) : 0.5;
    return [2 + 96 * across, 28 - (26 * (loss - low)) / (high - low || 1)];
  }

  draw() {
    const points = this.losses.map((_, at) => this.point(at).join(","));
    this.find("curve").querySelector("polyline").setAttribute("points", points.join(" "));
  }
}
