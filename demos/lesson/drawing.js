// What all pictures share: numbers as the language writes them, colours, canvases, contour lines.

const formats = new Map();

/** A number with that number of decimals, as the language writes it, with a true minus. */
function number(value, decimals = 2) {
  if (!formats.has(decimals)) {
    formats.set(
      decimals,
      new Intl.NumberFormat(lesson.language, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }),
    );
  }
  const text = formats.get(decimals).format(value);
  return /^-?[0.,]+$/.test(text) ? text.replace("-", "") : text.replace("-", "−");
}

/** A number with no more decimals than it needs, four at most. */
function plain(value) {
  return new Intl.NumberFormat(lesson.language, { maximumFractionDigits: 4 }).format(value).replace("-", "−");
}

const colours = new Map();

/** A colour of the style sheet as the canvas wants it, in the present theme; `colours` is emptied when that changes. */
function colour(name) {
  if (!colours.has(name)) {
    const probe = document.body.appendChild(Object.assign(document.createElement("i"), { hidden: true }));
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(name);
}

/** Whether the page is light on dark now. */
const isDark = () =>
  colour("paper")
    .match(/\d+/g)
    .slice(0, 3)
    .reduce((sum, part) => sum + Number(part), 0) < 384;

// Viridis (van der Walt and Smith 2015, matplotlib), in eleven steps: even for every colour vision, and in grey.
const VIRIDIS = [
  [68, 1, 84],
  [72, 36, 117],
  [65, 68, 135],
  [53, 95, 141],
  [42, 120, 142],
  [33, 145, 140],
  [34, 168, 132],
  [68, 191, 112],
  [122, 209, 81],
  [189, 223, 38],
  [253, 231, 37],
];

/** The colour of a height from 0 to 1, darkened or lightened by a light from 0 to 1 (½ leaves it). */
function viridis(part, light = 0.5) {
  const place = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const low = Math.min(Math.floor(place), VIRIDIS.length - 2);
  return VIRIDIS[low].map((from, channel) => {
    const mixed = from + (VIRIDIS[low + 1][channel] - from) * (place - low);
    return Math.round(Math.min(255, mixed * (0.55 + 0.9 * light)));
  });
}

/** How large pictures are drawn for paper, where they are not laid out before it is too late to draw. */
const PAPER = { width: 440, height: 380 };

/** The size of the page's text, in CSS pixels. */
const rem = () => (state.printing ? 16 : parseFloat(getComputedStyle(document.documentElement).fontSize));

/** The canvas's context, its size in CSS pixels, sharp on every screen, and cleared. */
function prepared(canvas) {
  const { width, height } = state.printing ? PAPER : canvas.getBoundingClientRect();
  const ratio = state.printing ? 3 : window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.lineJoin = context.lineCap = "round";
  context.textBaseline = "middle";
  const size = rem();
  return { context, width, height, size, font: `${size * 0.9}px system-ui, sans-serif` };
}

function polyline(context, points) {
  context.beginPath();
  points.forEach(([x, y], place) => (place ? context.lineTo(x, y) : context.moveTo(x, y)));
}

/** An arrow with a rim, so that it is seen on every ground. */
function arrow(context, [x, y], [toX, toY], head, fill, rim) {
  const angle = Math.atan2(toY - y, toX - x);
  const shaft = [
    [x, y],
    [toX - head * 0.8 * Math.cos(angle), toY - head * 0.8 * Math.sin(angle)],
  ];
  const point = [0, 2.6, -2.6].map((turn) => [
    toX + (turn ? head * Math.cos(angle + turn) : 0),
    toY + (turn ? head * Math.sin(angle + turn) : 0),
  ]);
  for (const [style, wider] of [
    [rim, 3],
    [fill, 0],
  ]) {
    context.strokeStyle = context.fillStyle = style;
    context.lineWidth = head * 0.3 + wider;
    polyline(context, shaft);
    context.stroke();
    context.lineWidth = wider || 1;
    polyline(context, point);
    context.closePath();
    context.stroke();
    context.fill();
  }
}

/** The pieces of the contour line of a level, as pairs of points in grid coordinates: marching squares. */
function contour(grid, level) {
  const pieces = [];
  for (let row = 0; row + 1 < grid.length; row += 1) {
    for (let column = 0; column + 1 < grid[row].length; column += 1) {
      const corners = [
        [column, row],
        [column + 1, row],
        [column + 1, row + 1],
        [column, row + 1],
      ];
      const crossings = [];
      corners.forEach(([x, y], place) => {
        const [toX, toY] = corners[(place + 1) % 4];
        const [from, to] = [grid[y][x] - level, grid[toY][toX] - level];
        if (from < 0 !== to < 0) {
          const part = from / (from - to);
          crossings.push([x + (toX - x) * part, y + (toY - y) * part]);
        }
      });
      for (let pair = 0; pair + 1 < crossings.length; pair += 2) pieces.push([crossings[pair], crossings[pair + 1]]);
    }
  }
  return pieces;
}

/** Round numbers between two others, about as many as wanted: 1, 2 or 5 times a power of ten apart. */
function ticksBetween(low, high, wanted = 6) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const decimals = Math.max(0, -Math.floor(Math.log10(apart) + 1e-9));
  const first = Math.ceil(low / apart - 1e-9);
  const count = Math.floor(high / apart + 1e-9) - first + 1;
  return { ticks: Array.from({ length: count }, (_, n) => (first + n) * apart), decimals };
}

/** The ticks of an axis of the plane. */
const ticksOf = (axis) => ticksBetween(axis[0], axis.at(-1));

/** The heights that stand at the axis of a mountain: round ones, on a logarithmic scale 1, 2 and 5 of each decade. */
function heightTicks({ lowest, highest, logarithmic }) {
  if (!logarithmic) return ticksBetween(lowest, highest, 5);
  const [low, high] = [Math.max(lowest, FLOOR), Math.max(highest, FLOOR)];
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power += 1)
    ticks.push(...[1, 2, 5].map((factor) => factor * 10 ** power).filter((tick) => tick >= low && tick <= high));
  return { ticks, decimals: null };
}

const LEVELS = 14;
const FLOOR = 1e-3;

/** What views and maps draw of heights: scaled to 0 … 1, logarithmically if wished, with contour lines. */
function terrain(heights, logarithmic) {
  const scaled = (height) => (logarithmic ? Math.log10(Math.max(height, FLOOR)) : height);
  const all = heights.flat();
  const [low, high] = [scaled(Math.min(...all)), scaled(Math.max(...all))];
  const part = (height) => (scaled(height) - low) / (high - low || 1);
  const grid = heights.map((row) => row.map(part));
  const lines = Array.from({ length: LEVELS }, (_, place) => contour(grid, (place + 0.5) / LEVELS));
  return { grid, part, lines, logarithmic, lowest: Math.min(...all), highest: Math.max(...all) };
}

/** The drawn height between the points of the grid, at plane coordinates; clamped to the plane's edge. */
function surface(grid, x, y) {
  const place = (axis, value) => {
    const cell = ((value - axis[0]) / (axis[axis.length - 1] - axis[0])) * (axis.length - 1);
    const low = Math.min(Math.max(Math.floor(cell), 0), axis.length - 2);
    return [low, Math.min(Math.max(cell - low, 0), 1)];
  };
  const [column, right] = place(plane.xs, x);
  const [row, up] = place(plane.ys, y);
  const along = (r) => grid[r][column] * (1 - right) + grid[r][column + 1] * right;
  return along(row) * (1 - up) + along(row + 1) * up;
}
