// The rose of slopes, and the curve of the loss.

/** Every measured slope as a spoke, uphill or downhill; the circle is the length of the gradient. */
function drawRose(canvas, measured, gradient) {
  const { context, width, height, size, font } = prepared(canvas);
  const [x, y] = [width / 2, height / 2];
  const radius = Math.min(width, height) / 2 - size * 1.6;
  const length = Math.hypot(...gradient);
  const scale = radius / Math.max(length, ...measured.map(({ slope }) => Math.abs(slope)), 1e-12);
  for (const { angle, slope } of measured) {
    const uphill = slope > 0;
    context.strokeStyle = colour(uphill ? "species-2" : "species-1");
    context.lineWidth = Math.max(2, radius * 0.03);
    polyline(context, [
      [x, y],
      [x + Math.cos(angle) * Math.abs(slope) * scale, y - Math.sin(angle) * Math.abs(slope) * scale],
    ]);
    context.stroke();
  }
  context.strokeStyle = colour("quiet");
  context.lineWidth = 1.5;
  context.setLineDash([5, 5]);
  context.beginPath();
  context.arc(x, y, length * scale, 0, 2 * Math.PI);
  context.stroke();
  context.setLineDash([]);
  const tip = [x + gradient[0] * scale, y - gradient[1] * scale];
  if (length) arrow(context, [x, y], tip, size * 0.9, colour("error"), colour("card"));
  context.font = font;
  context.textAlign = "left";
  for (const [name, key, top] of [
    ["species-2", "descent.up", size], // in the corners, where the circle leaves room
    ["species-1", "descent.down", size * 2.25],
    ["error", "descent.gradient", height - size],
  ]) {
    context.fillStyle = colour(name);
    context.fillRect(size * 0.6, top - size * 0.35, size * 0.7, size * 0.7);
    context.fillStyle = colour("ink");
    context.fillText(texts[key], size * 1.6, top);
  }
}

/** The loss after each step. */
function drawCurve(canvas, losses) {
  const { context, width, height, size } = prepared(canvas);
  const [left, right, top, bottom] = [size * 3, width - size, size, height - size * 2];
  const most = Math.max(...losses, 1e-12);
  const steps = Math.max(losses.length - 1, 10);
  const screen = (loss, step) => [left + ((right - left) * step) / steps, bottom - ((bottom - top) * loss) / most];
  context.font = `${size * 0.75}px system-ui, sans-serif`;
  for (let line = 0; line <= 4; line += 1) {
    const [, y] = screen((most * line) / 4, 0);
    context.strokeStyle = colour("line");
    context.lineWidth = 1;
    polyline(context, [
      [left, y],
      [right, y],
    ]);
    context.stroke();
    context.fillStyle = colour("quiet");
    context.textAlign = "right";
    context.fillText(number((most * line) / 4), left - size * 0.4, y);
  }
  context.textAlign = "center";
  const apart = Math.ceil(steps / 10);
  for (let step = 0; step <= steps; step += apart)
    context.fillText(String(step), screen(0, step)[0], bottom + size * 0.9);
  context.strokeStyle = colour("error");
  context.lineWidth = 3;
  polyline(context, losses.map(screen));
  context.stroke();
  losses.forEach((loss, step) => ball(context, screen(loss, step), size * 0.22));
}
