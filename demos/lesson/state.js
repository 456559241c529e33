// The state of the page, and how it changes; all that is on the page is drawn from it.

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
  timer: null,
  printing: false,
};
let land = null;
const graph = new Graph($("#graph"));

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

/** Whether the descent has as many steps as are kept. */
const isFull = () => state.path.length > MAX_STEPS;

/** One step of the descent; false where there is none, or the next weights or their loss would not be finite. */
function step() {
  if (isFull()) return false;
  state.optimizer ??= new Optimizer($("#optimizer").value, rate());
  state.optimizer.rate = rate();
  const moves = state.optimizer.moves(gradient(state.weights, state.kind).slice(0, 2));
  const next = at(state.weights, state.weights[0] + moves[0], state.weights[1] + moves[1]);
  const there = loss(next, smooth(state.kind));
  state.stopped = ![...next, there].every(Number.isFinite);
  if (state.stopped) return false;
  state.weights = next;
  state.path.push(next.slice(0, 2));
  state.losses.push(there);
  return true;
}

const rate = () => Number((10 ** Number($("#rate").value)).toPrecision(2));

/** Step on as long as the descent is running. */
function run() {
  clearTimeout(state.timer);
  if (!state.running) return;
  state.running = step();
  changed();
  if (state.running) state.timer = setTimeout(run, 90);
}
