// The functions of a module: of the parameters and of arguments that are numbers or arrays, typed ones too.

// The first way whose branches are those that the numbers take, and its values; null where there is none.
function wayOf(given, argumentsGiven) {
  const flat = (each) => (ArrayBuffer.isView(each) ? [...each] : Array.isArray(each) ? each.flatMap(flat) : [each]);
  const [numbers, inputs] = [flat(given), argumentsGiven.flatMap(flat)];
  if (numbers.length !== parameterNames.length || inputs.length !== inputCount) {
    throw new RangeError(
      `${parameterNames.length} parameters and ${inputCount} inputs are needed, not ${numbers.length} and ${inputs.length}`,
    );
  }
  const compare = {
    "<": (a, b) => a < b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, ">=": (a, b) => a >= b,
    "==": (a, b) => a === b, "!=": (a, b) => a !== b,
  };
  for (const { program, guards, needsFinite } of ways) {
    const known = numbers.slice(0, program.firstInput - program.firstParameter);
    if (needsFinite && !known.every(Number.isFinite)) continue;
    const values = program.forward(known, inputs);
    if (guards.every(([sign, left, right, holds]) => compare[sign](values[left], values[right]) === holds)) {
      return { program, values };
    }
  }
  return null;
}

const shaped = (numbers) => (outputCount === 1 ? numbers[0] : numbers);

// The result, or an array of several results. NaN where a branch is taken that was not taken when it was recorded.
export function value(given, ...argumentsGiven) {
  const way = wayOf(given, argumentsGiven);
  if (way === null) return shaped(new Array(outputCount).fill(NaN));
  return shaped(way.program.outputs.map((slot) => way.values[slot]));
}

// { value, parameters, inputs }: the result, and the gradients as flat arrays. Of several results it is the gradient of
// their sum with weights, an array that stands last.
export function valueAndGradient(given, ...rest) {
  const weights = outputCount === 1 ? [1] : rest.pop();
  const way = wayOf(given, rest);
  if (way === null) {
    return {
      value: shaped(new Array(outputCount).fill(NaN)),
      parameters: new Float64Array(parameterNames.length).fill(NaN),
      inputs: new Float64Array(inputCount).fill(NaN),
    };
  }
  const { program, values } = way;
  const total = new Float64Array(program.firstResult);
  program.outputs.forEach((_, output) => {
    const { gradients } = program.backward(values, { seed: weights[output], output });
    for (let slot = 0; slot < total.length; slot += 1) total[slot] += gradients[slot];
  });
  const parameters = new Float64Array(parameterNames.length); // 0 for those that this way does not know
  parameters.set(total.slice(program.firstParameter, program.firstInput));
  return {
    value: shaped(program.outputs.map((slot) => values[slot])),
    parameters,
    inputs: total.slice(program.firstInput, program.firstResult),
  };
}
