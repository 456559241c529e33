// The state of the page, and how it changes; all that is on the page is drawn from it.

const $ = (selector) => document.querySelector(selector);
const $$ = (selector) => [...document.querySelectorAll(selector)];
const shown = (name) => $(`[data-show="${name}"]`);
const element = (name, text) => Object.assign(document.createElement(name), { textContent: text });
/** A text with the parts in braces filled in. */
const say = (key, parts) => texts[key].replace(/\{(\w+)\}/g, (all, name) => parts[name] ?? all);
const settings = ["first", "second", "valley"].map((name) => [name, lesson.settings[name]]);
const PLANE_NAMES = [lesson.weights[0].name, lesson.weights[1].name];
const OPTIMIZERS = ["sgd", "momentum", "adam"];
const MAX_STEPS = 500;
const NEAR = 200;

const state = {
  weights: [...lesson.settings.first],
  kind: "absolute",
  logarithmic: false,
  zoom: null,
  flower: 0,
  inputs: inputsOf(flowers[0]),
  descent: null,
  race: [],
  mode: "read",
  slide: "error",
  reveal: {},
  running: null,
  printing: false,
};
let plane = lesson.plane;
let land = null;
const graphs = {
  forward: new Graph($("#forward-graph"), program, lesson.graph, { isForward: true }),
  one: new Graph($("#graph"), program, lesson.graph),
  all: new Graph($("#all-graph"), batch, lesson.batch),
};

function setWeights(weights) {
  const others = weights.slice(2).some((weight, place) => weight !== state.weights[2 + place]);
  state.weights = [...weights];
  if (others) land = null;
  restart();
}

function setKind(kind) {
  state.kind = kind;
  land = null;
  restart();
}

function setFlower(place) {
  state.flower = place;
  state.inputs = inputsOf(flowers[place]);
  changed();
}

/** The whole mountain, or what lies near a point of it. */
function setZoom(point) {
  state.zoom = point;
  plane = point ? planeNear(point) : lesson.plane;
  land = null;
  changed();
}

/** The present weights are the start of a new descent, and the race stands at its start. */
function restart() {
  stop();
  state.descent = null;
  state.race = [];
  changed();
}

const rateOf = (selector) => Number((10 ** Number($(selector).value)).toPrecision(2));

/** The descent from the present weights. */
function descent() {
  state.descent ??= new Descent($("#optimizer").value, rateOf("#rate"), state.weights, state.kind);
  return state.descent;
}

/** Whether the descent has as many steps as are kept. */
const isFull = () => descent().path.length > MAX_STEPS;

/** One step of the descent; false where there is none. */
function step() {
  if (isFull()) return false;
  const walking = descent();
  walking.optimizer.rate = rateOf("#rate");
  if (!walking.step()) return false;
  state.weights = [...walking.weights];
  return true;
}

/** The descent from its start again, with that many steps. */
function walkTo(steps) {
  setWeights(at(state.weights, ...descent().path[0]));
  for (let taken = 0; taken < steps; taken += 1) step();
  changed();
}

/** All optimizers, from the same place high up. */
function race() {
  if (!state.race.length) {
    const start = at(state.weights, ...lesson.settings.hill);
    state.race = OPTIMIZERS.map((name) => new Descent(name, lesson.rates[name], start, state.kind));
  }
  return state.race;
}

const RACE_STEPS = 60;
const raceSteps = () => Math.max(...race().map(({ path }) => path.length - 1));

/** One step of each; false where the race is over. */
function raceStep() {
  if (raceSteps() >= RACE_STEPS) return false;
  return race().filter((racer) => !racer.stopped && racer.step()).length > 0;
}

function raceTo(steps) {
  state.race = [];
  while (raceSteps() < steps && raceStep());
  changed();
}

/** Let something go on by itself, `tick` by `tick` until it says false. Only one thing runs at a time. */
function start(name, tick, pause) {
  stop();
  const again = () => {
    if (tick()) state.running.timer = setTimeout(again, pause);
    else state.running = null;
    changed();
  };
  state.running = { name, timer: null };
  again();
}

function stop() {
  clearTimeout(state.running?.timer);
  state.running = null;
}

const isRunning = (name) => state.running?.name === name;

/** Start what stands, stop what runs. */
function toggle(name, tick, pause) {
  if (isRunning(name)) stop();
  else start(name, tick, pause);
  changed();
}

/** So many steps of a pass. */
function goTo(name, taken) {
  const graph = graphs[name];
  graph.taken = Math.min(Math.max(taken, 0), graph.steps.length);
  graph.isStepped = true;
  changed();
}

/** What the next step of learning makes of the weights: w ← w − η · ∂L/∂w, for all of them. */
function updated() {
  const rate = rateOf("#update-rate");
  const slope = gradient(state.weights, state.kind);
  return { rate, slope, weights: state.weights.map((weight, place) => weight - rate * slope[place]) };
}
