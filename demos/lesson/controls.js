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
$(".zooms").append(
  button(texts["mountain.whole"], () => setZoom(null), { zoom: "whole" }),
  button(texts["mountain.near"], () => setZoom(state.weights.slice(0, 2)), { zoom: "near" }),
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
const raceChart = new Chart($("#race-map"));

for (const id of ["rate", "update-rate"]) {
  $(`#${id}`).value = Math.log10(lesson.rate);
  $(`#${id}`).addEventListener("input", changed);
}
$("#optimizer").addEventListener("change", restart);
for (const [id, use] of Object.entries({
  step: () => step(),
  run: () => toggle("walk", () => step(), 90),
  restart: () => walkTo(0),
  "race-step": () => raceStep(),
  "race-run": () => toggle("race", raceStep, 120),
  "race-restart": () => raceTo(0),
  "update-step": () => setWeights(updated().weights),
})) {
  $(`#${id}`).addEventListener("click", () => {
    if (!id.endsWith("run")) stop();
    use();
    changed();
  });
}

for (const player of $$("[data-player]")) {
  const name = player.dataset.player;
  const graph = graphs[name];
  const stopAfter = () => graph.stops.find((stop) => stop > graph.taken) ?? graph.steps.length;
  const places = { first: () => 0, previous: () => graph.taken - 1, next: () => graph.taken + 1, last: () => graph.steps.length };
  if (graph.hasLanes) places.lane = stopAfter;
  const onwards = () => {
    goTo(name, graph.taken + 1);
    return graph.taken < graph.steps.length;
  };
  const buttons = Object.entries(places).map(([go, where]) =>
    button(
      texts[`backward.${go}`],
      () => {
        stop();
        goTo(name, where());
      },
      { go },
    ),
  );
  buttons.find(({ dataset }) => dataset.go === "next").className = "primary";
  const play = button(
    texts["backward.play"],
    () => {
      if (graph.taken === graph.steps.length) graph.taken = 0;
      toggle(name, onwards, graph.hasLanes ? 350 : 1100);
    },
    { go: "play" },
  );
  const choice = Object.assign(element("div", ""), { className: "choice" });
  choice.append(...buttons, play);
  const label = Object.assign(element("label", `${texts["backward.position"]} `), { className: "slider" });
  const position = Object.assign(document.createElement("input"), { type: "range", min: 0, step: 1, value: 0 });
  position.addEventListener("input", () => {
    stop();
    goTo(name, Number(position.value));
  });
  label.append(position, element("output", ""));
  player.append(choice, label);
}

// The theme is the system's until the button says otherwise; print has its own.
function toggleTheme() {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  changed();
}
$("#theme").addEventListener("click", toggleTheme);
$("#print").addEventListener("click", () => print());
let screenTheme;
addEventListener("beforeprint", () => {
  const { dataset } = document.documentElement;
  [screenTheme, dataset.theme, dataset.mode, state.printing] = [dataset.theme, "light", "read", true];
  draw();
});
addEventListener("afterprint", () => {
  state.printing = false;
  document.documentElement.dataset.mode = state.mode;
  if (screenTheme) document.documentElement.dataset.theme = screenTheme;
  else delete document.documentElement.dataset.theme;
  changed();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

// ── The talk ────────────────────────────────────────────────────────────────────────────────────────

$("#present").addEventListener("click", () => setMode("slides"));
$("#leave").addEventListener("click", () => setMode("read"));
$("#full").addEventListener("click", toggleFullScreen);
$("#fold").addEventListener("click", () => fold());
$("#back").addEventListener("click", () => move(-1));
$("#forth").addEventListener("click", () => move(1));
$("#black").addEventListener("click", () => setBlack(false));
$("#to-walk").addEventListener("click", (event) => {
  event.preventDefault();
  goToSlide("walk");
});

/** What the keys of a clicker mean; a keyboard's Home and End, too. */
const CLICKER = { ArrowRight: 1, PageDown: 1, " ": 1, ArrowLeft: -1, PageUp: -1 };
const KEYS = {
  d: toggleTheme,
  f: toggleFullScreen,
  p: () => setMode(isTalk() ? "read" : "slides"),
  w: () => fold(),
};
/** What remotes send for a black screen. */
const BLACK = ["b", "."];
const ENDS = { Home: () => SLIDES[0], End: () => SLIDES.at(-1) };

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "SELECT") return; // it takes letters
  if (isBlack()) {
    event.preventDefault();
    return setBlack(false); // whatever the key is, and it does nothing else
  }
  const links = $$("nav a");
  if (event.key >= "1" && event.key <= String(links.length)) {
    const chapter = links[Number(event.key) - 1].hash.slice(1);
    goToSlide(chapter);
    if (isTalk()) current().steps.set(0);
  } else if (KEYS[event.key]) KEYS[event.key]();
  else if (isTalk()) talkKey(event);
});

/** A key in a talk. What has the focus of a keyboard keeps its own keys; PageDown and PageUp are always the clicker's. */
function talkKey(event) {
  const isPaging = event.key.startsWith("Page");
  if (event.defaultPrevented && !isPaging) return;
  const uses = event.key === " " ? "button, a, summary, input" : "input, canvas[tabindex], .scroll";
  if (!isPaging && event.target.matches?.(uses)) return;
  if (BLACK.includes(event.key)) setBlack(true);
  else if (CLICKER[event.key]) move(CLICKER[event.key]);
  else if (ENDS[event.key]) {
    goToSlide(ENDS[event.key]().name);
    current().steps.set(0);
  } else if (event.key === "Escape" && !document.fullscreenElement) setMode("read");
  else return;
  event.preventDefault();
}

// What was used by a mouse gives the keys back to the clicker.
for (const name of ["pointerup", "change"]) {
  addEventListener(name, () => isTalk() && setTimeout(() => document.activeElement?.blur?.()));
}

// ── Where the reader is ─────────────────────────────────────────────────────────────────────────────

const seen = new IntersectionObserver(
  (entries) => {
    const slide = entries.filter((entry) => entry.isIntersecting).at(-1)?.target;
    if (slide && !isTalk() && !state.printing) setSlide(slide.dataset.slide);
  },
  { rootMargin: "-50% 0px -50% 0px" },
);
for (const { article } of SLIDES) seen.observe(article);
const pictures = new IntersectionObserver(changed, { rootMargin: `${NEAR}px 0px` });
for (const picture of $$("canvas, main figure > svg, .graph svg")) pictures.observe(picture);
new ResizeObserver(changed).observe(document.body);
shown("fallback").textContent = lesson.fallback;
document.documentElement.style.setProperty("--weights", lesson.weights.length); // rows of the table of the step
addEventListener("hashchange", () => location.hash !== written && restore(location.hash));
document.documentElement.dataset.mode = "read";
draw();
if (location.hash.length > 1 || lesson.start) restore(location.hash.length > 1 ? location.hash : lesson.start);
