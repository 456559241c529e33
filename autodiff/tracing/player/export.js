const DRAWN = ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "visibility", "opacity",
  "font-family", "font-size", "font-weight", "font-style", "text-anchor"]; // what a drawing needs of the page's style

/** Saves the step: the drawing as SVG or PNG, the equation as LaTeX. */
class Export {
  constructor(page, player) {
    Object.assign(this, { page, player });
    this.choice = page.getElementById("export");
    this.choice.addEventListener("change", () => {
      const kind = this.choice.value;
      this.choice.value = "";
      if (kind) this[kind]();
    });
    for (const kind of player.view ? [] : ["svg", "png"]) this.choice.querySelector(`[value=${kind}]`).disabled = true;
  }

  get name() {
    const { taken, model } = this.player;
    return taken < 0 ? `forward-${model.forward.length + taken}` : `step-${taken}`;
  }

  svg() {
    this.save(new Blob([this.drawing()], { type: "image/svg+xml" }), `${this.name}.svg`);
  }

  async png() {
    const { width, height } = this.player.view;
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(this.drawing())}`;
    await image.decode();
    const scale = Math.min(2, 8000 / Math.max(width, height));
    const canvas = Object.assign(this.page.createElement("canvas"), { width: width * scale, height: height * scale });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => this.save(blob, `${this.name}.png`), "image/png");
  }

  latex() {
    this.save(new Blob([`${this.equation()}\n`], { type: "text/plain" }), `${this.name}.tex`);
  }

  /** The drawing as a file of its own: what the page's style says stands in its elements. */
  drawing() {
    const { view, sight } = this.player;
    sight.settle();
    const copy = view.svg.cloneNode(true);
    const [from, to] = [view.svg, copy].map((svg) => [...svg.querySelectorAll("*")]);
    from.forEach((element, at) => {
      const style = getComputedStyle(element);
      for (const name of DRAWN) to[at].setAttribute(name, style.getPropertyValue(name));
    });
    const background = this.page.createElementNS("http://www.w3.org/2000/svg", "rect");
    const whole = { width: view.width, height: view.height, fill: getComputedStyle(this.page.body).backgroundColor };
    for (const [name, value] of Object.entries(whole)) background.setAttribute(name, value);
    copy.prepend(background);
    copy.setAttribute("width", view.width);
    copy.setAttribute("height", view.height);
    for (const token of copy.querySelectorAll(".token, .toggles")) token.remove();
    return new XMLSerializer().serializeToString(copy);
  }

  /** The step in LaTeX: the chain rule on its edge, in symbols and in numbers. */
  equation() {
    const { model, taken, step } = this.player;
    if (taken < 0 || !step) return `L = ${tex(model.root.name)} = ${figure(model.root.data)}`;
    const [out, parent] = [step.node.name, step.parent.name].map(tex);
    const part = (above, below) => `\\frac{\\partial ${above}}{\\partial ${below}}`;
    const numbers = `${figure(step.local)} \\cdot ${bracketed(step.upstream)} = ${figure(step.contribution)}`;
    return `${part("L", parent)} \\mathrel{+}= ${part(out, parent)} \\cdot ${part("L", out)} = ${numbers}`;
  }

  save(blob, name) {
    const link = Object.assign(this.page.createElement("a"), { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  }
}

/** A name as LaTeX sets it: `v12` is a letter with an index, any other name is upright. */
function tex(name) {
  const indexed = /^([a-zA-Z])(\d+)$/.exec(name);
  if (indexed) return `${indexed[1]}_{${indexed[2]}}`;
  const escaped = name.replace(/[\\{}$&#^_%~]/g, (sign) => ({ "\\": "\\backslash{}", "~": "\\sim{}", "^": "\\hat{}" })[sign] ?? `\\${sign}`);
  return name.length === 1 ? escaped : `\\mathrm{${escaped}}`;
}

/** A number as LaTeX sets it. */
function figure(value) {
  const text = number(value).replace("−", "-");
  if (text.endsWith("inf")) return text.replace("inf", "\\infty");
  if (text === "nan") return "\\mathrm{nan}";
  return text.replace(/e([+-])0*(\d+)$/, (_, sign, digits) => ` \\cdot 10^{${sign === "-" ? "-" : ""}${digits}}`);
}

const bracketed = (value) => (value < 0 ? `(${figure(value)})` : figure(value));
