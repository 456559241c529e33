"""The compiled engine on networks of their own: a wide one over names (W6) and a small transformer (W7)."""

from __future__ import annotations

from typing import Any

import numpy as np

import autodiff
import nn
from benchmarks.compiled import Lineups
from demos.city_names import LETTERS, Transformer, city_names, name_error, tokens

CONTEXT, EMBEDDING, HIDDEN, CLASSES, BATCH = 16, 64, 1024, 27, 64
RATE = 1e-3


class NamesMLP(nn.Module):
    """The next letter from the 16 before it: embedding, one wide layer of tanh, scores of all letters."""

    def __init__(self) -> None:
        random = np.random.default_rng(6)
        self.embedding = [[autodiff.Value(x) for x in row] for row in random.normal(size=(CLASSES, EMBEDDING))]
        self.wide = nn.Layer(CONTEXT * EMBEDDING, HIDDEN, "tanh", random)
        self.scores = nn.Layer(HIDDEN, CLASSES, "linear", random)

    def __call__(self, letters: Any) -> Any:
        embedded = [number for letter in letters for number in autodiff.select(self.embedding, letter)]
        return self.scores(self.wide(embedded))


def w6() -> Lineups:
    """One value and gradient of 1,079,003 parameters on a batch of 64."""
    random = np.random.default_rng(7)
    letters = random.integers(0, CLASSES, (BATCH, CONTEXT))
    targets = random.integers(0, CLASSES, BATCH)
    model = NamesMLP()
    theta = np.array([parameter.data for parameter in model.parameters()])

    def ours() -> Any:
        @autodiff.compile(parameters=model, backend="native")
        def error(x: Any, y: Any) -> Any:
            return nn.softmax_cross_entropy(model(x), y)

        return lambda: error.value_and_grad(letters, targets, reduction="mean", at=theta)

    def parts() -> tuple[Any, ...]:
        first = CLASSES * EMBEDDING
        second = first + HIDDEN * (CONTEXT * EMBEDDING + 1)
        wide = theta[first:second].reshape(HIDDEN, -1)
        scores = theta[second:].reshape(CLASSES, -1)
        return theta[:first].reshape(CLASSES, EMBEDDING), wide[:, :-1], wide[:, -1], scores[:, :-1], scores[:, -1]

    def torch_() -> Any:
        import torch

        tensors = [torch.tensor(part, requires_grad=True) for part in parts()]
        x, y = torch.from_numpy(letters), torch.from_numpy(targets)

        def job() -> tuple[Any, Any]:
            for tensor in tensors:
                tensor.grad = None
            embedding, *layers = tensors
            hidden = torch.tanh(torch.nn.functional.linear(embedding[x].flatten(1), *layers[:2]))
            value = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, *layers[2:]), y)
            value.backward()
            return value.item(), [tensor.grad for tensor in tensors]

        return job

    def jax_() -> Any:
        import jax

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            embedding, wide, wide_bias, scores, scores_bias = parameters
            hidden = jax.numpy.tanh(embedding[x].reshape(len(x), -1) @ wide.T + wide_bias)
            log_probabilities = jax.nn.log_softmax(hidden @ scores.T + scores_bias)
            return -log_probabilities[jax.numpy.arange(len(y)), y].mean()

        both, parameters = jax.jit(jax.value_and_grad(loss)), [jax.numpy.asarray(part) for part in parts()]
        return lambda: jax.block_until_ready(both(parameters, letters, targets))

    def flat(gradients: Any) -> Any:
        embedding, wide, wide_bias, scores, scores_bias = map(np.asarray, gradients)
        layers = [np.column_stack([wide, wide_bias]), np.column_stack([scores, scores_bias])]
        return np.concatenate([embedding.ravel(), *(layer.ravel() for layer in layers)])

    lineup = Lineups()
    lineup.ours("autodiff, native, flat", ours)
    lineup.add("PyTorch", "torch", torch_, flat=flat)
    lineup.add("JAX jit", "jax", jax_, flat=flat)
    return lineup


WARM = 40
"""How often the names are run before they are timed, as they are in a training of many epochs."""


def w7(names: int = 20) -> Lineups:
    """Steps of Adam on the transformer of ``demos.city_names``, a name each, of varying length; one step is timed."""
    texts = [tokens(name) for name in city_names()[::20][:names]]
    model = Transformer(len(LETTERS))
    start = np.array([parameter.data for parameter in model.parameters()])

    def ours(backend: str) -> Any:
        error = name_error(model, backend=backend)

        def job() -> tuple[Any, Any]:
            theta, adam = start.copy(), Adam(len(start))
            for text in texts:
                value, gradient = error.value_and_grad(text, at=theta)
                adam.step(theta, gradient)
            return value, theta

        for _ in range(WARM):  # the programs are audited at their calls 1, 2, 4, 8 and so on
            job()
        return job

    def eager() -> tuple[Any, Any]:
        optimizer = nn.Adam(model.parameters(), learning_rate=RATE)
        for parameter, number in zip(model.parameters(), start.tolist()):
            parameter.data = number
        for text in texts:
            model.zero_grad()
            scores = model(text[:-1].tolist())
            loss = autodiff.mean(nn.softmax_cross_entropy(s, int(letter)) for s, letter in zip(scores, text[1:]))
            loss.backward()
            optimizer.step()
        return loss.data, [parameter.data for parameter in model.parameters()]

    lineup = Lineups()
    lineup.ours("autodiff, native, flat", lambda: ours("native"), evaluations=names)
    lineup.ours("autodiff, numpy, flat", lambda: ours("numpy"), evaluations=names)
    lineup.ours("autodiff, eager", lambda: eager, evaluations=names)
    lineup.add("PyTorch", "torch", lambda: transformer_torch(model, start, texts), evaluations=names)
    return lineup


class Adam:
    """Adam on a flat vector, as a user of NumPy writes it (Kingma and Ba 2015, Algorithm 1)."""

    def __init__(self, size: int) -> None:
        self.first, self.second, self.steps = np.zeros(size), np.zeros(size), 0

    def step(self, theta: Any, gradient: Any) -> None:
        """Move theta in place."""
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient * gradient - self.second)
        scale = RATE / (1 - 0.9**self.steps)
        theta -= scale * self.first / (np.sqrt(self.second / (1 - 0.999**self.steps)) + 1e-8)


def transformer_torch(model: Transformer, start: Any, texts: Any) -> Any:
    """The same network and optimizer with PyTorch's matrices, all positions of a name at once."""
    import torch
    from torch.nn.functional import cross_entropy, linear

    shapes = [(name, len(rows), len(rows[0])) for name, rows in vars(model).items() if isinstance(rows, list)]

    def normalized(x: Any) -> Any:
        return x * (x.square().mean(-1, keepdim=True) + 1e-5) ** -0.5

    def job() -> tuple[Any, Any]:
        tensors, at = {}, 0
        for name, rows, columns in shapes:
            part = start[at : at + rows * columns].reshape(rows, columns)
            tensors[name] = torch.tensor(part, requires_grad=True)
            at += rows * columns
        p = type("Parameters", (), tensors)
        adam = torch.optim.Adam(tensors.values(), lr=RATE)
        for text in texts:
            letters = torch.from_numpy(text)
            length = len(text) - 1
            x = normalized(p.letter[letters[:-1]] + p.position[:length])
            inner = normalized(x)
            query, key, value = (
                linear(inner, weights).view(length, model.heads, -1).transpose(0, 1)
                for weights in (p.query, p.key, p.value)
            )
            scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5
            future = torch.ones(length, length, dtype=torch.bool).triu(1)
            attended = torch.softmax(scores.masked_fill(future, float("-inf")), -1) @ value
            x = x + linear(attended.transpose(0, 1).reshape(length, -1), p.attended)
            x = x + linear(torch.relu(linear(normalized(x), p.wide)), p.narrow)
            loss = cross_entropy(linear(x, p.next_letter), letters[1:])
            adam.zero_grad()
            loss.backward()
            adam.step()
        return loss.item(), np.concatenate([tensor.detach().numpy().ravel() for tensor in tensors.values()])

    return job
