// Everything on the page, drawn from the state.

let asked = false;

/** Draw everything again, once before the next frame. */
function changed() {
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    draw();
  });
}

function draw() {
  colours.clear();
  const results = flowers.map((flower) => forward(state.weights, inputsOf(flower)));
  const total = loss(state.weights, smooth(state.kind));
  for (const [name, kind] of [
    ["sum", state.kind],
    ["other-sum", state.kind === "rounded" ? "absolute" : "rounded"],
  ]) {
    shown(`${name}-name`).textContent = texts[`mountain.${kind}`];
    shown(name).textContent = heightOf(loss(state.weights, kind), kind);
  }
  for (const [place, input] of $$("#weights input").entries()) {
    input.value = state.weights[place];
    tell(input, `${lesson.weights[place].name} = `, number(state.weights[place]));
  }
  for (const button of $$("[data-setting]")) {
    const setting = lesson.settings[button.dataset.setting];
    button.setAttribute(
      "aria-pressed",
      setting.every((weight, place) => weight === state.weights[place]),
    );
  }
  for (const button of $$("[data-flower]"))
    button.setAttribute("aria-pressed", Number(button.dataset.flower) === state.flower);
  for (const button of $$("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === state.kind);

  drawError(results[state.flower]);
  drawNetwork($("#network"), state.weights, flowers[state.flower], results[state.flower]);
  drawTable(results);
  drawMountains(total);
  drawBackward();
}

/** The value of a slider as text, beside it, and with a name before it for those who hear it. */
function tell(input, name, text) {
  input.nextElementSibling.textContent = text;
  input.setAttribute("aria-valuetext", name + text);
}

/** A height as text: rounded errors add up to whole numbers. */
const heightOf = (height, kind = state.kind) => number(height, kind === "rounded" ? 0 : 2);

function drawError(values) {
  const flower = flowers[state.flower];
  const prediction = output(values, "prediction");
  shown("glyph").replaceChildren(glyph(flower));
  shown("flower").textContent = `${texts.flower} ${flower.number}`;
  shown("label").textContent = flower.label;
  shown("species").textContent = texts[`species.${flower.label}`];
  shown("features").replaceChildren(
    ...flower.features.flatMap((feature, place) => [
      element("dt", texts[`feature.${place + 1}`]),
      element("dd", `${number(flower.measures[place], 1)} ${texts["feature.unit"]}`),
      element("dd", `${["x₁", "x₂"][place]} = ${number(feature)}`),
    ]),
  );
  shown("prediction").textContent = number(prediction);
  shown("formula").textContent = "v · tanh(w₁ · x₁ + w₂ · x₂ + b) + c";
  shown("error").textContent = `= |${flower.label} − ${number(prediction)}| = ${number(output(values, "absolute"))}`;
  drawLine($("#line"), flower.label, prediction);
}

/** A line of a table of flowers: its name, a cell for each flower, and what they make together. */
function row(name, className, cells, total = element("td", "")) {
  const line = Object.assign(element("tr", ""), { className });
  total.classList.add("total");
  line.append(Object.assign(element("th", name), { scope: "row" }), ...cells, total);
  return line;
}

/** A table with its lines as columns: on a phone there is room for fewer columns, and more lines. */
function transpose(table) {
  const lines = [...table.rows].map((line) => [...line.cells]);
  const turned = lines[0].map((_, column) => {
    const line = element("tr", "");
    line.append(...lines.map((cells) => cells[column]));
    return line;
  });
  for (const cell of table.querySelectorAll("th")) cell.scope = cell.scope === "row" ? "col" : "row";
  const [top, body] = ["thead", "tbody"].map((part) => element(part, ""));
  top.append(turned[0]);
  body.append(...turned.slice(1));
  table.replaceChildren(top, body);
}

/** A table of the six flowers, with its lines. */
function fill(table, name, rows) {
  const heads = flowers.map((flower) => {
    const cell = Object.assign(element("th", ""), { scope: "col" });
    cell.append(glyph(flower), ` ${flower.number}`);
    return cell;
  });
  const [top, body, line] = ["thead", "tbody", "tr"].map((part) => element(part, ""));
  line.append(element("th", name), ...heads, Object.assign(element("th", texts.sum), { scope: "col" }));
  top.append(line);
  body.append(...rows);
  table.replaceChildren(top, body);
}

function drawTable(results) {
  const labels = flowers.map((flower) => flower.label);
  const predictions = results.map((values) => output(values, "prediction"));
  const errors = results.map((values) => output(values, "absolute"));
  const rounded = results.map((values, place) => errorOf(values, "rounded", labels[place]));
  const cells = (numbers, decimals) => numbers.map((value) => element("td", number(value, decimals)));
  const marked = (numbers) => {
    const made = cells(numbers, 0);
    made.forEach((cell, place) => cell.classList.toggle("wrong", rounded[place] > 0));
    return made;
  };
  const sum = (numbers, decimals) => {
    const [cell] = cells([numbers.reduce((a, b) => a + b, 0)], decimals);
    return cell;
  };
  fill($("#table"), texts.flower, [
    row(texts["loss.true"], "", cells(labels, 0)),
    row(texts["loss.rounded"], "rounded", marked(predictions.map(labelOf))),
    row(texts["loss.error.rounded"], "strong rounded", marked(rounded), sum(rounded, 0)),
    row(texts["loss.prediction"], "", cells(predictions, 2)),
    row(texts["loss.error"], "strong", cells(errors, 2), sum(errors, 2)),
  ]);
}

/** Whether a canvas is on the screen or nearly: painting the others would cost time on every move of a slider. */
function isNear(canvas) {
  const { top, bottom } = canvas.getBoundingClientRect();
  return state.printing || (bottom > -NEAR && top < innerHeight + NEAR);
}

function drawMountains(total) {
  land ??= terrain(heights(state.weights, state.kind), state.logarithmic);
  const point = state.weights.slice(0, 2);
  const slope = gradient(state.weights, state.kind).slice(0, 2);
  const length = Math.hypot(...slope);
  const flat = length < FLAT;
  const marks = settings.map(([name, setting], place) => ({
    name: ["1", "2", "3"][place],
    point: setting.slice(0, 2),
  }));
  const heightName = texts[`mountain.${state.kind}`];
  const scene = { land, point, path: [], names: PLANE_NAMES, marks, heightName, terraced: state.kind === "rounded" };
  const walked = { ...scene, path: state.path, marks: [] };
  const scenes = [scene, walked];
  for (const [place, view] of views.entries()) if (isNear(view.canvas)) view.draw(scenes[place]);
  for (const [place, chart] of charts.entries())
    if (isNear(chart.canvas)) chart.draw({ ...scenes[place], gradient: place && !flat ? slope : null });
  shown("height").textContent = heightOf(loss(state.weights, state.kind));
  shown("lowest").textContent = heightOf(land.lowest);
  shown("kind-note").textContent = texts[`mountain.note.${state.kind}`];

  tell($("#rate"), "", number(rate(), 3));
  shown("steps").textContent = state.path.length - 1;
  const smoothed = state.kind === "rounded" ? ` (${texts["descent.smooth"]})` : "";
  shown("loss-name").textContent = texts["descent.loss"] + smoothed;
  shown("loss").textContent = number(total, 4);
  shown("gradient").textContent =
    `(${slope.map((part) => number(part, 3)).join(" | ")}), ${texts["descent.length"]} ${number(length, 3)}`;
  const outside = !onMap(point) && texts["descent.outside"];
  shown("descent-note").textContent = [
    state.stopped && texts["descent.stopped"],
    isFull() && texts["descent.full"],
    outside,
  ]
    .filter(Boolean)
    .join(" ");
  $("#step").disabled = $("#run").disabled = isFull();
  $("#run").textContent = texts[state.running ? "descent.pause" : "descent.run"];
  const measured = slopes(state.weights, state.kind);
  drawRose($("#rose"), measured, flat ? null : slope);
  const steepest = Math.max(...measured.map((each) => each.slope));
  shown("rose").textContent = flat
    ? `${texts["descent.gentle"]} ${number(FLAT, 4)}.`
    : `${texts["descent.rose.caption"]} ${number(steepest, 3)}\u00a0≤\u00a0${number(length, 3)}.`;
  shown("arrows").textContent = flat ? "" : texts["descent.arrows"];
  shown("terrace").textContent = smoothed && texts["descent.terrace"];
  drawCurve($("#curve"), state.losses);
  shown("curve").textContent = texts["descent.curve"] + smoothed;
}

function drawBackward() {
  graph.run(state.weights, state.inputs, state.kind);
  graph.draw();
  const position = $("#position");
  position.max = graph.steps.length;
  position.value = graph.taken;
  tell(position, "", `${graph.taken} ${texts["backward.of"]} ${graph.steps.length}`);
  shown("equation").replaceChildren(...graph.equation());
  $("#first").disabled = $("#previous").disabled = graph.taken === 0;
  $("#next").disabled = $("#last").disabled = graph.taken === graph.steps.length;
  $("#play").textContent = texts[state.playing ? "backward.stop" : "backward.play"];
  for (const [place, input] of $$(".inputs input").entries()) {
    input.value = state.inputs[place];
    tell(input, `${lesson.inputs[place].name} = `, number(state.inputs[place]));
  }
  const each = flowers.map((flower) => gradientOf(state.weights, inputsOf(flower), state.kind));
  const rows = gradient(state.weights, state.kind).map((total, place) => {
    const cells = each.map((one) => element("td", number(one[place])));
    cells[state.flower].className = "chosen";
    return row(`∂E/∂${lesson.weights[place].name}`, "", cells, element("td", number(total)));
  });
  const table = $("#gradients");
  fill(table, texts.weights, rows);
  if (isNarrow(table) && !state.printing) transpose(table);
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}
