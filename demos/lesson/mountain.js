// The mountain in 3-D, painted from far to near.

const MESH = 6;
const span = (axis) => axis[axis.length - 1] - axis[0];
const onMap = ([x, y]) => x >= plane.xs[0] && x <= plane.xs.at(-1) && y >= plane.ys[0] && y <= plane.ys.at(-1);

/** A path as far as it is on the map: it can leave it, and come back elsewhere. */
function stretches(path) {
  const found = [[]];
  for (const point of path) {
    if (onMap(point)) found.at(-1).push(point);
    else found.push([]);
  }
  return found.filter((stretch) => stretch.length);
}

class View {
  constructor(canvas, onTurn) {
    this.canvas = canvas;
    this.azimuth = 2.62;
    this.elevation = 0.6;
    const turn = (right, up) => {
      this.azimuth += right;
      this.elevation = Math.min(Math.max(this.elevation + up, 0.12), 1.5);
      onTurn(this);
    };
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      last = [event.clientX, event.clientY];
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      turn((event.clientX - last[0]) * 0.008, (event.clientY - last[1]) * 0.006);
      last = [event.clientX, event.clientY];
    });
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => (last = null));
    const keys = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.07], ArrowDown: [0, 0.07] };
    canvas.addEventListener("keydown", (event) => {
      if (!keys[event.key]) return;
      event.preventDefault();
      turn(...keys[event.key]);
    });
  }

  draw({ land, paths, point, names, heightName, marks, terraced }) {
    const { context, width, height, size, font } = prepared(this.canvas);
    const [cos, sin, tilt, lift] = [
      Math.cos(this.azimuth),
      Math.sin(this.azimuth),
      Math.sin(this.elevation),
      Math.cos(this.elevation),
    ];
    const [ground, peak] = [-0.6, 1.05];
    const under = size * 4; // room for the ticks and names of the axes, and for the line below them
    const scale = Math.min(
      (width - size * 7) / (2 * Math.SQRT2), // the axis of the height has its numbers at the left
      (height - under - size * 0.5) / (2 * Math.SQRT2 * tilt + (peak - ground) * lift),
    );
    const middle = [width / 2, (height - under + scale * lift * (ground + peak)) / 2];
    /** Plane coordinates and a height from 0 to 1, or the ground's, on the screen. */
    const screen = (x, y, z) => {
      const [across, along] = [
        (2 * (x - plane.xs[0])) / span(plane.xs) - 1,
        (2 * (y - plane.ys[0])) / span(plane.ys) - 1,
      ];
      return [
        middle[0] + scale * (across * cos - along * sin),
        middle[1] - scale * ((across * sin + along * cos) * tilt + (z === ground ? z : z * peak) * lift),
      ];
    };
    const depth = (x, y) => x * sin + y * cos;
    const { xs, ys } = plane;
    const gridPoint = ([column, row]) => [
      xs[0] + (column * span(xs)) / (xs.length - 1),
      ys[0] + (row * span(ys)) / (ys.length - 1),
    ];

    // The ground, with the contour lines and the path's shadow on it.
    const corners = [
      [xs[0], ys[0]],
      [xs.at(-1), ys[0]],
      [xs.at(-1), ys.at(-1)],
      [xs[0], ys.at(-1)],
    ];
    context.fillStyle = colour("paper");
    context.strokeStyle = colour("line");
    polyline(
      context,
      corners.map(([x, y]) => screen(x, y, ground)),
    );
    context.closePath();
    context.fill();
    context.stroke();
    context.lineWidth = 1.3;
    const pale = isDark() ? 0.4 : 0; // or the valley's dark lines are lost on the dark ground
    land.lines.forEach((pieces, place) => {
      const line = viridis((place + 0.5) / land.lines.length);
      context.strokeStyle = `rgb(${line.map((part) => part + (255 - part) * pale)})`;
      context.beginPath();
      for (const [from, to] of pieces) {
        context.moveTo(...screen(...gridPoint(from), ground));
        context.lineTo(...screen(...gridPoint(to), ground));
      }
      context.stroke();
    });
    const inside = paths.flatMap(({ points, stroke }) => stretches(points).map((points) => ({ points, stroke })));
    context.lineWidth = 2;
    for (const { points, stroke } of inside) {
      context.strokeStyle = stroke;
      polyline(
        context,
        points.map(([x, y]) => screen(x, y, ground)),
      );
      context.stroke();
    }

    // The surface: every cell a quadrilateral, the far ones first.
    const cells = [];
    for (let row = 0; row + 1 < ys.length; row += 1)
      for (let column = 0; column + 1 < xs.length; column += 1) cells.push([row, column]);
    cells.sort(([rowA, columnA], [rowB, columnB]) => depth(columnB, rowB) - depth(columnA, rowA));
    for (const [row, column] of cells) {
      const corners = [
        [row, column],
        [row, column + 1],
        [row + 1, column + 1],
        [row + 1, column],
      ];
      const z = corners.map(([r, c]) => land.grid[r][c]);
      const points = corners.map(([r, c], place) => screen(xs[c], ys[r], z[place]));
      const slope = (z[0] + z[3] - z[1] - z[2]) * cos + (z[2] + z[3] - z[0] - z[1]) * sin;
      const light = 0.5 + (terraced ? 0.15 : 0.4) * Math.tanh(8 * slope); // the edges of terraces would glare
      context.fillStyle = context.strokeStyle = `rgb(${viridis((z[0] + z[1] + z[2] + z[3]) / 4, light)})`;
      context.lineWidth = 0.6;
      polyline(context, points);
      context.closePath();
      context.fill();
      context.stroke();
      context.strokeStyle = "#0004"; // every sixth line of the grid, with its cells so that what is near hides it
      if (row % MESH === 0) (polyline(context, points.slice(0, 2)), context.stroke());
      if (column % MESH === 0) (polyline(context, [points[0], points[3]]), context.stroke());
    }

    // The path and the point, a little above the surface that they are taken from, so that it does not hide them.
    const above = ([x, y]) => screen(x, y, surface(land.grid, x, y) + 0.025);
    for (const { points, stroke } of inside) rimmed(context, points.map(above), stroke, 3);
    const plumb = onMap(point) ? [screen(...point, ground), above(point)] : [];
    context.setLineDash([4, 4]);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    polyline(context, plumb);
    context.stroke();
    context.setLineDash([]);
    for (const mark of marks) flag(context, above(mark.point), mark.name, size);
    plumb.forEach((end, place) => ball(context, end, size * (place ? 0.48 : 0.22)));

    // Names and ticks of the axes, outside the edges that are nearest to the eye; what would cover another is left out.
    context.font = font;
    context.textAlign = "center";
    const low = corners.reduce((a, b) => (screen(...a, 0)[0] < screen(...b, 0)[0] ? a : b)); // leftmost
    const ruler = heightTicks(land);
    context.strokeStyle = colour("quiet");
    context.lineWidth = 1.2;
    polyline(context, [screen(...low, 0), screen(...low, 1)]);
    context.stroke();
    const edgeX = cos > 0 ? ys[0] : ys.at(-1);
    const edgeY = sin > 0 ? xs[0] : xs.at(-1);
    const axes = [(tick) => screen(tick, edgeX, ground), (tick) => screen(edgeY, tick, ground)];
    const ends = [xs, ys].map((axis) => ({ first: axis[0], last: axis.at(-1) }));
    const centre = screen((xs[0] + xs.at(-1)) / 2, (ys[0] + ys.at(-1)) / 2, ground);
    const written = [];
    const write = (text, [x, y], right = false) => {
      const half = context.measureText(text).width / 2 + 2;
      if (right) x -= half;
      const covers = (other) => Math.abs(other.x - x) < other.half + half && Math.abs(other.y - y) < size * 0.8;
      if (written.some(covers)) return;
      written.push({ x, y, half });
      context.fillText(text, x, y);
    };
    /** Where a text beside an axis stands: `lines` lines of text outside, and further where it stands sideways. */
    const beside = (axis, { first, last }, tick, lines) => {
      const [[fromX, fromY], [toX, toY], [x, y]] = [first, last, tick].map(axis);
      const length = Math.hypot(toX - fromX, toY - fromY);
      const [acrossX, acrossY] = [(fromY - toY) / length, (toX - fromX) / length];
      const out = size * Math.sign(acrossX * (fromX + toX - 2 * centre[0]) + acrossY * (fromY + toY - 2 * centre[1]));
      return [x + acrossX * out * (lines + 0.5), y + acrossY * out * lines];
    };
    context.fillStyle = colour("ink");
    const middleOf = ({ first, last }) => (first + last) / 2;
    axes.forEach((axis, place) => write(names[place], beside(axis, ends[place], middleOf(ends[place]), 2.3)));
    context.fillStyle = colour("quiet");
    for (const tick of ruler.ticks) {
      const [x, y] = screen(...low, land.part(tick));
      polyline(context, [
        [x - size * 0.3, y],
        [x, y],
      ]);
      context.stroke();
      write(number(tick, ruler.decimals ?? decimalsOf(Number(tick.toPrecision(1)))), [x - size * 0.45, y], true);
    }
    axes.forEach((axis, place) => {
      const { ticks, decimals } = ticksOf([xs, ys][place]);
      for (const tick of ticks) write(number(tick, decimals), beside(axis, ends[place], tick, 0.8));
    });
    context.textAlign = "left";
    context.fillText(
      `${heightName}: ${[land.lowest, land.highest].map((height) => number(height, terraced ? 0 : 2)).join(" … ")}`,
      size * 0.6,
      height - size * 0.8,
    );
  }
}

/** A line with a white rim, so that it is seen on every height. */
function rimmed(context, points, stroke, thick) {
  for (const [style, wide] of [
    ["#fff", thick + 3],
    [stroke, thick],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    polyline(context, points);
    context.stroke();
  }
}

/** How many decimals a round number has. */
const decimalsOf = (tick) => (String(tick).split(".")[1] ?? "").length;

/** A setting of the lecture, with its number under it. */
function flag(context, [x, y], name, size) {
  context.font = `600 ${size * 0.9}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.strokeStyle = "#000a";
  context.lineWidth = 3;
  context.fillStyle = "#fff";
  polyline(context, [
    [x - 5, y + 4],
    [x + 5, y + 4],
    [x, y - 6],
  ]);
  context.closePath();
  context.stroke();
  context.fill();
  context.strokeText(name, x, y + size);
  context.fillText(name, x, y + size);
}

function ball(context, [x, y], radius, fill = colour("ball")) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = fill;
  context.fill();
  context.strokeStyle = "#fff";
  context.lineWidth = Math.max(1, radius * 0.25);
  context.stroke();
}
