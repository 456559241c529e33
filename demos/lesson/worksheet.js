"use strict";

// An exercise that checks what is typed, and gives a hint more at each click.

const { blanks, texts } = JSON.parse(document.getElementById("task").textContent);
const state = blanks.map(() => ({ isRight: false, hints: 0 }));
const input = (place) => document.querySelector(`[data-blank="${place}"]`);
const output = (place) => input(place).parentElement.querySelector("output");

/** A number as anybody types it: with any minus, with comma or point. */
function typed(text) {
  const plain = text.trim().replace(/[−–]/g, "-").replace(",", ".");
  return /^[+-]?\d+(\.\d+)?$/.test(plain) ? Number(plain) : NaN;
}

function check(place) {
  const field = input(place);
  state[place].isRight = typed(field.value) === blanks[place].answer;
  const isEmpty = field.value.trim() === "";
  field.classList.toggle("right", state[place].isRight);
  field.classList.toggle("wrong", !state[place].isRight && !isEmpty);
  field.setAttribute("aria-invalid", String(!state[place].isRight && !isEmpty));
  output(place).textContent = isEmpty ? "" : state[place].isRight ? `✓ ${texts.right}` : `✗ ${texts.wrong}`;
  score();
}

function hint(place) {
  const { hints } = blanks[place];
  state[place].hints = Math.min(state[place].hints + 1, hints.length);
  output(place).textContent = hints.slice(0, state[place].hints).join(" ");
}

function score() {
  const right = state.filter(({ isRight }) => isRight).length;
  const words = { right, all: blanks.length };
  document.querySelector(".score").textContent = texts.score.replace(/\{(\w+)\}/g, (all, name) => words[name] ?? all);
}

blanks.forEach((_, place) => {
  input(place).addEventListener("change", () => check(place));
  input(place).addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    check(place);
    if (state[place].isRight) input(Math.min(place + 1, blanks.length - 1)).focus();
  });
});
for (const button of document.querySelectorAll("[data-hint]"))
  button.addEventListener("click", () => hint(Number(button.dataset.hint)));
score();
