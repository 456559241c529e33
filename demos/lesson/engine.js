"use strict";

// The lesson's numbers: the network's program, recorded by the engine, run on the six flowers.

const lesson = JSON.parse(document.getElementById("lesson").textContent);
const { flowers, plane, texts } = lesson;
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

/** The sum of the errors of all flowers. */
function loss(weights, kind) {
  return flowers.reduce((sum, flower) => sum + errorOf(forward(weights, inputsOf(flower)), kind, flower.label), 0);
}

/** The gradient of one flower's error for every weight, by the backward pass of the program. */
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

/** The loss over the plane, row by row; Python's own where the other weights are those it was built with. */
function heights(weights, kind) {
  const built = lesson.landscapes[kind];
  if (built && weights.slice(2).every((weight, place) => weight === lesson.settings.first[2 + place]))
    return built.heights;
  return plane.ys.map((y) => plane.xs.map((x) => loss(at(weights, x, y), kind)));
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

/** An optimizer on the two weights, by the program of its rule: (gradient, rate, step, …state) -> (move, …state). */
class Optimizer {
  constructor(name, rate) {
    this.rule = rules[name];
    this.rate = rate;
    this.steps = 0;
    this.states = [0, 1].map(() => new Array(this.rule.outputs.length - 1).fill(0));
  }

  /** How far each of the two weights moves. */
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
