// The pictures of the first two chapters, as SVG: the observations, the number line, the network.

const SVG = "http://www.w3.org/2000/svg";

/** An SVG element with attributes and children; a string is text. */
function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const PETALS = { 1: [180], 2: [60, 300], 3: [60, 180, 300] }; // between the sepals, as many as the species' number

/** The picture of an observation: a flower of the lecture, or a sign with bars as high as its features. */
const glyph = (flower) => (lesson.isLecture ? bloom(flower) : bars(flower));

/** A flower: petals as long, sepals as wide as measured, in its species' colour and as many petals as its number. */
function bloom(flower) {
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

/** A square in the colour of the label, with a bar for each feature. */
function bars(flower) {
  const colourName = `var(--species-${flower.label})`;
  const wide = 34 / flower.features.length;
  return svg(
    "svg",
    { viewBox: "-25 -25 50 50", "aria-hidden": "true" },
    svg("rect", { x: -22, y: -22, width: 44, height: 44, rx: 8, fill: "none", stroke: colourName, "stroke-width": 3 }),
    ...flower.features.map((feature, place) => {
      const high = 34 * Math.min(Math.max((feature + 2.5) / 5, 0.06), 1);
      return svg("rect", { x: -17 + place * wide + 1, y: 17 - high, width: wide - 2, height: high, fill: colourName });
    }),
  );
}

const flowerName = (flower) => `${lesson.classes[flower.label - 1]} ${flower.number}`;

/** Whether a picture is so narrow, as on a phone, that it is drawn with less room between its parts. */
const isNarrow = (picture) => !state.printing && picture.parentElement.clientWidth < Math.max(640, 36 * rem());

/** Observation and prediction on the number line, and the error between them. */
function drawLine(line, label, prediction) {
  const [width, height] = isNarrow(line) ? [560, 194] : [1200, 168];
  const ticks = lesson.classes.map((_, place) => place + 1);
  const [from, to] = [Math.min(0.5, prediction - 0.3), Math.max(ticks.length + 0.5, prediction + 0.3)];
  const x = (value) => 40 + ((value - from) / (to - from)) * (width - 80);
  const axis = 88;
  const isCrowded = x(2) - x(1) < 16 + 11 * Math.max(...lesson.classes.map((name) => name.length)); // every second one stands a line lower
  const text = (content, attributes) =>
    svg("text", { "text-anchor": "middle", fill: "var(--ink)", "font-size": 20, ...attributes }, content);
  line.setAttribute("viewBox", `0 0 ${width} ${height}`);
  line.replaceChildren(
    svg("line", { x1: 20, x2: width - 20, y1: axis, y2: axis, stroke: "var(--quiet)", "stroke-width": 2 }),
    ...ticks.flatMap((tick) => [
      svg("line", { x1: x(tick), x2: x(tick), y1: axis - 9, y2: axis + 9, stroke: "var(--quiet)", "stroke-width": 2 }),
      text(`${tick} ${lesson.classes[tick - 1]}`, {
        x: x(tick),
        y: axis + (isCrowded && tick % 2 === 0 ? 60 : 36),
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

/** A rim in the colour of the page, so that a text is read over a line. */
const RIM = { stroke: "var(--paper)", "stroke-width": 5, "paint-order": "stroke", "stroke-linejoin": "round" };

/** The network: edges as thick as their weights, blue forward and orange if negative; the numbers of an observation. */
function drawNetwork(picture, weights, flower, values) {
  const narrow = isNarrow(picture);
  const { features, hidden } = lesson;
  const most = Math.max(features.length, hidden);
  const flat = features.length > 2 && picture.clientWidth > 3 * picture.clientHeight; // a low frame: names stand beside features
  const [left, middle, right, width] = flat ? [300, 980, 1560, 1680] : narrow ? [82, 360, 552, 620] : [150, 500, 850, 1000];
  const apart = flat ? 100 : 150;
  const centre = 56 + ((most - 1) * apart) / 2 + (most === 1 ? 20 : 0);
  const spread = (count, place) => centre + (place - (count - 1) / 2) * (count < most ? 150 : apart);
  const named = new Map(lesson.weights.map(({ name }, place) => [name, weights[place]]));
  const under = (name, index) => (index ? name + String(index).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]) : name);
  const own = (neuron) => (hidden > 1 ? String(neuron + 1) : "");
  const word = (content, x, y, size, weight = 400, fill = "var(--ink)") =>
    svg("text", { x, y, "text-anchor": "middle", "font-size": size, "font-weight": weight, fill, ...RIM }, content);
  const isSimple = hidden === 1 && features.length === 2;
  const edge = ([x1, y1], [x2, y2], name, shift, part) => {
    const weight = named.get(name);
    const negative = weight < 0;
    const line = { x1, y1, x2, y2, stroke: negative ? "var(--error)" : "var(--accent)", opacity: 0.55 };
    const thick = { "stroke-width": Math.min(1.5 + 5 * Math.abs(weight), 18), "stroke-dasharray": negative ? "14 8" : "none" };
    const [x, y] = [x1 + (x2 - x1) * part, y1 + (y2 - y1) * part + shift];
    const text = isSimple || !narrow ? `${name} = ${number(weight)}` : number(weight);
    return [svg("line", { ...line, ...thick }), word(text, x, y, isSimple ? 24 : 20, 600)];
  };
  const node = ([x, y], head, value, below, radius) => [
    svg("circle", { cx: x, cy: y, r: radius, fill: "var(--card)", stroke: "var(--ink)", "stroke-width": 2.5 }),
    word(head, x, y + (flower ? -6 : 8), 20, 400, "var(--quiet)"),
    ...(flower ? [word(number(value), x, y + 20, 24, 650)] : []),
    flat && x === left
      ? svg("text", { x: x - radius - 14, y: y + 8, "text-anchor": "end", "font-size": 24, fill: "var(--quiet)" }, below)
      : word(below, x, y + radius + 24, 20, 400, "var(--quiet)"),
  ];
  const inputs = features.map((_, place) => [left, spread(features.length, place)]);
  const neurons = Array.from({ length: hidden }, (_, place) => [middle, spread(hidden, place)]);
  const [outer] = [[right, centre]];
  const inner = neurons.flatMap((to, neuron) =>
    inputs.flatMap((from, place) => {
      const name = under("w", own(neuron) + (features.length > 1 ? place + 1 : ""));
      const shift = isSimple ? (place ? 48 : -32) : -12;
      const part = isSimple ? (narrow ? 0.48 : 0.5) : flat ? 0.2 + 0.22 * neuron : 0.34 + 0.3 * ((neuron + place) % 2);
      return edge(from, to, name, shift, part);
    }),
  );
  const outward = neurons.flatMap((from, neuron) =>
    edge(from, outer, under("v", own(neuron)), narrow && hidden === 1 ? -66 : -22, 0.5),
  );
  const slot = (name) => values[lesson.graph.slots[name]];
  picture.setAttribute("viewBox", `0 0 ${width} ${Math.max(288, 138 + (most - 1) * apart)}`);
  picture.replaceChildren(
    word(flower ? flowerName(flower) : "", width - 100, 30, 20, 600),
    ...inner,
    ...outward,
    ...inputs.flatMap((place, index) => {
      const name = features[index].length > 16 ? `${features[index].slice(0, 15)}…` : features[index];
      return node(place, lesson.inputs[index].name, flower?.features[index], name, 48);
    }),
    ...neurons.flatMap((place, neuron) => {
      const bias = under("b", own(neuron));
      return node(place, "tanh", slot(under("h", own(neuron))), `${bias} = ${number(named.get(bias))}`, 52);
    }),
    ...node(outer, "ŷ", slot("ŷ"), `c = ${number(named.get("c"))}`, 52),
  );
}
