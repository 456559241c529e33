"""Whether what is recorded of PyTorch has PyTorch's own values and gradients."""

from contextlib import contextmanager

import numpy as np
import torch
from torch.utils._pytree import tree_leaves

from autodiff import Value, dot, leaves
from autodiff.bridges.torch import record
from autodiff.bridges.torch.names import Names, with_named_inputs

TOLERANCE = 1e-12
"""Of the greatest number: sums are taken in another order."""


def assert_agrees(function, *inputs, tolerance=TOLERANCE):
    """The values, and the gradients of all parameters and inputs, are those of PyTorch."""
    state = torch.random.get_rng_state()
    ours = record(function, *inputs)
    torch.random.set_rng_state(state)
    named = {}

    def leaf(name, tensor):
        if not tensor.is_floating_point():
            return tensor
        named[name] = tensor.detach().clone().requires_grad_()
        return named[name]

    given = with_named_inputs(function, inputs, leaf)
    for tensor, name in Names(function).tensors.items():
        if tensor.requires_grad:
            named[name] = tensor
    theirs = tree_leaves(function(*(x.clone() if torch.is_tensor(x) else x for x in given)))
    values = [*flat(ours)]
    expected = [number for out in theirs for number in numbers_of(out)]
    assert len(values) == len(expected)
    close([each.data if isinstance(each, Value) else each for each in values], expected, tolerance)
    weights = np.cos(1.0 + np.arange(len(values))).tolist()
    pairs = [(v, w) for v, w in zip(values, weights) if isinstance(v, Value)]
    total, at = 0.0, 0
    for out in theirs:
        count = numbers_of(out).size
        if torch.is_tensor(out) and out.requires_grad:
            total = total + (out * torch.tensor(weights[at : at + count], dtype=torch.float64).reshape(out.shape)).sum()
        at += count
    assert pairs, "nothing depends on the inputs"
    loss = dot([v for v, _ in pairs], [w for _, w in pairs])
    loss.backward()
    found = {node.label: node.grad for node in leaves(loss)}
    gradients = torch.autograd.grad(total, [*named.values()], allow_unused=True)
    for (name, tensor), gradient in zip(named.items(), gradients):
        shape = tuple(tensor.shape)
        mine = [found.pop(f"{name}[{','.join(map(str, at))}]" if at else name, 0.0) for at in np.ndindex(shape)]
        wanted = np.zeros(shape) if gradient is None else gradient.numpy(force=True)
        close(mine, wanted.ravel(), tolerance, name)
    assert not found
    return ours


def flat(tree):
    if isinstance(tree, dict):
        tree = [*tree.values()]
    if isinstance(tree, np.ndarray):
        tree = tree.ravel().tolist()
    if isinstance(tree, (list, tuple)):
        for part in tree:
            yield from flat(part)
    else:
        yield tree


def numbers_of(out):
    return out.detach().double().numpy().ravel() if torch.is_tensor(out) else np.array([out], float)


def close(found, expected, tolerance, what="values"):
    found, expected = np.array(found, float), np.array(expected, float)
    finite = np.isfinite(expected)
    np.testing.assert_array_equal(found[~finite], expected[~finite], what)
    scale = max(1.0, np.abs(expected[finite]).max(initial=0.0))
    np.testing.assert_allclose(found[finite], expected[finite], rtol=0, atol=tolerance * scale, err_msg=what)


@contextmanager
def in_float64():
    """Inside, PyTorch's floats have 64 bits."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
