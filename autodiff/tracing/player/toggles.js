/** The buttons in the drawing that open folded boxes and close them: one stop of the Tab key; ↑ and ↓ go through them. */
class Toggles {
  constructor(player) {
    Object.assign(this, { player, current: null });
    const stage = player.find("stage");
    stage.addEventListener("click", (event) => this.press(event.target.closest(".toggle")));
    stage.addEventListener("focusin", (event) => this.reach(event.target.closest(".toggle")));
    stage.addEventListener("keydown", (event) => {
      const button = event.target.closest(".toggle");
      const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!button || (!by && !["Enter", " "].includes(event.key))) return;
      event.preventDefault();
      if (!by) return this.press(button);
      const { toggles } = player.view;
      toggles[(toggles.indexOf(button) + by + toggles.length) % toggles.length].focus();
    });
    this.take();
  }

  /** Take the buttons of a drawing that was made. */
  take() {
    const { toggles } = this.player.view;
    this.reach(toggles.find((button) => button.dataset.module === this.current) ?? toggles[0]);
  }

  /** Where the Tab key leads to. */
  reach(button) {
    if (!button) return;
    for (const each of this.player.view.toggles) each.setAttribute("tabindex", each === button ? 0 : -1);
    this.current = button.dataset.module;
  }

  press(button) {
    if (!button) return;
    const { player } = this;
    const { module } = button.dataset;
    this.current = module;
    player.toggle(Number(module));
    player.view.toggles.find((each) => each.dataset.module === module)?.focus({ preventScroll: true });
  }
}
