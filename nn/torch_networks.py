"""Networks of PyTorch as networks of ours, with the same numbers, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from autodiff import Operation, Value
from nn.layers import MLP, Layer, Linear
from nn.module import Module, assign
from nn.parts import Activation, Dropout, Embedding, LayerNorm, Sequential

if TYPE_CHECKING:
    import torch

ACTIVATIONS = {
    "relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "silu": "SiLU", "gelu": "GELU", "softplus": "Softplus",
    "leaky_relu": "LeakyReLU",
}  # fmt: skip
"""What a row of the table is called in ``torch.nn``."""
OPTIONS = {"GELU": ("approximate", "none"), "LeakyReLU": ("negative_slope", 0.01), "Softplus": ("beta", 1.0)}
"""An option of PyTorch's that ours has not, and what it must be."""
KNOWN = ("Sequential", "Linear", "Dropout", "LayerNorm", "Embedding", "Identity", *ACTIVATIONS.values())


def from_torch(network: torch.nn.Module) -> MLP | Sequential:
    """A network of PyTorch as one of ours, with the very numbers of its parameters.

    Args:
        network: a ``torch.nn.Sequential`` of these, nested or not: ``Linear``, ``ReLU``, ``Tanh``, ``Sigmoid``,
            ``SiLU``, ``GELU``, ``Softplus`` (which PyTorch cuts off beyond its threshold, by 2e-9), ``LeakyReLU``,
            ``Dropout``, ``LayerNorm``, ``Embedding``, ``Identity``; or one of them.

    Returns:
        An :class:`MLP` if it is one: linear layers with the same activation between them. Else a :class:`Sequential`.
        Both take ONE observation.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: it is no module of PyTorch.
        ValueError: a part has no counterpart; ``autodiff.bridges.torch.record`` takes any module.

    >>> import torch
    >>> model = from_torch(torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1)))
    >>> model
    MLP(2 → 3 tanh → 1 linear, 13 parameters)
    """
    torch = _torch()
    if not isinstance(network, torch.nn.Module):
        raise TypeError(f"from_torch needs a torch.nn.Module, not {type(network).__name__} {network!r:.60}")
    made: list[Module] = []
    numbers: list[float] = []
    parts: dict[Any, str] = {}
    for name, part in _flat(network, ""):
        if part in parts and [*part.parameters()]:
            raise ValueError(
                f"the parts {parts[part]} and {name} are the same {part}, and in nn each has its own numbers"
            )
        parts[part] = name
        ours, held = _ours(name, part)
        made.append(ours)
        numbers += held
    model = _perceptron(made) or Sequential(*made)
    assign(model.parameters(), numbers)
    return model


def to_torch(model: Module) -> torch.nn.Sequential:
    """A network of ours as a ``torch.nn.Sequential`` in float64, with the very numbers of its parameters.

    Args:
        model: an :class:`MLP`, a :class:`Sequential` or one of their parts: ``Layer``, ``Linear``, ``Activation``,
            ``Dropout``, ``LayerNorm``, ``Embedding``.

    Returns:
        (…, inputs) → (…, outputs), also where ours gives a scalar.

    Raises:
        ImportError: PyTorch is not installed.
        TypeError: it is no module of ours.
        ValueError: a part has no counterpart in PyTorch.

    >>> to_torch(MLP(2, [3, 1], activation="tanh"))
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): Tanh()
      (2): Linear(in_features=3, out_features=1, bias=True)
    )
    """
    torch = _torch()
    if not isinstance(model, Module):
        raise TypeError(f"to_torch needs a module of nn, not {type(model).__name__} {model!r:.60}")
    parts = []
    for part, numbers in _theirs(torch.nn, model):
        part.double()
        for name, each in numbers.items():
            getattr(part, name).data.copy_(torch.tensor(each, dtype=torch.float64))
        parts.append(part)
    return torch.nn.Sequential(*parts)


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise ImportError("PyTorch is needed, and is not installed: pip install 'torch>=2.4'") from error
    return torch


def _flat(network: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The parts of a network of PyTorch in a row, with their names; those that do nothing are left out."""
    if _kind(network) == "Sequential":
        for key, part in enumerate(network):
            yield from _flat(part, f"{name}.{key}".strip("."))
    elif _kind(network) != "Identity":
        yield name, network


def _kind(part: Any) -> str:
    """The name of its class, if that is one of ``torch.nn`` and not one that is made of it."""
    name = type(part).__name__
    return name if getattr(_torch().nn, name, None) is type(part) else ""


def _ours(name: str, part: Any) -> tuple[Module, list[float]]:
    """A part of PyTorch as one of ours, and the numbers of its parameters in our order.

    Raises:
        ValueError: it has no counterpart.
    """
    kind = _kind(part)
    if kind == "Linear":
        biases = [[]] * part.out_features if part.bias is None else part.bias.reshape(-1, 1).tolist()
        rows = zip(part.weight.tolist(), biases)
        ours = Linear(part.in_features, part.out_features, bias=part.bias is not None)
        return ours, [number for weights, bias in rows for number in (*weights, *bias)]
    if kind == "Dropout":
        return Dropout(part.p), []
    if kind == "LayerNorm" and len(part.normalized_shape) == 1 and part.bias is not None:
        return LayerNorm(part.normalized_shape[0], part.eps), [*part.weight.tolist(), *part.bias.tolist()]
    if kind == "Embedding" and part.max_norm is None and part.padding_idx is None:
        return Embedding(part.num_embeddings, part.embedding_dim), part.weight.ravel().tolist()
    for name_of_ours, theirs in ACTIVATIONS.items():
        option, needed = OPTIONS.get(theirs, ("training", part.training))
        if kind == theirs and getattr(part, option) == needed:
            return Activation(name_of_ours), []
    raise ValueError(
        f"{part}, {f'the part {name}' if name else 'the network itself'}, has no counterpart in nn. These have, with "
        f"PyTorch's own options: {', '.join(KNOWN)}. autodiff.bridges.torch.record takes any module"
    )


def _perceptron(parts: Sequence[Module]) -> MLP | None:
    """An MLP of this structure: linear layers, and between any two the same activation, or none. Else None."""
    layers = [part for part in parts if isinstance(part, Linear)]
    functions = [part.function for part in parts if isinstance(part, Activation)]
    kinds = [Linear, Activation] * len(layers) if functions else [Linear] * len(layers)
    if [*map(type, parts)] != kinds[: len(parts)] or not isinstance(parts[-1], Linear) or len({*functions}) > 1:
        return None
    if any(neuron.bias is None for layer in layers for neuron in layer.neurons):
        return None
    return MLP(
        layers[0].inputs, [len(layer.neurons) for layer in layers], (functions[0] if functions else None) or "linear"
    )


def _theirs(modules: Any, model: Module) -> Iterator[tuple[Any, dict[str, Any]]]:
    """A module of ours as parts of PyTorch, with the numbers of their parameters by name.

    Raises:
        ValueError: it has no counterpart.
    """
    if isinstance(model, (MLP, Sequential)):
        for layer in model.layers:
            yield from _theirs(modules, layer)
    elif isinstance(model, Layer):
        numbers = {"weight": [_data(neuron.weights) for neuron in model.neurons]}
        biases = [neuron.bias for neuron in model.neurons if neuron.bias is not None]
        yield (
            modules.Linear(model.inputs, len(model.neurons), bool(biases)),
            numbers | ({"bias": _data(biases)} if biases else {}),
        )
        function = model.neurons[0].activation
        if function is not None:
            yield from _theirs(modules, Activation(function))
    elif isinstance(model, Dropout):
        yield modules.Dropout(model.p), {}
    elif isinstance(model, LayerNorm):
        part = modules.LayerNorm(len(model.weights), eps=model.epsilon)
        yield part, {"weight": _data(model.weights), "bias": _data(model.biases)}
    elif isinstance(model, Embedding):
        yield modules.Embedding(len(model.weights), len(model.weights[0])), {"weight": [*map(_data, model.weights)]}
    elif isinstance(model, Activation) and isinstance(model.function, Operation) and model.function.name in ACTIVATIONS:
        yield getattr(modules, ACTIVATIONS[model.function.name])(), {}
    elif not (isinstance(model, Activation) and model.function is None):
        raise ValueError(
            f"{model!r} has no counterpart in torch.nn here: to_torch knows MLP, Sequential, Layer, Linear, Dropout, "
            f"LayerNorm, Embedding, and the activations {', '.join(ACTIVATIONS)}"
        )


def _data(values: Iterable[Value]) -> list[float]:
    return [value.data for value in values]
