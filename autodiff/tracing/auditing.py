"""``check_training``: a checked mode for training loops, which reports the mistakes that give no error of their own."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from autodiff.backward import topological_order
from autodiff.hooks import Observer, observed_by
from autodiff.operations import VARIABLE
from autodiff.sources import RECORDER, Source, user_line
from autodiff.text import joined, one_line
from autodiff.value import Value


class TrainingWarning(UserWarning):
    """A mistake in a training loop, with the parameters that it concerns."""

    def __init__(self, message: str, parameters: tuple[Value, ...]) -> None:
        super().__init__(message)
        self.parameters = parameters


@contextmanager
def check_training(*of: Any) -> Iterator[list[TrainingWarning]]:
    """Report what goes wrong unseen in a training loop, with names and with lines of the user's program.

    - A gradient was not zeroed: a backward pass adds to what an optimizer's step, or any other change of the
      parameter's data, has used already. Passes that add up to one step are right, and are not reported.
    - The loss does not depend on a parameter: none of the backward passes between two steps led to it.
    - Data was changed since the forward pass: ``backward()`` refuses such a graph, and here its error has notes with
      the line that changed the data and the line that had used the old.

    The first two are warnings; ``warnings.simplefilter("error", TrainingWarning)`` makes them errors, which come before
    the next backward pass changes anything. Each is reported once for a parameter.

    Args:
        *of: optimizers, modules (whatever has ``parameters`` or ``named_parameters``), ``Value``s and collections of
            these.

    Returns:
        A context; what it gives is the list that the warnings are also added to.

    Raises:
        TypeError: there is something else among the parameters.
        ValueError: there are no parameters.

    >>> w, b = Value(3.0, label="w"), Value(1.0, label="b")
    >>> with warnings.catch_warnings(action="ignore"), check_training([w, b]) as found:
    ...     for _ in range(2):
    ...         (w * w).backward()
    ...         w.data -= 0.1 * w.grad
    >>> print(*found, sep="\\n")
    the loss does not depend on 1 of 2 parameters: b
      no backward pass leads to it: is it left out, or cut off by .data, float() or detach()?
    1 parameter still has the gradient of an earlier step: w
      call zero_grad(), or set .grad = 0, after a step and before the next backward()
    """
    auditor = _Auditor(_named(of))
    with observed_by(RECORDER, auditor):
        yield auditor.found
        auditor.close_round()


class _Auditor(Observer):
    """Follows the parameters through rounds; a round is all passes from one step to the next."""

    def __init__(self, names: dict[Value, str]) -> None:
        self.names = names
        self.found: list[TrainingWarning] = []
        self.reported: set[tuple[str, Value]] = set()
        self.uses: dict[Value, tuple[float, Source | None]] = {}  # of changes: the gradient there, and the line
        self.reached: set[Value] = set()
        self.passed = self.stepped = False
        self.last_pass: Source | None = None

    def given(self, node: Value) -> None:
        if node in self.names:
            self.uses[node] = (node.grad, node.source)
            self.stepped = True

    def begins(self, root: Value, seed: float) -> None:
        if self.stepped:
            self.close_round()
        reached = [node for node in topological_order(root) if node in self.names]
        uses = {node: self.uses.pop(node) for node in reached if node in self.uses}
        self.reached.update(reached)
        self.passed, self.last_pass = True, user_line()
        # By identity: a gradient that was set since then is another object, even if the number is equal.
        left = [node for node, (gradient, _) in uses.items() if node.grad and node.grad is gradient]
        if left:
            has = "has" if len(left) == 1 else "have"
            advice = "call zero_grad(), or set .grad = 0, after a step and before the next backward()"
            places = {"used by": uses[left[0]][1], "added to by": self.last_pass}
            self._report(f"{_count(left)} still {has} the gradient of an earlier step", left, advice, places)

    def close_round(self) -> None:
        """Report what no pass of the round led to."""
        missing = [node for node in self.names if node not in self.reached]
        if missing and self.passed:
            what = f"the loss does not depend on {len(missing)} of {_count(self.names)}"
            advice = "no backward pass leads to it: is it left out, or cut off by .data, float() or detach()?"
            self._report(what, missing, advice, {"last pass:": self.last_pass})
        self.reached.clear()
        self.passed = self.stepped = False

    def _report(self, what: str, nodes: list[Value], advice: str, places: dict[str, Source | None]) -> None:
        new = {(advice, node) for node in nodes} - self.reported  # each kind of mistake has an advice of its own
        if not new:
            return
        self.reported |= new
        lines = [f"{what}: {joined([one_line(self.names[node]) for node in nodes], ', ')}", f"  {advice}"]
        lines += [f"  {doing} {line.quoted}" for doing, line in places.items() if line]
        warning = TrainingWarning("\n".join(lines), tuple(nodes))
        self.found.append(warning)
        here = user_line() or Source("<unknown>", 0)
        warnings.warn_explicit(warning, None, here.file, here.line)


def _count(parameters: Collection[Value]) -> str:
    return f"{len(parameters)} parameter{'s' * (len(parameters) != 1)}"


def _named(of: Iterable[Any]) -> dict[Value, str]:
    """The parameters with their names: their labels, else what a module calls them, else their places."""
    found: dict[Value, str] = {}
    for name, part in _parts(of):
        if not isinstance(part, Value) or part.op is not VARIABLE:
            raise TypeError(f"a parameter must be a leaf Value that gradients flow to, not {part!r:.60}")
        found.setdefault(part, part.label or name or f"parameter {len(found)}")
    if not found:
        raise ValueError("there are no parameters to check: pass an optimizer, a module, or a list of Values")
    return found


def _parts(of: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    for part in of:
        if hasattr(part, "named_parameters"):
            yield from part.named_parameters()
        elif hasattr(part, "parameters"):
            yield from _parts(part.parameters() if callable(part.parameters) else part.parameters)
        elif isinstance(part, Iterable) and not isinstance(part, (str, bytes)):
            yield from _parts(part.values() if isinstance(part, dict) else part)
        else:
            yield "", part
