// The tables: the data, two settings beside each other, the present weights, and what each weight's gradient is made of.

/** A line of a table of observations: its name, a cell for each, and what they make together. */
function row(name, className, cells, ...totals) {
  const line = Object.assign(element("tr", ""), { className });
  if (!totals.length) totals = [element("td", "")];
  for (const total of totals) total.classList.add("total");
  line.append(Object.assign(element("th", name), { scope: "row" }), ...cells, ...totals);
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

/** A table of the observations, with its lines. */
function fill(table, name, rows, ...totals) {
  const heads = flowers.map((flower) => {
    const cell = Object.assign(element("th", ""), { scope: "col" });
    cell.append(glyph(flower), ` ${flower.number}`);
    return cell;
  });
  const [top, body, line] = ["thead", "tbody", "tr"].map((part) => element(part, ""));
  const last = totals.map((total) => Object.assign(element("th", total), { scope: "col" }));
  line.append(Object.assign(element("th", name), { scope: "col" }), ...heads, ...last);
  top.append(line);
  body.append(...rows);
  table.replaceChildren(top, body);
}

const cellsOf = (numbers, decimals) => numbers.map((value) => element("td", number(value, decimals)));
const totalOf = (numbers, decimals) => element("td", number(numbers.reduce((a, b) => a + b, 0), decimals));

/** Whole numbers, marked where the label is missed. */
function marked(numbers, errors) {
  const made = cellsOf(numbers, 0);
  made.forEach((cell, place) => cell.classList.toggle("wrong", errors[place] > 0));
  return made;
}

function drawData() {
  const table = $("#data");
  const [top, body, head] = ["thead", "tbody", "tr"].map((part) => element(part, ""));
  for (const name of [texts.flower, ...lesson.features, texts["loss.true"]]) {
    const cell = Object.assign(element("th", ""), { scope: "col" });
    cell.append(...name.split(/(?<=_)/).flatMap((part) => [document.createElement("wbr"), part])); // may be broken there
    head.append(cell);
  }
  top.append(head);
  for (const flower of flowers) {
    const line = element("tr", "");
    const name = Object.assign(element("th", ""), { scope: "row" });
    name.append(glyph(flower), ` ${flower.number}`);
    const measures = lesson.features.map((_, place) => element("td", measured(flower, place)));
    line.append(name, ...measures, element("td", `${flower.label} ${lesson.classes[flower.label - 1]}`));
    body.append(line);
  }
  table.replaceChildren(top, body);
}

function drawTables(results) {
  const labels = flowers.map((flower) => flower.label);
  const roundedWith = (weights) => {
    const predicted = flowers.map((flower) => labelOf(output(forward(weights, inputsOf(flower)), "prediction")));
    return { predicted, errors: predicted.map((label, place) => Math.abs(label - labels[place])) };
  };
  const revealed = (line, step) => {
    line.dataset.reveal = step;
    return line;
  };
  fill(
    $("#compare"),
    texts.flower,
    [
      row(texts["loss.true"], "", cellsOf(labels, 0)),
      ...["first", "second"].flatMap((name, place) => {
        const { predicted, errors } = roundedWith(lesson.settings[name]);
        const [prediction, error] = ["loss.prediction", "loss.error"].map((key) => `${texts[`setting.${name}`]}: ${texts[key]}`);
        return [
          revealed(row(prediction, "rounded", marked(predicted, errors)), 1 + 2 * place),
          revealed(row(error, "strong rounded", marked(errors, errors), totalOf(errors, 0)), 2 + 2 * place),
        ];
      }),
    ],
    texts.sum,
  );
  const predictions = results.map((values) => output(values, "prediction"));
  const errors = results.map((values) => output(values, "absolute"));
  const rounded = results.map((values, place) => errorOf(values, "rounded", labels[place]));
  fill(
    $("#table"),
    texts.flower,
    [
      row(texts["loss.true"], "", cellsOf(labels, 0)),
      row(texts["loss.rounded"], "rounded", marked(predictions.map(labelOf), rounded)),
      row(texts["loss.error.rounded"], "strong rounded", marked(rounded, rounded), totalOf(rounded, 0)),
      row(texts["loss.prediction"], "", cellsOf(predictions, 2)),
      row(texts["loss.error"], "strong", cellsOf(errors, 2), totalOf(errors, 2)),
    ],
    texts.sum,
  );
}

/** For each weight what every observation contributes to its gradient, the sum, and what a step makes of the weight. */
function drawUpdate() {
  const { rate, slope, weights } = updated();
  const each = flowers.map((flower) => gradientOf(state.weights, inputsOf(flower), state.kind));
  const covered = (cell) => {
    cell.dataset.reveal = 1;
    return cell;
  };
  const table = $("#gradients");
  const narrow = isNarrow(table);
  const named = (name, weight) => element("td", (narrow ? "" : `${name} = `) + number(weight));
  const rows = lesson.weights.map(({ name }, place) =>
    row(
      `∂L/∂${name}`,
      "",
      each.map((one) => element("td", number(one[place]))),
      element("td", number(slope[place])),
      named(name, state.weights[place]),
      covered(named(name, weights[place])),
    ),
  );
  fill(table, texts.weights, rows, texts.sum, texts["update.before"], texts["update.after"]);
  if (narrow) transpose(table);
  tell($("#update-rate"), "η = ", plain(rate));
  const { name } = lesson.weights[0];
  const [was, is] = [state.weights[0], weights[0]].map((weight) => number(weight));
  const signed = slope[0] < 0 ? `(${number(slope[0])})` : number(slope[0]);
  shown("update").replaceChildren(
    "w ← w − η · ∂L/∂w",
    element("small", `${name} ← ${was} − ${plain(rate)} · ${signed} = ${is}`),
  );
  const kind = smooth(state.kind);
  const [before, after] = [state.weights, weights].map((each) => loss(each, kind));
  const verdict = after > before ? ` ${texts["update.overshot"]}` : "";
  shown("update-loss").textContent = `${number(before, 4)} → ${number(after, 4)}${verdict}`;
}
