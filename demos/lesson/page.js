// The page: one state, and everything on it drawn from that state.

const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const shown = (name) => $(`[data-show="${name}"]`);
const settings = ["first", "second", "valley"].map((name) => [name, lesson.settings[name]]);
const PLANE_NAMES = [lesson.weights[0].name, lesson.weights[1].name];
const MAX_STEPS = 500;
const NEAR = 200;

const state = {
  weights: [...lesson.settings.first],
  kind: "absolute",
  logarithmic: false,
  flower: 0,
  inputs: inputsOf(flowers[0]),
  path: [],
  losses: [],
  optimizer: null,
  running: false,
  playing: null,
  stopped: false,
  printing: false,
};
let land = null;
const graph = new Graph($("#graph"));

// ── Changing the state ──────────────────────────────────────────────────────────────────────────────

function setWeights(weights) {
  const others = weights.slice(2).some((weight, place) => weight !== state.weights[2 + place]);
  state.weights = [...weights];
  if (others) land = null;
  restartHere();
}

function setKind(kind) {
  state.kind = kind;
  land = null;
  restartHere();
}

function setFlower(place) {
  state.flower = place;
  state.inputs = inputsOf(flowers[place]);
  changed();
}

/** The present weights are the start of a new descent. */
function restartHere() {
  state.running = state.stopped = false;
  state.optimizer = null;
  state.path = [state.weights.slice(0, 2)];
  state.losses = [loss(state.weights, smooth(state.kind))];
  changed();
}

/** One step of the descent; false where the next weights or their loss would not be finite. */
function step() {
  if (state.path.length > MAX_STEPS) return false;
  state.optimizer ??= new Optimizer($("#optimizer").value, rate());
  state.optimizer.rate = rate();
  const moves = state.optimizer.moves(gradient(state.weights, state.kind).slice(0, 2));
  const next = at(state.weights, state.weights[0] + moves[0], state.weights[1] + moves[1]);
  const there = loss(next, smooth(state.kind));
  if (![...next, there].every(Number.isFinite)) {
    state.stopped = true;
    return false;
  }
  state.weights = next;
  state.path.push(next.slice(0, 2));
  state.losses.push(there);
  return true;
}

const rate = () => Number((10 ** Number($("#rate").value)).toPrecision(2));

function run() {
  if (!state.running) return;
  state.running = step() && state.running;
  changed();
  if (state.running) setTimeout(run, 90);
}

// ── Drawing it ──────────────────────────────────────────────────────────────────────────────────────

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
  shown("sum").textContent = number(loss(state.weights, state.kind), state.kind === "rounded" ? 0 : 2);
  shown("rounded").textContent = number(loss(state.weights, "rounded"), 0);
  for (const [place, input] of $$("#weights input").entries()) {
    input.value = state.weights[place];
    const text = number(state.weights[place]);
    input.setAttribute("aria-valuetext", `${lesson.weights[place].name} = ${text}`);
    input.nextElementSibling.textContent = text;
  }
  for (const button of $$("[data-setting]")) {
    const setting = lesson.settings[button.dataset.setting];
    button.setAttribute("aria-pressed", setting.every((weight, place) => weight === state.weights[place]));
  }
  for (const button of $$("[data-flower]")) button.setAttribute("aria-pressed", Number(button.dataset.flower) === state.flower);
  for (const button of $$("[data-kind]")) button.setAttribute("aria-pressed", button.dataset.kind === state.kind);

  drawError(results[state.flower]);
  drawNetwork($("#network"), state.weights, flowers[state.flower], results[state.flower]);
  drawTable(results);
  drawMountains(total);
  drawBackward();
}

function drawError(values) {
  const flower = flowers[state.flower];
  const prediction = output(values, "prediction");
  shown("glyph").replaceChildren(glyph(flower));
  shown("flower").textContent = `${texts.flower} ${flower.number}`;
  shown("label").textContent = flower.label;
  shown("species").textContent = texts[`species.${flower.label}`];
  shown("features").replaceChildren(...flower.features.flatMap((feature, place) => [
    element("dt", texts[`feature.${place + 1}`]),
    element("dd", `${number(flower.measures[place], 1)} ${texts["feature.unit"]}`),
    element("dd", `${["x₁", "x₂"][place]} = ${number(feature)}`),
  ]));
  shown("prediction").textContent = number(prediction);
  shown("formula").textContent = "v · tanh(w₁ · x₁ + w₂ · x₂ + b) + c";
  shown("error").textContent = `= |${flower.label} − ${number(prediction)}| = ${number(output(values, "absolute"))}`;
  drawLine($("#line"), flower.label, prediction);
}

function drawTable(results) {
  const predictions = results.map((values) => output(values, "prediction"));
  const errors = results.map((values) => output(values, "absolute"));
  const rounded = results.map((values, place) => errorOf(values, "rounded", flowers[place].label));
  const cells = (numbers, decimals, wrong = () => false) => numbers.map((value, place) => {
    const cell = element("td", number(value, decimals));
    if (wrong(place)) cell.classList.add("wrong");
    return cell;
  });
  const sum = (numbers, decimals) => Object.assign(element("td", number(numbers.reduce((a, b) => a + b, 0), decimals)), { className: "total" });
  const row = (name, className, cells, total = element("td", "")) => {
    total.classList.add("total");
    const line = element("tr", "");
    line.className = className;
    line.append(Object.assign(element("th", name), { scope: "row" }), ...cells, total);
    return line;
  };
  const head = element("tr", "");
  head.append(element("th", texts.flower), ...flowers.map((flower) => {
    const cell = Object.assign(element("th", ""), { scope: "col" });
    cell.append(glyph(flower), ` ${flower.number}`);
    return cell;
  }), Object.assign(element("th", texts["loss.sum"]), { scope: "col" }));
  const body = element("tbody", "");
  body.append(
    row(texts["loss.true"], "", cells(flowers.map((flower) => flower.label), 0)),
    row(texts["loss.rounded"], "rounded", cells(predictions.map((value) => Math.round(value)), 0, (place) => rounded[place] > 0)),
    row(texts["loss.error.rounded"], "strong rounded", cells(rounded, 0, (place) => rounded[place] > 0), sum(rounded, 0)),
    row(texts["loss.prediction"], "", cells(predictions, 2)),
    row(texts["loss.error"], "strong", cells(errors, 2), sum(errors, 2)),
  );
  const top = element("thead", "");
  top.append(head);
  $("#table").replaceChildren(top, body);
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
  const marks = settings.map(([name, setting], place) => ({ name: ["1", "2", "3"][place], point: setting.slice(0, 2) }));
  const scene = { land, point, path: [], names: PLANE_NAMES, marks, heightName: texts[`mountain.${state.kind}`] };
  const walked = { ...scene, path: state.path, marks: [] };
  const scenes = [scene, walked];
  for (const [place, view] of views.entries()) if (isNear(view.canvas)) view.draw(scenes[place]);
  for (const [place, chart] of charts.entries()) if (isNear(chart.canvas)) chart.draw({ ...scenes[place], gradient: place ? slope : null });
  shown("height").textContent = number(loss(state.weights, state.kind), state.kind === "rounded" ? 0 : 2);
  shown("lowest").textContent = number(land.lowest, state.kind === "rounded" ? 0 : 2);
  shown("kind-note").textContent = texts[`mountain.note.${state.kind}`];

  shown("rate").textContent = number(rate(), 3);
  shown("steps").textContent = state.path.length - 1;
  shown("loss").textContent = number(total, 4);
  shown("gradient").textContent = `(${number(slope[0])} | ${number(slope[1])}), ${texts["descent.length"]} ${number(Math.hypot(...slope))}`;
  const outside = !onMap(point) && texts["descent.outside"];
  shown("descent-note").textContent = [state.stopped && texts["descent.stopped"], outside, state.kind === "rounded" && texts["descent.flat"]].filter(Boolean).join(" ");
  $("#run").textContent = texts[state.running ? "descent.pause" : "descent.run"];
  const measured = slopes(state.weights, state.kind);
  drawRose($("#rose"), measured, slope);
  const steepest = measured.reduce((most, { slope: one }) => Math.max(most, one), -Infinity);
  shown("rose").textContent = `${texts["descent.steepest"]}: ${number(steepest, 3)} ≤ ${number(Math.hypot(...slope), 3)}`;
  drawCurve($("#curve"), state.losses);
}

function drawBackward() {
  graph.run(state.weights, state.inputs, state.kind);
  graph.draw();
  const position = $("#position");
  position.max = graph.steps.length;
  position.value = graph.taken;
  shown("position").textContent = `${graph.taken} ${texts["backward.of"]} ${graph.steps.length}`;
  position.setAttribute("aria-valuetext", shown("position").textContent);
  shown("equation").replaceChildren(...graph.equation());
  $("#first").disabled = $("#previous").disabled = graph.taken === 0;
  $("#next").disabled = $("#last").disabled = graph.taken === graph.steps.length;
  $("#play").textContent = texts[state.playing ? "backward.stop" : "backward.play"];
  for (const [place, input] of $$(".inputs input").entries()) {
    input.value = state.inputs[place];
    input.nextElementSibling.textContent = number(state.inputs[place]);
  }
  const head = element("tr", "");
  head.append(element("th", texts.weights), ...flowers.map((flower) => {
    const cell = Object.assign(element("th", ""), { scope: "col" });
    cell.append(glyph(flower), ` ${flower.number}`);
    return cell;
  }), Object.assign(element("th", texts["backward.total"]), { scope: "col" }));
  const each = flowers.map((flower) => gradientOf(state.weights, inputsOf(flower), state.kind));
  const total = gradient(state.weights, state.kind);
  const rows = lesson.weights.map((weight, place) => {
    const line = element("tr", "");
    line.append(
      Object.assign(element("th", `∂E/∂${weight.name}`), { scope: "row" }),
      ...each.map((one, flower) => Object.assign(element("td", number(one[place])), { className: flower === state.flower ? "chosen" : "" })),
      Object.assign(element("td", number(total[place])), { className: "total" }),
    );
    return line;
  });
  $("#gradients").replaceChildren(head, ...rows);
}

function element(name, text) {
  return Object.assign(document.createElement(name), { textContent: text });
}

// ── Wiring ──────────────────────────────────────────────────────────────────────────────────────────

function slider(name, { min, max, step }, onInput) {
  const label = element("label", "");
  const input = Object.assign(document.createElement("input"), { type: "range", min, max, step });
  input.setAttribute("aria-label", name);
  input.addEventListener("input", () => onInput(Number(input.value)));
  label.append(element("b", name), input, element("output", ""));
  return label;
}

function button(text, onClick, data = {}) {
  const made = Object.assign(element("button", text), { type: "button" });
  Object.assign(made.dataset, data);
  made.addEventListener("click", onClick);
  return made;
}

lesson.weights.forEach(({ name, ...range }, place) => {
  const move = (number) => setWeights(state.weights.map((weight, other) => (other === place ? number : weight)));
  $(place < 2 ? "#weights .main" : "#weights .rest").append(slider(name, range, move));
});
$("#weights").addEventListener("submit", (event) => event.preventDefault());
for (const group of $$(".settings")) {
  group.append(...settings.map(([name, setting]) => button(texts[`setting.${name}`], () => setWeights(setting), { setting: name })));
}
for (const group of $$(".flowers")) {
  group.append(...flowers.map((flower, place) => {
    const made = button("", () => setFlower(place), { flower: place });
    made.append(glyph(flower), `${texts[`species.${flower.label}`]} ${flower.number}`);
    return made;
  }));
}
$(".kinds").append(...["absolute", "squared", "rounded"].map((kind) => button(texts[`mountain.${kind}`], () => setKind(kind), { kind })));
$("#log").addEventListener("change", (event) => {
  state.logarithmic = event.target.checked;
  land = null;
  changed();
});
$(".starts").append(
  ...["first", "second", "hill"].map((name) => button(texts[`descent.${name}`], () => setWeights(lesson.settings[name]), { setting: name })),
);
lesson.inputs.forEach(({ name, ...range }, place) => {
  const made = slider(name, range, (number) => {
    state.inputs = state.inputs.map((input, other) => (other === place ? number : input));
    changed();
  });
  made.className = "slider";
  $(".inputs").append(made);
});

const turned = (view) => {
  for (const other of views) [other.azimuth, other.elevation] = [view.azimuth, view.elevation];
  changed();
};
const views = $$("canvas.view").map((canvas) => new View(canvas, turned));
const charts = $$("canvas.map").map((canvas) => new Chart(canvas, (x, y) => setWeights(at(state.weights, x, y))));

$("#rate").value = Math.log10(lesson.rate);
$("#rate").addEventListener("input", changed);
$("#optimizer").addEventListener("change", () => {
  state.optimizer = null;
  changed();
});
$("#step").addEventListener("click", () => {
  state.running = false;
  step();
  changed();
});
$("#run").addEventListener("click", () => {
  state.running = !state.running;
  run();
  changed();
});
$("#restart").addEventListener("click", () => setWeights(at(state.weights, ...state.path[0])));

function goTo(taken) {
  graph.taken = Math.min(Math.max(taken, 0), graph.steps.length);
  changed();
}

function stopPlaying() {
  clearInterval(state.playing);
  state.playing = null;
}

for (const [id, where] of Object.entries({ first: () => 0, previous: () => graph.taken - 1, next: () => graph.taken + 1, last: () => graph.steps.length })) {
  $(`#${id}`).addEventListener("click", () => {
    stopPlaying();
    goTo(where());
  });
}
$("#position").addEventListener("input", (event) => goTo(Number(event.target.value)));
$("#play").addEventListener("click", () => {
  if (state.playing) stopPlaying();
  else {
    if (graph.taken === graph.steps.length) graph.taken = 0;
    state.playing = setInterval(() => {
      goTo(graph.taken + 1);
      if (graph.taken === graph.steps.length) stopPlaying();
    }, 1100);
  }
  changed();
});

// The theme is the system's until the button says otherwise; print has its own.
function toggleTheme() {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset.theme = dark ? "light" : "dark";
  changed();
}
$("#theme").addEventListener("click", toggleTheme);
$("#print").addEventListener("click", () => print());
let screenTheme;
addEventListener("beforeprint", () => {
  screenTheme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
  state.printing = true;
  draw();
});
addEventListener("afterprint", () => {
  state.printing = false;
  if (screenTheme) document.documentElement.dataset.theme = screenTheme;
  else delete document.documentElement.dataset.theme;
  changed();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const links = $$("nav a");
  if (event.key >= "1" && event.key <= String(links.length)) links[Number(event.key) - 1].click();
  if (event.key === "d") toggleTheme();
});
const chapters = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const link = $(`nav a[href="#${target.id}"]`);
    if (isIntersecting) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}, { rootMargin: "-45% 0px -50% 0px" });
for (const section of $$("main section")) chapters.observe(section);
const canvases = new IntersectionObserver(changed, { rootMargin: `${NEAR}px 0px` });
for (const canvas of $$("canvas")) canvases.observe(canvas);
new ResizeObserver(changed).observe(document.body);
restartHere();
