"use strict";

// The lesson's numbers: the network's program, recorded by the engine, run on all observations.

const lesson = JSON.parse(document.getElementById("lesson").textContent);
const { flowers, texts } = lesson;
const OUTPUT = { absolute: 0, squared: 1, prediction: 2 };

/** The values of all slots for one observation; `inputs` are its features and its label. */
const forward = (weights, inputs) => program.forward(weights, inputs);
const inputsOf = (flower) => [...flower.features, flower.label];
const output = (values, name) => values[program.outputs[OUTPUT[name]]];

/** The label that a prediction means: the nearest whole number, halves to even as Python rounds them. */
function labelOf(prediction) {
  const up = Math.round(prediction);
  return up - prediction === 0.5 && up % 2 ? up - 1 : up;
}

/** The height that an error has: with rounded errors, that of the lecture's table. */
function errorOf(values, kind, label) {
  return kind === "rounded" ? Math.abs(labelOf(output(values, "prediction")) - label) : output(values, kind);
}

/** What the loss can be differentiated as: a terrace has no slope, so rounded errors descend as before rounding. */
const smooth = (kind) => (kind === "rounded" ? "absolute" : kind);

/** The sum of the errors of all observations. */
function loss(weights, kind) {
  return flowers.reduce((sum, flower) => sum + errorOf(forward(weights, inputsOf(flower)), kind, flower.label), 0);
}

/** The gradient of one observation's error for every weight, by the backward pass of the program. */
function gradientOf(weights, inputs, kind) {
  const { gradients } = program.backward(forward(weights, inputs), { output: OUTPUT[smooth(kind)] });
  return weights.map((_, place) => gradients[program.firstParameter + place]);
}

/** The gradient of the sum. */
function gradient(weights, kind) {
  const each = flowers.map((flower) => gradientOf(weights, inputsOf(flower), kind));
  return weights.map((_, place) => each.reduce((sum, one) => sum + one[place], 0));
}

/** The weights with other values of the two that span the plane. */
const at = (weights, x, y) => [x, y, ...weights.slice(2)];

/** The loss over a plane, row by row; Python's own where it is the whole one, with the weights it was built with. */
function heights(weights, kind, plane) {
  const built = lesson.landscapes[kind];
  if (built && plane === lesson.plane && weights.slice(2).every((w, n) => w === lesson.settings.first[2 + n]))
    return built.heights;
  return plane.ys.map((y) => plane.xs.map((x) => loss(at(weights, x, y), kind)));
}

/** The plane near a point: a fifth of the whole one, as finely divided, and not beyond its edge. */
function planeNear([x, y]) {
  const axis = (whole, centre) => {
    const reach = span(whole) / 10;
    const middle = Math.min(Math.max(centre, whole[0] + reach), whole.at(-1) - reach);
    const first = Math.round((middle - reach) * 100) / 100;
    return Array.from({ length: 41 }, (_, n) => first + (n * 2 * reach) / 40);
  };
  return { xs: axis(lesson.plane.xs, x), ys: axis(lesson.plane.ys, y) };
}

/** Half of the last place that is shown of a slope: what is less is shown as flat, not as a direction. */
const FLAT = 5e-4;

/** The measured slope in each direction: the difference of height by a tiny step forth and back, over their distance. */
function slopes(weights, kind, directions = 72, step = 1e-6) {
  return Array.from({ length: directions }, (_, place) => {
    const angle = (2 * Math.PI * place) / directions;
    const [x, y] = [step * Math.cos(angle), step * Math.sin(angle)];
    const there = loss(at(weights, weights[0] + x, weights[1] + y), smooth(kind));
    const back = loss(at(weights, weights[0] - x, weights[1] - y), smooth(kind));
    return { angle, slope: (there - back) / (2 * step) };
  });
}

/** An optimizer on some of the weights, by the program of its rule: (gradient, rate, step, …state) -> (move, …state). */
class Optimizer {
  constructor(name, rate, weights = 2) {
    this.rule = rules[name];
    this.rate = rate;
    this.steps = 0;
    this.states = Array.from({ length: weights }, () => new Array(this.rule.outputs.length - 1).fill(0));
  }

  /** How far each of the weights moves. */
  moves(gradients) {
    this.steps += 1;
    return this.states.map((state, place) => {
      const values = this.rule.forward([], [gradients[place], this.rate, this.steps, ...state]);
      const [move, ...next] = Array.from(this.rule.outputs, (slot) => values[slot]);
      this.states[place] = next;
      return move;
    });
  }
}

/** A descent of the first two weights: where it has been, and how high that was. */
class Descent {
  constructor(name, rate, weights, kind) {
    Object.assign(this, { name, kind, weights: [...weights], stopped: false });
    this.optimizer = new Optimizer(name, rate);
    this.path = [this.weights.slice(0, 2)];
    this.losses = [loss(this.weights, smooth(kind))];
  }

  /** One step; false where the next weights or their loss would not be finite. */
  step() {
    const moves = this.optimizer.moves(gradient(this.weights, this.kind).slice(0, 2));
    const next = at(this.weights, this.weights[0] + moves[0], this.weights[1] + moves[1]);
    const there = loss(next, smooth(this.kind));
    this.stopped = ![...next, there].every(Number.isFinite);
    if (this.stopped) return false;
    this.weights = next;
    this.path.push(next.slice(0, 2));
    this.losses.push(there);
    return true;
  }
}
