// Runs a program: its values, its gradients and the steps of its backward pass, with the semantics of the engine.

// erf and erfc by two formulas of Abramowitz & Stegun, Handbook of Mathematical Functions: the series 7.1.5 where it
// converges fast and without cancellation, the continued fraction 7.1.14 elsewhere.
const SERIES = 0.5;

function erf(x) {
  if (Math.abs(x) >= SERIES) return x > 0 ? 1 - erfcFraction(x) : erfcFraction(-x) - 1;
  let term = 1;
  let sum = 1;
  for (let n = 1; n < 16; n += 1) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * x * sum;
}

function erfc(x) {
  return x >= SERIES ? erfcFraction(x) : 1 - erf(x);
}

function erfcFraction(x) {
  if (x > 28) return 0; // below the least float
  let fraction = x;
  for (let k = Math.ceil(12 + 180 / (x * x)); k > 0; k -= 1) fraction = x + k / 2 / fraction;
  const head = Math.fround(x); // its square is exact: exp(-x * x) itself would lose the digits of x * x
  const gaussian = Math.exp(-head * head) * Math.exp((head - x) * (head + x));
  return gaussian / (Math.sqrt(Math.PI) * fraction);
}

// As C and Python have it; Math.pow gives NaN for 1 ** NaN, 1 ** Infinity and (-1) ** Infinity.
function power(x, n) {
  return x === 1 || (x === -1 && Math.abs(n) === Infinity) ? 1 : Math.pow(x, n);
}

// The remainder with the sign of the divisor, of a zero too; that of JavaScript has the sign of the dividend.
function mod(a, b) {
  const rest = a % b;
  if (rest === 0) return b < 0 || Object.is(b, -0) ? -0 : 0;
  return b < 0 !== rest < 0 ? rest + b : rest;
}

// The operations of any number of operands.
const variadic = {
  total: {
    value: (x) => x.reduce((sum, term) => sum + term, 0),
    locals: (x) => x.map(() => 1),
  },
  dot: {
    value(x) {
      const half = x.length / 2;
      let sum = 0;
      for (let at = 0; at < half; at += 1) sum += x[at] * x[half + at];
      return sum;
    },
    locals: (x) => [...x.slice(x.length / 2), ...x.slice(0, x.length / 2)],
  },
  norm: {
    value(x) {
      const largest = x.reduce((size, each) => (Math.abs(each) > size ? Math.abs(each) : size), 0);
      if (largest === Infinity) return Infinity;
      if (largest === 0) return x.reduce((sum, each) => sum + Math.abs(each), 0); // NaN among zeros
      return largest * Math.sqrt(x.reduce((sum, each) => sum + (each / largest) * (each / largest), 0));
    },
    locals: (x, y) => x.map((each) => (y === 0 ? 0 : each / y)),
  },
  select: {
    value: (x) => x[1 + x[0]], // NaN where there is no such choice
    locals: (x) => x.map((_, place) => (place > 0 && x[0] === place - 1 ? 1 : null)),
  },
};

// data: the arrays of the program; rows: for each opcode the functions {value(x), locals(x, y)} of the operands x and
// the output y. A local derivative is null where the output does not depend on the operand.
function runner(data, rows) {
  const { slots, firstParameter, firstInput, firstResult, constants, names, outputs, opcodes, starts, operands } = data;
  const row = (slot) => rows[opcodes[slot - firstResult]];
  const operandLists = opcodes.map((_, place) => operands.slice(starts[place], starts[place + 1]));
  const operandsOf = (slot) => operandLists[slot - firstResult];
  const isConstant = (slot) => slot < firstParameter;

  function forward(parameters, inputs = []) {
    if (parameters.length !== firstInput - firstParameter || inputs.length !== firstResult - firstInput) {
      throw new RangeError(
        `the program takes ${firstInput - firstParameter} parameters and ${firstResult - firstInput} inputs, ` +
          `not ${parameters.length} and ${inputs.length}`,
      );
    }
    const values = new Float64Array(slots);
    values.set(constants);
    values.set(parameters, firstParameter);
    values.set(inputs, firstInput);
    for (let slot = firstResult; slot < slots; slot += 1) {
      values[slot] = row(slot).value(operandsOf(slot).map((operand) => values[operand]));
    }
    return values;
  }

  // The chain rule, edge by edge, from the root down; what the root was not computed from has no steps. Nothing flows
  // where nothing depends, and on from a node that nothing has reached: a number 0 is a number, and 0 * Infinity is NaN.
  function backward(values, { seed = 1, output = 0, initial = null } = {}) {
    const root = outputs[output];
    const gradients = new Float64Array(slots);
    if (initial) gradients.set(initial);
    gradients[root] += seed;
    const visited = new Uint8Array(slots); // the root was computed from it
    const reached = new Uint8Array(slots); // it has a gradient
    visited[root] = 1;
    reached[root] = 1;
    const steps = [];
    for (let node = root; node >= firstResult; node -= 1) {
      if (!visited[node]) continue;
      const parents = operandsOf(node);
      const locals = row(node).locals(parents.map((operand) => values[operand]), values[node]);
      const upstream = gradients[node];
      parents.forEach((operand, position) => {
        visited[operand] = 1;
        if (isConstant(operand)) return;
        const flows = Boolean(reached[node]) && locals[position] !== null;
        const local = locals[position] ?? 0;
        const before = gradients[operand];
        const contribution = flows ? local * upstream : 0;
        const after = before + contribution;
        gradients[operand] = after;
        if (flows) reached[operand] = 1;
        steps.push({ node, operand, position, local, upstream, contribution, before, after });
      });
    }
    return { gradients, steps };
  }

  return { slots, firstParameter, firstInput, firstResult, names, outputs, operandsOf, forward, backward };
}
