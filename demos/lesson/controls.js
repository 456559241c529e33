// What the reader can use: sliders, buttons, keys, the mountain and its map.

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
  group.append(
    ...settings.map(([name, setting]) =>
      button(texts[`setting.${name}`], () => setWeights(setting), { setting: name }),
    ),
  );
}
for (const group of $$(".flowers")) {
  group.append(
    ...flowers.map((flower, place) => {
      const made = button("", () => setFlower(place), { flower: place });
      made.append(glyph(flower), flowerName(flower));
      return made;
    }),
  );
}
$(".kinds").append(
  ...["absolute", "squared", "rounded"].map((kind) => button(texts[`mountain.${kind}`], () => setKind(kind), { kind })),
);
$("#log").addEventListener("change", (event) => {
  state.logarithmic = event.target.checked;
  land = null;
  changed();
});
$(".starts").append(
  ...["first", "second", "hill"].map((name) =>
    button(texts[`descent.${name}`], () => setWeights(lesson.settings[name]), { setting: name }),
  ),
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

for (const [id, where] of Object.entries({
  first: () => 0,
  previous: () => graph.taken - 1,
  next: () => graph.taken + 1,
  last: () => graph.steps.length,
})) {
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
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
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
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return; // it takes letters
  const links = $$("nav a");
  if (event.key >= "1" && event.key <= String(links.length)) links[Number(event.key) - 1].click();
  if (event.key === "d") toggleTheme();
});
const chapters = new IntersectionObserver(
  (entries) => {
    const chapter = entries.filter((entry) => entry.isIntersecting).at(-1)?.target;
    for (const link of chapter ? $$("nav a") : []) {
      if (link.hash === `#${chapter.id}`) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  },
  { rootMargin: "-50% 0px -50% 0px" },
);
for (const section of $$("main section")) chapters.observe(section);
const canvases = new IntersectionObserver(changed, { rootMargin: `${NEAR}px 0px` });
for (const canvas of $$("canvas")) canvases.observe(canvas);
new ResizeObserver(changed).observe(document.body);
restartHere();
