// The rose of slopes, and the curve of the loss.

/** Every measured slope as a spoke, uphill or downhill, in a circle of the gradient's length; null: it is flat. */
function drawRose(canvas, measured, gradient) {
  const { context, width, height, size, font } = prepared(canvas);
  const [x, y] = [width / 2, height / 2];
  context.font = font;
  if (!gradient) {
    context.fillStyle = colour("quiet");
    context.textAlign = "center";
    context.fillText(texts["descent.flat"], x, y);
    return;
  }
  const radius = Math.min(width, height) / 2 - size * 1.6;
  const length = Math.hypot(...gradient);
  const scale = radius / Math.max(length, ...measured.map(({ slope }) => Math.abs(slope)));
  const thick = Math.max(2, radius * 0.03);
  const spoke = (uphill, from, to) => {
    context.strokeStyle = colour(uphill ? "uphill" : "downhill");
    context.lineWidth = uphill ? thick : thick / 2;
    polyline(context, [from, to]);
    context.stroke();
  };
  for (const { angle, slope } of measured) {
    const reach = Math.abs(slope) * scale;
    spoke(slope > 0, [x, y], [x + Math.cos(angle) * reach, y - Math.sin(angle) * reach]);
  }
  context.strokeStyle = colour("quiet");
  context.lineWidth = 1.5;
  context.setLineDash([5, 5]);
  context.beginPath();
  context.arc(x, y, length * scale, 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([]);
  const tip = [x + gradient[0] * scale, y - gradient[1] * scale];
  const pointer = (from, to) => arrow(context, from, to, size * 0.8, colour("gradient"), colour("card"));
  pointer([x, y], tip);
  context.textAlign = "left";
  for (const [key, top, sample] of [
    ["descent.up", size, (from, to) => spoke(true, from, to)], // in the corners, where the circle leaves room
    ["descent.down", size * 2.25, (from, to) => spoke(false, from, to)],
    ["descent.gradient", height - size, pointer],
  ]) {
    sample([size * 0.6, top], [size * 1.8, top]);
    context.fillStyle = colour("ink");
    context.fillText(texts[key], size * 2.2, top);
  }
}

/** The loss after each step, of one descent or of several. */
function drawCurve(canvas, curves) {
  const { context, width, height, size, font } = prepared(canvas);
  const [left, right, top, bottom] = [size * 3, width - size, size, height - size * 2];
  const most = Math.max(...curves.flatMap(({ losses }) => losses), 1e-12);
  const steps = Math.max(...curves.map(({ losses }) => losses.length - 1), 10);
  const screen = (loss, step) => [left + ((right - left) * step) / steps, bottom - ((bottom - top) * loss) / most];
  context.font = font;
  const { ticks, decimals } = ticksBetween(0, most, 5);
  for (const tick of ticks) {
    const [, y] = screen(tick, 0);
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    polyline(context, [
      [left, y],
      [right, y],
    ]);
    context.stroke();
    context.fillStyle = colour("quiet");
    context.textAlign = "right";
    context.fillText(number(tick, decimals), left - size * 0.4, y);
  }
  context.textAlign = "center";
  const apart = Math.ceil(steps / 10);
  for (let step = 0; step <= steps; step += apart)
    context.fillText(String(step), screen(0, step)[0], bottom + size * 0.9);
  for (const { losses, stroke } of curves) {
    context.strokeStyle = stroke;
    context.lineWidth = 3;
    polyline(context, losses.map(screen));
    context.stroke();
    losses.forEach((loss, step) => ball(context, screen(loss, step), size * 0.22, stroke));
  }
}
