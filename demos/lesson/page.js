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

/** Draw now, for what is read off the drawing. */
function drawNow() {
  draw();
}

function draw() {
  colours.clear();
  showSlide(); // what is hidden has no size to be drawn in
  const results = flowers.map((flower) => forward(state.weights, inputsOf(flower)));
  drawBars();
  drawError(results[state.flower]);
  drawData();
  const flower = flowers[state.flower];
  const live = { network: null, "live-network": flower };
  for (const [id, chosen] of Object.entries(live))
    if (isWanted($(`#${id}`))) drawNetwork($(`#${id}`), state.weights, chosen, results[state.flower]);
  drawTables(results);
  drawMountains();
  drawRace();
  drawPasses();
  drawUpdate();
  cover();
  remember();
}

/** Which slide is seen. */
function showSlide() {
  const { name, chapter } = current();
  for (const section of $$("main section")) section.classList.toggle("current", section.id === chapter);
  for (const slide of SLIDES) slide.article.classList.toggle("current", slide.name === name);
  for (const link of $$("nav a")) {
    if (link.hash === `#${chapter}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** How far the slide has come, and what of it is not yet uncovered. */
function cover() {
  const { name, chapter, steps } = current();
  for (const covered of $$("[data-reveal]")) {
    const { slide } = covered.closest(".slide").dataset;
    covered.classList.toggle("covered", isTalk() && !state.printing && Number(covered.dataset.reveal) > (state.reveal[slide] ?? 0));
  }
  const mine = SLIDES.filter((slide) => slide.chapter === chapter);
  const part = mine.length > 1 ? `.${mine.findIndex((slide) => slide.name === name) + 1}` : "";
  const count = steps.count();
  const place = $$("main section").findIndex((section) => section.id === chapter) + 1;
  shown("where").textContent = `${place}${part}${count ? ` · ${steps.get()}/${count}` : ""}`;
}

function drawBars() {
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
  for (const button of $$("[data-setting]"))
    button.setAttribute("aria-pressed", same(lesson.settings[button.dataset.setting], state.weights));
  for (const button of $$("[data-flower]"))
    button.setAttribute("aria-pressed", Number(button.dataset.flower) === state.flower);
  for (const button of $$("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === state.kind);
  for (const button of $$("[data-zoom]"))
    button.setAttribute("aria-pressed", (button.dataset.zoom === "near") === Boolean(state.zoom));
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
  shown("species").textContent = lesson.classes[flower.label - 1];
  shown("features").replaceChildren(
    ...flower.features.flatMap((feature, place) => [
      element("dt", lesson.features[place]),
      element("dd", measured(flower, place)),
      element("dd", `${lesson.inputs[place].name} = ${number(feature)}`),
    ]),
  );
  shown("prediction").textContent = number(prediction);
  shown("formula").textContent = lesson.formula;
  shown("error").textContent = `= |${flower.label} − ${number(prediction)}| = ${number(output(values, "absolute"))}`;
  drawLine($("#line"), flower.label, prediction);
}

/** A measure with its unit, and with as many decimals as the column has. */
function measured(flower, place) {
  const decimals = Math.max(...flowers.map(({ measures }) => decimalsOf(Number(measures[place].toPrecision(4)))));
  return `${number(flower.measures[place], decimals)} ${lesson.units[place]}`.trim();
}

function drawMountains() {
  land ??= terrain(heights(state.weights, state.kind, plane), state.logarithmic);
  const point = state.weights.slice(0, 2);
  const slope = gradient(state.weights, state.kind).slice(0, 2);
  const length = Math.hypot(...slope);
  const flat = length < FLAT;
  const marks = settings.map(([, setting], place) => ({ name: String(place + 1), point: setting.slice(0, 2) }));
  const heightName = texts[`mountain.${state.kind}`];
  const terraced = state.kind === "rounded";
  const scene = { land, point, paths: [], names: PLANE_NAMES, marks: marks.filter(({ point }) => onMap(point)), heightName, terraced };
  const walking = descent();
  const path = { points: walking.path, stroke: colour("path") };
  const walked = { ...scene, paths: [path], marks: [] };
  const scenes = { mountain: scene, gradient: { ...scene, gradient: flat ? null : slope, marks: [] }, walk: walked };
  for (const each of [...views, ...charts]) {
    const { slide } = each.canvas.closest(".slide").dataset;
    if (isNear(each.canvas)) each.draw({ ...scenes[slide], gradient: each instanceof Chart && slide !== "mountain" && !flat ? slope : null });
  }
  shown("height").textContent = heightOf(loss(state.weights, state.kind));
  shown("lowest").textContent = heightOf(land.lowest);
  shown("kind-note").textContent = texts[`mountain.note.${state.kind}`];

  tell($("#rate"), "", plain(rateOf("#rate")));
  shown("steps").textContent = walking.path.length - 1;
  const smoothed = terraced ? ` (${texts["descent.smooth"]})` : "";
  shown("loss-name").textContent = texts["descent.loss"] + smoothed;
  shown("loss").textContent = number(loss(state.weights, smooth(state.kind)), 4);
  shown("gradient").textContent =
    `(${slope.map((part) => number(part, 3)).join(" | ")}), ${texts["descent.length"]} ${number(length, 3)}`;
  const notes = [
    walking.stopped && texts["descent.stopped"],
    isFull() && texts["descent.full"],
    !onMap(point) && texts["descent.outside"],
  ];
  shown("descent-note").textContent = notes.filter(Boolean).join(" ");
  $("#step").disabled = $("#run").disabled = isFull();
  $("#run").textContent = texts[isRunning("walk") ? "descent.pause" : "descent.run"];
  const spokes = slopes(state.weights, state.kind);
  if (isNear($("#rose"))) drawRose($("#rose"), spokes, flat ? null : slope);
  const steepest = Math.max(...spokes.map((each) => each.slope));
  shown("rose").textContent = flat
    ? `${texts["descent.gentle"]} ${number(FLAT, 4)}.`
    : `${texts["descent.rose.caption"]} ${number(steepest, 3)}\u00a0≤\u00a0${number(length, 3)}.`;
  shown("arrows").textContent = flat ? "" : texts["descent.arrows"];
  shown("terrace").textContent = smoothed && texts["descent.terrace"];
  if (isNear($("#curve"))) drawCurve($("#curve"), [{ losses: walking.losses, stroke: colour("path") }]);
  shown("curve").textContent = texts["descent.curve"] + smoothed;
}

/** Whether a canvas is on the screen or nearly: painting the others would cost time on every move of a slider. */
function isNear(canvas) {
  const { top, bottom, width } = canvas.getBoundingClientRect();
  return state.printing || (width > 0 && bottom > -NEAR && top < innerHeight + NEAR);
}

/** Whether a picture has to be drawn: it is near, or has no size yet. */
const isWanted = (picture) => isNear(picture) || !picture.hasChildNodes();

const RACERS = { sgd: "path", momentum: "path-2", adam: "path-3" };

function drawRace() {
  const racers = race();
  const paths = racers.map(({ name, path, losses }) => ({ points: path, losses, stroke: colour(RACERS[name]) }));
  if (isNear($("#race-map"))) raceChart.draw({ land, paths, names: PLANE_NAMES, gradient: null, marks: [] });
  if (isNear($("#race-curve"))) drawCurve($("#race-curve"), paths);
  shown("racers").replaceChildren(
    ...racers.map(({ name, losses, optimizer }) => {
      const entry = element("span", "");
      const key = Object.assign(element("i", ""), { className: `key ${RACERS[name]}` });
      entry.append(key, ` ${texts[`descent.${name}`]} (η = ${plain(optimizer.rate)}): `, element("b", number(losses.at(-1))));
      return entry;
    }),
  );
  $("#race-run").textContent = texts[isRunning("race") ? "descent.pause" : "race.run"];
  $("#race-step").disabled = $("#race-run").disabled = raceSteps() >= RACE_STEPS;
}

/** The forward pass, and the two backward ones. */
function drawPasses() {
  const all = flowers.flatMap(inputsOf);
  for (const [name, graph] of Object.entries(graphs)) {
    graph.run(state.weights, name === "all" ? all : state.inputs, state.kind);
    if (isWanted(graph.picture)) graph.draw();
    graph.follow();
    $(`[data-equation="${name}"]`).replaceChildren(...graph.equation());
    const player = $(`[data-player="${name}"]`);
    const position = player.querySelector("input");
    position.max = graph.steps.length;
    position.value = graph.taken;
    tell(position, "", `${graph.taken} ${texts["backward.of"]} ${graph.steps.length}`);
    for (const button of player.querySelectorAll("[data-go]"))
      button.disabled = ["first", "previous"].includes(button.dataset.go)
        ? graph.taken === 0
        : button.dataset.go !== "play" && graph.taken === graph.steps.length;
    player.querySelector('[data-go="play"]').textContent = texts[isRunning(name) ? "backward.stop" : "backward.play"];
  }
  for (const [place, input] of $$(".inputs input").entries()) {
    input.value = state.inputs[place];
    tell(input, `${lesson.inputs[place].name} = `, number(state.inputs[place]));
  }
}
