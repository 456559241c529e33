// The pictures of the first two chapters, as SVG: flowers, the number line, the network.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children; a string is text. */
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const PETALS = { 1: [180], 2: [60, 300], 3: [60, 180, 300] }; // between the sepals, as many as the species' number

/** A flower: petals as long, sepals as wide as measured, in its species' colour and as many petals as its number. */
function glyph(flower) {
  const colourName = `var(--species-${flower.label})`;
  const sepal = flower.measures[0] * 2.4;
  const petal = 7 + flower.measures[1] * 2;
  const leaf = (turn, attributes) =>
    svg("ellipse", { cx: 0, transform: `rotate(${turn})`, fill: colourName, ...attributes });
  return svg(
    "svg",
    { viewBox: "-25 -25 50 50", "aria-hidden": "true" },
    ...[0, 120, 240].map((turn) => leaf(turn, { cy: -12, rx: sepal, ry: 12, opacity: 0.35 })),
    ...PETALS[flower.label].map((turn) =>
      leaf(turn, { class: "petal", cy: -petal / 2 - 2, rx: 4.2, ry: petal / 2 }),
    ),
    svg("circle", { r: 3.4, fill: "var(--card)", stroke: colourName, "stroke-width": 2 }),
  );
}

const flowerName = (flower) => `${texts[`species.${flower.label}`]} ${flower.number}`;

/** Whether a picture is so narrow, as on a phone, that it is drawn with less room between its parts. */
const isNarrow = (picture) => picture.parentElement.clientWidth < 640;

/** Observation and prediction on the number line, and the error between them. */
function drawLine(line, label, prediction) {
  const [width, height] = isNarrow(line) ? [560, 194] : [1200, 168];
  const [from, to] = [Math.min(0.5, prediction - 0.3), Math.max(3.5, prediction + 0.3)];
  const x = (value) => 40 + ((value - from) / (to - from)) * (width - 80);
  const axis = 88;
  const isCrowded = x(2) - x(1) < 130; // so the name in the middle stands a line lower
  const text = (content, attributes) =>
    svg("text", { "text-anchor": "middle", fill: "var(--ink)", "font-size": 20, ...attributes }, content);
  line.setAttribute("viewBox", `0 0 ${width} ${height}`);
  line.replaceChildren(
    svg("line", { x1: 20, x2: width - 20, y1: axis, y2: axis, stroke: "var(--quiet)", "stroke-width": 2 }),
    ...[1, 2, 3].flatMap((tick) => [
      svg("line", { x1: x(tick), x2: x(tick), y1: axis - 9, y2: axis + 9, stroke: "var(--quiet)", "stroke-width": 2 }),
      text(`${tick} ${texts[`species.${tick}`]}`, {
        x: x(tick),
        y: axis + (isCrowded && tick === 2 ? 60 : 36),
        fill: `var(--species-${tick})`,
        "font-weight": 600,
      }),
    ]),
    svg("line", {
      x1: x(label),
      x2: x(prediction),
      y1: axis,
      y2: axis,
      stroke: "var(--error)",
      "stroke-width": 14,
      "stroke-linecap": "butt",
      opacity: 0.85,
    }),
    svg("path", {
      d: `M${x(label)} ${axis} V34 h28 l-8 9 l8 9 h-28`,
      fill: "var(--observed)",
      stroke: "var(--observed)",
      "stroke-width": 4,
      "stroke-linejoin": "round",
    }),
    text(texts["error.observation"], { x: x(label), y: 22, fill: "var(--observed)", "font-weight": 600 }),
    svg("circle", {
      cx: x(prediction),
      cy: axis,
      r: 13,
      fill: "var(--accent)",
      stroke: "var(--card)",
      "stroke-width": 3,
    }),
    text(`${texts["error.prediction"]} ${number(prediction)}`, {
      x: Math.min(Math.max(x(prediction), 110), width - 110),
      y: height - 12,
      fill: "var(--accent)",
      "font-weight": 600,
    }),
  );
}

/** The network with the numbers of one flower: edges as thick as their weights, blue forward and orange if negative. */
function drawNetwork(picture, weights, flower, values) {
  const [w1, w2, b, v, c] = weights;
  const narrow = isNarrow(picture);
  const [left, middle, right, width] = narrow ? [82, 360, 552, 620] : [150, 500, 850, 1000];
  const places = { x1: [left, 56], x2: [left, 206], hidden: [middle, 130], output: [right, 130] };
  const edge = (from, to, weight, name, shift, part = 0.5) => {
    const [[x1, y1], [x2, y2]] = [places[from], places[to]];
    const [mx, my] = [x1 + (x2 - x1) * part, y1 + (y2 - y1) * part + shift];
    return [
      svg("line", {
        x1,
        y1,
        x2,
        y2,
        stroke: weight < 0 ? "var(--error)" : "var(--accent)",
        "stroke-width": Math.min(1.5 + 5 * Math.abs(weight), 18),
        opacity: 0.55,
        "stroke-dasharray": weight < 0 ? "14 8" : "none",
      }),
      svg(
        "text",
        { x: mx, y: my, "text-anchor": "middle", "font-size": 24, "font-weight": 600, fill: "var(--ink)" },
        `${name} = ${number(weight)}`,
      ),
    ];
  };
  const node = (place, head, value, under, radius = 44) => [
    svg("circle", {
      cx: places[place][0],
      cy: places[place][1],
      r: radius,
      fill: "var(--card)",
      stroke: "var(--ink)",
      "stroke-width": 2.5,
    }),
    svg(
      "text",
      { x: places[place][0], y: places[place][1] - 6, "text-anchor": "middle", "font-size": 20, fill: "var(--quiet)" },
      head,
    ),
    svg(
      "text",
      {
        x: places[place][0],
        y: places[place][1] + 20,
        "text-anchor": "middle",
        "font-size": 24,
        "font-weight": 650,
        fill: "var(--ink)",
      },
      number(value),
    ),
    svg(
      "text",
      {
        x: places[place][0],
        y: places[place][1] + radius + 24,
        "text-anchor": "middle",
        "font-size": 20,
        fill: "var(--quiet)",
      },
      under,
    ),
  ];
  picture.setAttribute("viewBox", `0 0 ${width} 288`);
  picture.replaceChildren(
    svg(
      "text",
      { x: width - 20, y: 30, "text-anchor": "end", "font-size": 20, "font-weight": 600, fill: "var(--ink)" },
      flowerName(flower),
    ),
    ...edge("x1", "hidden", w1, "w₁", -32, narrow ? 0.48 : 0.5),
    ...edge("x2", "hidden", w2, "w₂", 48, narrow ? 0.48 : 0.5),
    ...edge("hidden", "output", v, "v", narrow ? -66 : -22), // over the circles where it is wider than the gap
    ...node("x1", "x₁", flower.features[0], texts["feature.1"], 48),
    ...node("x2", "x₂", flower.features[1], texts["feature.2"], 48),
    ...node("hidden", "tanh", values[lesson.graph.slots.h], `b = ${number(b)}`, 52),
    ...node("output", "ŷ", output(values, "prediction"), `c = ${number(c)}`, 52),
  );
}
