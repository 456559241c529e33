// The map of the mountain, on which the weights are moved.

class Chart {
  constructor(canvas, onMove) {
    this.canvas = canvas;
    if (!onMove) return; // only looked at
    const clamp = (value, axis) => Math.min(Math.max(value, axis[0]), axis.at(-1));
    const rounded = (value) => Math.round(value * 100) / 100;
    const move = (event) => {
      const box = canvas.getBoundingClientRect();
      const { left, top, side } = this.frame(box.width, box.height);
      onMove(
        rounded(clamp(plane.xs[0] + ((event.clientX - box.left - left) / side) * span(plane.xs), plane.xs)),
        rounded(clamp(plane.ys.at(-1) - ((event.clientY - box.top - top) / side) * span(plane.ys), plane.ys)),
      );
    };
    let dragging = false;
    canvas.addEventListener("pointerdown", (event) => {
      dragging = true;
      canvas.setPointerCapture(event.pointerId);
      if (event.pointerType !== "touch") move(event); // a finger may be about to scroll: it moves when it is lifted
    });
    canvas.addEventListener("pointermove", (event) => dragging && move(event));
    canvas.addEventListener("pointerup", (event) => dragging && move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (dragging = false));
    const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      const length = event.shiftKey ? 0.01 : 0.05;
      const [x, y] = keys[event.key].map((direction, place) => this.point[place] + direction * length);
      onMove(rounded(clamp(x, plane.xs)), rounded(clamp(y, plane.ys)));
    });
  }

  frame(width, height) {
    const size = rem();
    const side = Math.min(width - size * 3.7, height - size * 3.3);
    return { left: size * 3, top: size * 0.8, side, size };
  }

  draw({ land, paths, point, names, gradient, marks }) {
    this.point = point ?? paths[0].points.at(-1);
    const { context, width, height, font } = prepared(this.canvas);
    const { left, top, side, size } = this.frame(width, height);
    const { xs, ys } = plane;
    const screen = ([x, y]) => [left + ((x - xs[0]) / span(xs)) * side, top + ((ys.at(-1) - y) / span(ys)) * side];
    context.save();
    context.beginPath();
    context.rect(left, top, side, side);
    context.clip();
    if (this.land !== land) {
      this.land = land;
      this.picture = document.createElement("canvas");
      [this.picture.width, this.picture.height] = [xs.length, ys.length];
      const pixels = new ImageData(xs.length, ys.length);
      land.grid.forEach((row, place) =>
        row.forEach((part, column) => {
          pixels.data.set([...viridis(part), 255], 4 * ((ys.length - 1 - place) * xs.length + column));
        }),
      );
      this.picture.getContext("2d").putImageData(pixels, 0, 0);
    }
    const cell = side / (xs.length - 1);
    context.drawImage(this.picture, left - cell / 2, top - cell / 2, side + cell, side + cell);
    context.strokeStyle = "#ffffff70";
    context.lineWidth = 1;
    context.beginPath();
    for (const [from, to] of land.lines.flat()) {
      context.moveTo(left + from[0] * cell, top + side - from[1] * cell);
      context.lineTo(left + to[0] * cell, top + side - to[1] * cell);
    }
    context.stroke();
    for (const mark of marks) flag(context, screen(mark.point), mark.name, size);
    for (const { points, stroke } of paths) {
      rimmed(context, points.map(screen), stroke, 2.5);
      for (const each of points) ball(context, screen(each), size * 0.14, stroke);
    }
    if (!point) for (const { points, stroke } of paths) ball(context, screen(points.at(-1)), size * 0.36, stroke);
    if (gradient) {
      const length = Math.hypot(...gradient);
      const reach = Math.min(side * 0.32, side * (0.1 + 0.025 * length)) / length;
      const [x, y] = screen(point);
      for (const [sign, fill, rim] of [
        [-1, "#fff", "#000b"],
        [1, colour("gradient"), "#fff"],
      ]) {
        const tip = [x + sign * gradient[0] * reach, y - sign * gradient[1] * reach];
        arrow(context, [x, y], tip, size * 0.75, fill, rim);
      }
    }
    if (point) ball(context, screen(point), size * 0.42);
    context.restore();
    context.font = font;
    context.fillStyle = colour("quiet");
    const [along, up] = [xs, ys].map(ticksOf);
    context.textAlign = "center";
    for (const tick of along.ticks)
      context.fillText(number(tick, along.decimals), screen([tick, 0])[0], top + side + size * 0.8);
    context.textAlign = "right";
    for (const tick of up.ticks) context.fillText(number(tick, up.decimals), left - size * 0.35, screen([0, tick])[1]);
    context.fillStyle = colour("ink");
    context.textAlign = "center";
    context.fillText(names[0], left + side / 2, top + side + size * 1.8);
    context.fillText(names[1], size * 0.9, top + side / 2 + (up.ticks.length % 2 ? side / up.ticks.length / 2 : 0));
  }
}
