"""Teach a small transformer, written in plain scalar code, the names of cities: ``python -m demos.city_names``.

The names are those of the IANA time-zone database. The error of one name is compiled: once for each length that occurs,
since a name of another length is another graph.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

import autodiff
from autodiff import Value, dot, mean, select, softmax
from demos._common import folder, parser
from nn import Adam, Module, softmax_cross_entropy
from nn.seeding import Seed, generator

AREAS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
END = "."
"""Stands before and after every name."""
LETTERS = END + " abcdefghijklmnopqrstuvwxyz"
LONGEST = 15
"""The network has no place for names with more letters."""
BATCH = 8
"""How many names of one length make a step."""


def city_names(longest: int = LONGEST) -> list[str]:
    """The names of cities in the time-zone database, in lower case, each once, in alphabetical order.

    Args:
        longest: names with more letters are left out.

    Raises:
        ImportError: the package tzdata is not installed.
    """
    try:
        zones = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    except ModuleNotFoundError:
        raise ImportError("the names of cities come from the package tzdata: pip install tzdata") from None
    cities = {zone.rsplit("/")[-1].replace("_", " ").lower() for zone in zones if zone.split("/")[0] in AREAS}
    return sorted(city for city in cities if set(city) <= set(LETTERS) and 3 <= len(city) <= longest)


def tokens(name: str) -> NDArray[np.int64]:
    """(letters + 2,): the places of the letters in the alphabet, between two ends."""
    return np.array([LETTERS.index(letter) for letter in f"{END}{name}{END}"])


class Transformer(Module):
    """One layer of causal attention and one of neurons, over the letters of a name.

    Every letter of a name is embedded; each position looks back at those before it, and says how likely every
    letter is to come next. The parts are those of Vaswani et al. 2017, "Attention Is All You Need", with the
    normalization of Zhang and Sennrich 2019, "Root Mean Square Layer Normalization", eq. 4, before each of them.

    Args:
        letters: how many letters there are.
        width: how many numbers a position is made of.
        heads: in how many parts of the width attention looks back; they divide it.
        longest: the greatest number of positions.
        rng: seed or generator of the initial weights.
    """

    def __init__(
        self, letters: int, width: int = 16, heads: int = 4, longest: int = LONGEST + 1, rng: Seed = 0
    ) -> None:
        random = generator(rng)

        def matrix(rows: int, scale: float = 0.08) -> list[list[Value]]:
            return [[Value(weight) for weight in row] for row in random.normal(0.0, scale, (rows, width))]

        self.heads = heads
        self.letter, self.position = matrix(letters), matrix(longest)
        self.query, self.key, self.value, self.attended = matrix(width), matrix(width), matrix(width), matrix(width)
        self.wide = matrix(4 * width)
        self.narrow = [[Value(weight) for weight in row] for row in random.normal(0.0, 0.08, (width, 4 * width))]
        self.next_letter = matrix(letters)

    def __call__(self, letters: Sequence[int]) -> list[list[Value]]:
        """(positions, letters): a score for each letter to come next, after each position.

        Args:
            letters: (positions,) places in the alphabet; at most ``longest``.
        """
        keys: list[list[Value]] = []
        values: list[list[Value]] = []
        return [self.scores_after(letter, place, keys, values) for place, letter in enumerate(letters)]

    def scores_after(self, letter: int, place: int, keys: list[list[Value]], values: list[list[Value]]) -> list[Value]:
        """The scores after one more letter; keys and values of the positions so far are added to."""
        x = [a + b for a, b in zip(select(self.letter, letter), self.position[place])]
        x = normalized(x)

        inner = normalized(x)
        query = linear(self.query, inner)
        keys.append(linear(self.key, inner))
        values.append(linear(self.value, inner))
        size = len(query) // self.heads
        seen: list[Value] = []
        for head in range(0, len(query), size):
            part = slice(head, head + size)
            attention = softmax([dot(query[part], key[part]) / size**0.5 for key in keys])
            seen += [dot(attention, column) for column in zip(*(value[part] for value in values))]
        x = [a + b for a, b in zip(x, linear(self.attended, seen))]

        wide = [response.relu() for response in linear(self.wide, normalized(x))]
        x = [a + b for a, b in zip(x, linear(self.narrow, wide))]
        return linear(self.next_letter, x)

    def invent(self, random: np.random.Generator, temperature: float = 0.6) -> str:
        """A new name, letter by letter, each drawn with the probability that the network gives it."""
        name, letter = "", 0
        keys: list[list[Value]] = []
        values: list[list[Value]] = []
        while len(name) < LONGEST:
            scores = self.scores_after(letter, len(name), keys, values)
            letter = int(random.choice(len(scores), p=[p.data for p in softmax([s / temperature for s in scores])]))
            if LETTERS[letter] == END:
                break
            name += LETTERS[letter]
        return name


def linear(weights: list[list[Value]], x: Sequence[Value]) -> list[Value]:
    """The product of a matrix, (outputs, inputs), and a vector."""
    return [dot(row, x) for row in weights]


def normalized(x: Sequence[Value]) -> list[Value]:
    """The vector divided by its root mean square."""
    scale = (dot(x, x) / len(x) + 1e-5) ** -0.5
    return [number * scale for number in x]


def name_error(model: Transformer, backend: str | None = None) -> Any:
    """The error of one name, compiled: the mean over its letters of −log of the probability given to the letter."""

    @autodiff.compile(ndim=(1,), parameters=model, backend=backend)
    def error(letters: Any) -> Any:
        scores = model(letters[:-1])
        return mean(softmax_cross_entropy(score, letter) for score, letter in zip(scores, letters[1:]))

    return error


def main(arguments: Sequence[str] | None = None) -> None:
    """Check the compiled error against the eager one, train, invent names."""
    options = parser("Teach a small transformer, written in plain scalar code, the names of cities.", "city_names")
    options.add_argument("--epochs", type=int, default=150, help="how often the names are gone through")
    options.add_argument("--names", type=int, default=20, help="how many names to invent")
    options.add_argument("--longest", type=int, default=LONGEST, help="learn from names of at most this many letters")
    chosen = options.parse_args(arguments)
    if chosen.epochs < 1 or chosen.names < 1:
        options.error("--epochs and --names must be at least 1")
    if not 3 <= chosen.longest <= LONGEST:
        options.error(f"argument --longest: must be from 3 to {LONGEST}, not {chosen.longest}")
    out = folder(chosen.out)
    random = generator(chosen.seed)

    names = city_names(chosen.longest)
    model = Transformer(len(LETTERS), rng=chosen.seed)
    print(f"{len(names)} names of cities, such as {', '.join(random.choice(names, 3))}")
    print(f"{model}: each name is a graph of its own")
    error = name_error(model)
    show_that_it_is_the_same(model, error, tokens(names[0]))

    start = time.perf_counter()
    losses = train(error, Adam(model.parameters(), learning_rate=0.01), names, chosen, random)
    print(f"mean error of a letter {losses[0]:.3f} → {losses[-1]:.3f} in {chosen.epochs} epochs, "
          f"{time.perf_counter() - start:.1f} s; {len(error.programs)} programs, one for each length")  # fmt: skip

    invented = [model.invent(random) for _ in range(chosen.names)]
    print("invented:", ", ".join(name if name not in names else f"{name} (exists)" for name in invented))
    path = out / "invented.txt"
    path.write_text("\n".join(invented) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def show_that_it_is_the_same(model: Transformer, error: Any, letters: NDArray[np.int64]) -> None:
    """Print the error of one name and its gradient, eager and compiled, side by side."""
    model.zero_grad()
    start = time.perf_counter()
    eager = error.function(letters.tolist())
    eager.backward()
    eager_seconds = time.perf_counter() - start
    error.value_and_grad(letters)  # compiles it
    start = time.perf_counter()
    value, gradient = error.value_and_grad(letters)
    seconds = time.perf_counter() - start
    differences = np.abs(gradient - [parameter.grad for parameter in model.parameters()])
    print(f"one name, eager:    error {eager:.12f}   {1e3 * eager_seconds:7.2f} ms, "
          f"{len(autodiff.topological_order(eager))} nodes")  # fmt: skip
    print(f"          compiled: error {value:.12f}   {1e3 * seconds:7.2f} ms, "
          f"gradients differ by at most {differences.max():.1e}")  # fmt: skip


def train(
    error: Any, adam: Adam, names: Sequence[str], chosen: argparse.Namespace, random: np.random.Generator
) -> list[float]:
    """Steps of Adam inside compiled code, each on some names of one length; the mean error of each epoch."""
    lengths: dict[int, list[NDArray[np.int64]]] = {}
    for name in names:
        lengths.setdefault(len(name), []).append(tokens(name))
    descents = [
        error.descent(np.array(group), rule=adam.rule, state=np.array(adam.state)) for group in lengths.values()
    ]
    for descent in descents:  # all of them move the same parameters
        descent.parameters, descent.state = descents[0].parameters, descents[0].state
    losses: list[float] = []
    steps = 0
    with tqdm(range(chosen.epochs), desc="training", unit="epoch") as epochs:
        for epoch in epochs:
            rate = adam.rate(steps) * (1 - epoch / chosen.epochs)
            errors = []
            for place, batch in shuffled_batches([len(group) for group in lengths.values()], random):
                descents[place].steps = steps
                found, done = descents[place].run(batch, [0, len(batch)], [rate])
                steps += done
                errors.append(found)
            losses.append(float(np.concatenate(errors).mean()))
            epochs.set_postfix(error=f"{losses[-1]:.3f}", refresh=False)
    error.assign(descents[0].parameters)
    return losses


def shuffled_batches(sizes: Sequence[int], random: np.random.Generator) -> list[tuple[int, NDArray[np.int64]]]:
    """Batches of places within each group, those of all groups in random order."""
    batches = []
    for group, size in enumerate(sizes):
        order = random.permutation(size)
        batches += [(group, order[start : start + BATCH]) for start in range(0, size, BATCH)]
    return [batches[place] for place in random.permutation(len(batches))]


if __name__ == "__main__":
    main()
