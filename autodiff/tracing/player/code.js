/** The user's lines that computed the numbers: the one of the step is marked, a click leads to the next step of a line. */
class Code {
  constructor(page, player, lines) {
    Object.assign(this, { page, player, buttons: new Map() });
    this.list = page.getElementById("lines");
    const element = (tag, more) => Object.assign(page.createElement(tag), more);
    const used = new Set(player.model.nodes.map((node) => node.source).filter(Boolean));
    let [last, before] = ["", 0];
    for (const [file, number, text] of lines) {
      const source = `${file}:${number}`;
      if (file !== last) this.list.append(element("li", { className: "file", textContent: file }));
      else if (number !== before + 1) this.list.append(element("li", { className: "gap", textContent: "⋮" }));
      [last, before] = [file, number];
      const line = element("li", {});
      const button = element("button", { type: "button", textContent: text || " ", disabled: !used.has(source) });
      button.dataset.number = number;
      button.setAttribute("aria-label", say("line {number}: {text}", { number, text: text.trim() }));
      button.addEventListener("click", () => this.next(source));
      line.append(button);
      this.list.append(line);
      if (used.has(source)) this.buttons.set(source, button);
    }
    page.body.classList.add("with-code");
    page.getElementById("code").hidden = false;
    player.follow(() => this.mark());
  }

  /** Mark the line that computed the result of the step. */
  mark() {
    const current = this.buttons.get(this.player.step?.node.source);
    if (current === this.current) return;
    this.current?.removeAttribute("aria-current");
    current?.setAttribute("aria-current", "step");
    this.current = current;
    if (!current) return;
    const middle = current.parentElement.offsetTop - this.list.clientHeight / 2;
    if (Math.abs(middle - this.list.scrollTop) > this.list.clientHeight / 3) this.list.scrollTop = middle;
  }

  /** Go on to the next step of a line, or in the forward pass, to the next number; after the last, to the first. */
  next(source) {
    const { player } = this;
    const { forward, steps } = player.model;
    const inForward = player.taken < 0;
    const all = inForward
      ? forward.map((node, at) => ({ node, end: at + 1 - forward.length })).filter(({ end }) => end < 0)
      : steps.map((step) => ({ node: step.node, end: step.place + 1 }));
    const own = all.filter(({ node }) => node.source === source);
    const found = own.find(({ end }) => end > player.taken) ?? own[0];
    player.pause();
    if (found) player.go(found.end);
  }
}
