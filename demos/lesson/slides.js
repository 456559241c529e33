// A talk: slides that are stepped through by a clicker, and the state of the page in its address.

/** The steps of a slide: how many there are, where it stands, and how it is set. Others have one sight alone. */
const STEPS = {
  ...Object.fromEntries(
    ["error", "table", "update"].map((name) => [
      name,
      {
        count: () => Math.max(...$$(`[data-slide="${name}"] [data-reveal]`).map(({ dataset }) => Number(dataset.reveal))),
        get: () => state.reveal[name] ?? 0,
        set: (step) => (state.reveal[name] = step),
      },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries(graphs).map(([name, graph]) => [
      name,
      {
        count: () => graph.stops.length - 1,
        get: () => graph.stops.findLastIndex((stop) => stop <= graph.taken),
        set: (step) => goTo(name, graph.stops[step]),
      },
    ]),
  ),
  walk: {
    count: () => 4,
    get: () => Math.min(descent().path.length - 1, 4),
    set: (step) => (step === 4 ? start("walk", stepRun, 90) : walkTo(step)),
  },
  race: {
    count: () => 1,
    get: () => Math.min(raceSteps(), 1),
    set: (step) => (step ? start("race", raceStep, 120) : raceTo(0)),
  },
};
const stepRun = () => step() && descent().path.length <= RACE_STEPS;
const SLIDES = $$(".slide").map((article) => ({
  name: article.dataset.slide,
  chapter: article.closest("section").id,
  article,
  steps: STEPS[article.dataset.slide] ?? { count: () => 0, get: () => 0, set: () => {} },
}));
const slideOf = (name) => SLIDES.find((slide) => slide.name === name) ?? SLIDES.find((slide) => slide.chapter === name);
const current = () => slideOf(state.slide);
const isTalk = () => state.mode === "slides";

/** Make a slide the current one; what was running stops, because one has left it. */
function setSlide(name) {
  if (name === state.slide) return;
  stop();
  state.slide = name;
  changed();
}

/** Go to a slide: show it, or scroll to it. */
function goToSlide(name) {
  const slide = slideOf(name);
  if (!slide) return;
  setSlide(slide.name);
  const first = SLIDES.find(({ chapter }) => chapter === slide.chapter) === slide;
  if (!isTalk()) (first ? slide.article.closest("section") : slide.article).scrollIntoView();
  changed();
}

/** One step on or back; beyond the last or before the first one, the next slide or the one before. */
function move(way) {
  const { steps, name } = current();
  stop();
  const wanted = steps.get() + way;
  if (wanted >= 0 && wanted <= steps.count()) {
    steps.set(wanted);
    changed();
    return;
  }
  const next = SLIDES[SLIDES.findIndex((slide) => slide.name === name) + way];
  if (!next) return changed();
  goToSlide(next.name);
  if (next.name === "walk") return; // it goes on from where it is
  if (way > 0) next.steps.set(0);
  else if (next.name !== "race") next.steps.set(next.steps.count());
  changed();
}

function setMode(mode) {
  if (mode === state.mode) return;
  stop();
  state.mode = mode;
  document.documentElement.dataset.mode = mode;
  if (mode === "slides") fold(true);
  else fold(false);
  land = null;
  drawNow();
  if (mode === "read") {
    goToSlide(state.slide);
    if (document.fullscreenElement) document.exitFullscreen();
  }
}

/** Fold the bar of the weights away, or unfold it. */
function fold(isFolded = !document.documentElement.classList.contains("folded")) {
  document.documentElement.classList.toggle("folded", isFolded);
  $("#fold").setAttribute("aria-expanded", String(!isFolded));
  changed();
}

/** Make the screen of a talk black, so that all look at who speaks; or show the slide again, as it was. */
function setBlack(wanted) {
  if (wanted) stop();
  $("#black").textContent = wanted ? texts.black : "";
}
const isBlack = () => $("#black").textContent !== "";

function toggleFullScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.().catch(() => {}); // a frame may not be allowed to
}

// ── The address: #slide?step=…&w=…; what is as at the start is left out ──────────────────────────────

const same = (one, other) => one.length === other.length && one.every((number, place) => number === other[place]);

function address() {
  const { steps, name } = current();
  const query = new URLSearchParams();
  if (isTalk()) query.set("mode", "slides");
  const graph = graphs[name];
  const where = graph ? graph.taken : ["walk", "race"].includes(name) ? 0 : steps.get();
  if (where) query.set("step", where);
  if (!same(state.weights, lesson.settings.first)) query.set("w", state.weights.join());
  if (state.flower) query.set("flower", state.flower + 1);
  if (!same(state.inputs, inputsOf(flowers[state.flower]))) query.set("x", state.inputs.join());
  if (state.kind !== "absolute") query.set("kind", state.kind);
  if (state.logarithmic) query.set("log", 1);
  if (state.zoom) query.set("zoom", state.zoom.join());
  if (descent().path.length > 1) {
    query.set("from", descent().path[0].join());
    query.set("taken", descent().path.length - 1);
  }
  if (state.race.length && raceSteps()) query.set("race", raceSteps());
  if ($("#optimizer").value !== "sgd") query.set("optimizer", $("#optimizer").value);
  if (rateOf("#rate") !== lesson.rate) query.set("rate", rateOf("#rate"));
  const text = decodeURIComponent(query.toString());
  return `#${name}${text ? `?${text}` : ""}`;
}

const numbersOf = (text, count) => {
  const numbers = (text ?? "").split(",").map(Number);
  return text && numbers.length === count && numbers.every(Number.isFinite) ? numbers : null;
};

/** An address with its escapes read; one that is malformed says nothing. */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

/** What an address says; what it does not say, or says wrongly, is as at the start. */
function restore(text) {
  const [name, rest] = decoded(text).replace(/^#/, "").split("?");
  if (rest === undefined) return goToSlide(name);
  const query = new URLSearchParams(rest);
  const choice = (key, allowed, otherwise) => (allowed.includes(query.get(key)) ? query.get(key) : otherwise);
  const whole = (key) => (/^\d+$/.test(query.get(key) ?? "") ? Number(query.get(key)) : 0);
  stop();
  state.kind = choice("kind", ["absolute", "squared", "rounded"], "absolute");
  state.logarithmic = query.get("log") === "1";
  $("#log").checked = state.logarithmic;
  const weights = numbersOf(query.get("w"), lesson.weights.length) ?? [...lesson.settings.first];
  $("#optimizer").value = choice("optimizer", OPTIMIZERS, "sgd");
  const rate = Number(query.get("rate"));
  $("#rate").value = Math.log10(rate > 0 ? rate : lesson.rate);
  const from = numbersOf(query.get("from"), 2);
  setWeights(from ? at(weights, ...from) : weights);
  if (from) {
    for (let taken = 0; taken < Math.min(whole("taken"), MAX_STEPS); taken += 1) step();
    if (!same(state.weights, weights)) setWeights(weights); // the rate was changed on the way
  }
  raceTo(Math.min(whole("race"), RACE_STEPS));
  setFlower(Math.min(Math.max(whole("flower") - 1, 0), flowers.length - 1));
  state.inputs = numbersOf(query.get("x"), state.inputs.length) ?? state.inputs;
  setZoom(numbersOf(query.get("zoom"), 2));
  setMode(choice("mode", ["slides"], "read"));
  drawNow(); // a pass has its steps only then
  const slide = slideOf(name) ?? SLIDES[0];
  if (graphs[slide.name]) goTo(slide.name, whole("step"));
  else if (!["walk", "race"].includes(slide.name)) slide.steps.set(Math.min(whole("step"), slide.steps.count()));
  goToSlide(slide.name);
}

let written = null;
let writing = null;

/** Keep the state in the address, where the page has one of its own; browsers refuse to do so often. */
function remember() {
  if (location.protocol === "about:") return;
  clearTimeout(writing);
  writing = setTimeout(() => {
    written = address();
    if (written !== location.hash) history.replaceState(null, "", written);
  }, 250);
}
