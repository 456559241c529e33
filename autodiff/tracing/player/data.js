/** What the page is about, from the text that it has of it: deflated JSON, in base64. */
async function unpacked(text) {
  const bytes = Uint8Array.from(atob(text.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return JSON.parse(await new Response(stream).text());
}

/**
 * The pass with all its nodes and steps, as `autodiff.tracing.dumps` saves them. The order of the steps is that of the
 * edges; upstream gradients, contributions and sums follow from the local derivatives, with the bits of the engine.
 */
function expanded(packed) {
  const { names, ops, op, operands, sources, source, locals } = packed;
  const initial = names.map(() => 0);
  for (const place of packed.constants) initial[place] = null;
  for (const [place, number] of packed.initial) initial[place] = real(number);
  const gradients = [...initial];
  const reached = new Set([names.length - 1]);
  const steps = [];
  let given = 0;
  for (let node = names.length - 1; node >= 0; node -= 1) {
    const upstream = gradients[node];
    operands[node].forEach((parent, position) => {
      const before = gradients[parent];
      if (before === null || given === locals.length) return;
      const saved = locals[given];
      given += 1;
      const local = saved === null ? 0 : real(saved);
      const flows = saved !== null && reached.has(node); // nothing flows where nothing depends
      const contribution = flows ? local * upstream : 0;
      const after = before + contribution;
      gradients[parent] = after;
      if (flows) reached.add(parent);
      steps.push([steps.length, node, parent, position, local, upstream, contribution, before, after]);
    });
  }
  const last = packed.gradients ?? gradients;
  return {
    seed: packed.seed,
    nodes: names.map((name, place) => [
      name || `v${place}`, ops[op[place]], packed.data[place], operands[place], initial[place], last[place],
      source ? sources[source[place]] : "",
    ]),
    steps: packed.steps ?? steps,
  };
}
