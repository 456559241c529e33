"""``watch``: stop, or call a function, at the steps of a backward pass that concern a node and meet a condition."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from difflib import get_close_matches
from math import isfinite

from autodiff.backward import Step, edges, names, topological_order
from autodiff.ieee import as_float
from autodiff.sources import user_frame
from autodiff.text import joined
from autodiff.value import Value

Condition = Callable[[Step], object]


def watch(
    node: Value | str | None = None,
    do: Callable[[Step], object] | None = None,
    *,
    when: Condition | None = None,
) -> Callable[[Step], None]:
    """A callback for ``loss.backward(on_step=…)``: stops at each step to the node that meets the condition.

    It stops as ``breakpoint()`` does, in the debugger that ``sys.breakpointhook`` and ``PYTHONBREAKPOINT`` say, and in
    the line of the user's program that runs the pass; the debugger shows its variables, and the step as ``step``.

    Args:
        node: the node that receives the contributions, or its name; None for every node.
        do: a function of the step to call instead of stopping.
        when: a condition on the step, such as :func:`non_finite`, :func:`changes_sign` or ``larger_than(10)``; None
            for every step.

    Raises:
        TypeError: the node is none of these, or ``do`` or ``when`` cannot be called.

    Warns:
        RuntimeWarning: at the end of a pass that had no step to the node, with the nodes to which it had.

    >>> w, x = Value(3.0, label="w"), Value(-20.0, label="x")
    >>> (w * x + w).backward(on_step=watch(w, print, when=larger_than(10)))
    ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = −20.0 × 1.0 = −20.0
    """
    if not (node is None or isinstance(node, (Value, str))):
        raise TypeError(f"watch needs a Value, a name or None for all, not {node!r:.60}")
    for what, given in (("do", do), ("when", when)):
        if not (callable(given) or given is None):
            raise TypeError(f"{what} must be a function of a step, not {given!r:.60}")
    return Watch(node, stop if do is None else do, when)


class Watch:
    """What :func:`watch` gives: it is called with each step of a pass, and with the root when the pass has ended."""

    def __init__(self, node: Value | str | None, act: Callable[[Step], object], when: Condition | None) -> None:
        self.node, self.act, self.when = node, act, when
        self.met = False

    def __call__(self, step: Step) -> None:
        node = self.node
        if node is None or (step.parent_name == node if isinstance(node, str) else step.parent is node):
            self.met = True
            if self.when is None or self.when(step):
                self.act(step)

    def ended(self, root: Value) -> None:
        """Warn of a node to which the pass had no step."""
        if not self.met and self.node is not None:
            order = topological_order(root)
            name = names(order)
            to = [name[each] for each in dict.fromkeys(parent for _, _, parent, _ in edges(order))]
            near = get_close_matches(self.node, to, n=1) if isinstance(self.node, str) else []
            hint = f"did you mean {near[0]!r}?" if near else f"it had steps to {joined([*map(repr, to)])}"
            warnings.warn(f"the pass had no step to the watched {self.node!r}: {hint}", RuntimeWarning, stacklevel=4)
        self.met = False


def stop(step: Step) -> None:
    """Stop in the debugger, on the user's line that is running, with its variables and ``step``.

    A debugger that is called in a library stops there, or, if it shows the user's code alone, after the library has
    returned. So ``breakpoint()`` is called in code that has the file name and the line of the user's frame, and copies
    of its variables. Some debuggers stop at the call, others at the next line that begins: the loop begins the same
    line again. For debugpy under Python 3.13 that is no new line; the second piece of code is one.
    """
    frame = user_frame()
    if frame is None:
        breakpoint()
        return
    above, variables = "\n" * (frame.f_lineno - 1), {**frame.f_locals, "step": step}
    for line in ("for step in (step,): breakpoint()", "step"):
        code = compile(above + line, frame.f_code.co_filename, "exec")
        exec(code.replace(co_name=frame.f_code.co_name), frame.f_globals, variables)


def non_finite(step: Step) -> bool:
    """Whether the step's contribution, or the gradient that it makes, is infinite or nan."""
    return not (isfinite(step.contribution) and isfinite(step.after))


def changes_sign(step: Step) -> bool:
    """Whether the step turns a positive gradient into a negative one, or a negative into a positive."""
    return (step.before > 0 > step.after) or (step.before < 0 < step.after)


def larger_than(limit: float) -> Condition:
    """A condition: the step's contribution, or the gradient that it makes, is larger than the limit in size.

    nan counts as larger.

    Raises:
        TypeError: the limit is not a number.
        ValueError: it is below 0 or nan.
    """
    limit = as_float(limit)
    if not limit >= 0:
        raise ValueError(f"the limit of a size must be a number from 0 on, not {limit}")
    return lambda step: not (abs(step.contribution) <= limit and abs(step.after) <= limit)
