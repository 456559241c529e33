"""``record``: run a function of PyTorch once, and its operations again on ``Value``s."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map_only

from autodiff.bridges.arrays import Array, numbers, recorded
from autodiff.bridges.limits import LIMIT, Part, check_size, progress
from autodiff.bridges.torch.dense import DenseMemory, Made, is_singular
from autodiff.bridges.torch.events import Call, Given, is_given
from autodiff.bridges.torch.memory import Memory
from autodiff.bridges.torch.names import Names, hides_tensors, with_named_inputs
from autodiff.bridges.torch.rules import RULES
from autodiff.bridges.torch.tape import Tape
from autodiff.hooks import observed_by
from autodiff.sources import record_sources, replaying

CHANGES = "_version"
"""How often a tensor was changed in place."""
FIRST_FACTOR = {"mm": 0, "bmm": 0, "mv": 0, "dot": 0, "vdot": 0, "addmm": 1, "addmv": 1, "baddbmm": 1, "addbmm": 1}
"""Which operand of a product has as many columns as its results have operands."""


def record(function: Callable[..., Any], *inputs: Any, limit: int = LIMIT) -> Any:
    """What a module or function of PyTorch computes from the inputs, as ``Value``s that remember how.

    The function runs once, in PyTorch, as it is: in training mode if the module is in it, with the seed of
    ``torch.manual_seed`` for dropout, taking its own branches. What it computes is then computed again on ``Value``s,
    in float64, from the very numbers of its parameters and inputs. Running statistics are afterwards as they were.

    Variables are all parameters that require a gradient, labelled as ``named_parameters()`` names them
    (``layers.0.weight[3,1]``), and all numbers of tensors of floats among the inputs, labelled by the names of the
    arguments. What a module returns is labelled by its name. Every node has the line of the program as its source.
    Where no gradient flows in PyTorch (``detach()``, ``no_grad()``, frozen parameters, indices), there are numbers.

    Args:
        function: a ``torch.nn.Module``, or a function of tensors, which may use modules and tensors from outside.
        inputs: what it is called with: tensors of any shape, structures of them, anything else. In place of a tensor
            a ``Value``, or an array of dtype object, may stand: the graph goes on from these.
        limit: how many numbers the graph may have.

    Returns:
        The structure that the function returns, with a ``Value`` for a scalar tensor, and an object array of ``Value``s
        for any other. What depends on no variable is a number or an array of numbers.

    Raises:
        TypeError: the function is none; or an input or result is an object that PyTorch does not look into.
        ValueError: nothing depends on parameters or inputs; or inputs share memory that the function writes to.
        UnsupportedError: an operation is not known; before anything is recorded.
        TooLargeError: the graph would be larger than the limit.
        DisagreementError: PyTorch computed other numbers.

    >>> import torch
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.Tanh())
    >>> with torch.no_grad():
    ...     _ = net[0].weight.copy_(torch.tensor([[0.5, -1.0]])), net[0].bias.zero_()
    >>> loss = record(lambda x: (net(x) - 1).pow(2).mean(), torch.tensor([[2.0, 1.0]]))
    >>> loss.backward()
    >>> from autodiff import leaves
    >>> for leaf in leaves(loss): print(leaf.label, leaf.grad)
    x[0,0] -1.0
    x[0,1] 2.0
    net.0.weight[0,0] -4.0
    net.0.weight[0,1] -2.0
    net.0.bias[0] -2.0
    """
    if not callable(function):
        raise TypeError(
            "record needs a module or function of PyTorch, and then its inputs, not "
            f"{type(function).__name__} {function!r:.60}"
        )
    called = getattr(function, "__name__", type(function).__name__)
    names, tape = Names(function, inputs), Tape(RULES)

    held: dict[torch.Tensor, Array] = {}
    memory: list[int | None] = []
    floats = (tensor.dtype for tensor in names.tensors if tensor.is_floating_point())
    dtype = next(floats, torch.get_default_dtype())

    def leaf(name: str, given: Any) -> torch.Tensor:
        if isinstance(given, torch.Tensor):
            made = given.detach().clone().requires_grad_(given.is_floating_point())
        else:
            made = torch.tensor(numbers(recorded(given)), dtype=dtype, requires_grad=True)
            held[made] = recorded(given)
        names.tensors[made] = name
        memory.append(given.untyped_storage().data_ptr() if isinstance(given, torch.Tensor) and given.numel() else None)
        return made

    given = with_named_inputs(function, inputs, leaf)
    with torch.enable_grad(), _as_they_were(names.modules), _labelled(names.modules, tape), tape:
        given = tree_map_only(torch.Tensor, torch.clone, given)  # which may be changed in place, as leaves may not
        copies = [each for each in tree_leaves(given) if isinstance(each, torch.Tensor)]
        result = tree_map_only(torch.Tensor, tape.returned, function(*given))
    tape.check()
    _check_inputs(copies, memory, called)
    found = tree_leaves(result, is_leaf=is_given)
    for each in found:
        if not is_given(each) and hides_tensors(each):
            raise TypeError(
                f"{called} returns a {type(each).__name__}, in which tensors would be missed: return a dict"
            )
    if not any(each.flows for each in found if is_given(each)):
        raise ValueError(
            f"nothing that {called} gives depends on a parameter or input of floats: no gradient can flow. Are they "
            "detached, frozen by requires_grad_(False), or not used?"
        )
    parts = {id(event): _part(event) for event in tape.events if isinstance(event, Call)}
    size = check_size(parts.values(), limit, called)
    made = Made()

    def replayed(memory: Memory) -> Any:
        with progress(size, limit, called) as done, record_sources(), observed_by(made):
            for event in tape.events:
                with replaying(getattr(event, "source", None)):
                    memory.replay(event)
                if id(event) in parts:
                    done.add(parts[id(event)])
        return tree_map_only(Given, memory.result, result, is_leaf=is_given)

    graph = replayed(Memory(names.tensors, held))
    is_steep = any(map(is_singular, made.nodes))
    made.nodes.clear()
    return replayed(DenseMemory(made, names.tensors, held)) if is_steep else graph


def _check_inputs(copies: list[torch.Tensor], memory: list[int | None], called: str) -> None:
    """Refuse that a copy of an input was changed which had its memory together with another input.

    Raises:
        ValueError: one was.
    """
    for copy, address in zip(copies, memory):
        if address and memory.count(address) > 1 and getattr(copy, CHANGES):
            raise ValueError(
                f"{called} changes an input in place that shares its memory with another input, and each is recorded "
                "by itself: pass clone() of one of them"
            )


def _part(call: Call) -> Part:
    """What an operation will record."""
    results = sum(found.numel() for found, place in zip(call.results, call.places) if place)
    factors = 0
    if call.name in FIRST_FACTOR:
        factors = call.args[FIRST_FACTOR[call.name]].shape[-1]
    elif call.name == "convolution":
        factors = call.args[1].shape[1:].numel()
    return Part(str(call.function), call.source, results, 2 * results * factors)


@contextmanager
def _labelled(modules: dict[torch.nn.Module, str], tape: Tape) -> Iterator[None]:
    """Inside, it is noted down what modules return."""

    def noted(name: str) -> Callable[..., None]:
        def hook(module: Any, inputs: Any, out: Any) -> None:
            for tensor in tree_leaves(out):
                if isinstance(tensor, torch.Tensor):
                    tape.named(name, tensor)

        return hook

    hooked = {
        module: name for module, name in modules.items() if name and not isinstance(module, torch.jit.ScriptModule)
    }
    hooks = [module.register_forward_hook(noted(name)) for module, name in hooked.items()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@contextmanager
def _as_they_were(modules: Iterable[torch.nn.Module]) -> Iterator[None]:
    """Inside, PyTorch takes no short cuts; afterwards, buffers, such as running statistics, hold what they held."""
    modules = [*modules]
    bound = [dict(module.named_buffers(recurse=False)) for module in modules]
    held = [(buffer, buffer.clone()) for buffers in bound for buffer in buffers.values()]
    onednn, attention = torch.backends.mkldnn.enabled, torch.backends.mha.get_fastpath_enabled()
    torch.backends.mkldnn.enabled = False
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = onednn
        torch.backends.mha.set_fastpath_enabled(attention)
        for module, buffers in zip(modules, bound):
            for name, buffer in buffers.items():
                if getattr(module, name) is not buffer:
                    setattr(module, name, buffer)
        with torch.no_grad():
            for buffer, before in held:
                if not torch.equal(buffer, before):
                    buffer.copy_(before)
