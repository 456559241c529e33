"""Optimizers: how the parameters move against their gradients, and the loop in which they do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import repeat
from math import inf, isfinite
from numbers import Real
from types import NoneType
from typing import Any, Protocol, TypeAlias, TypeVar

from autodiff import NOT_COMPUTED, Value
from nn.interrupts import interrupts_held
from nn.mistakes import Absent, Renamed
from nn.module import ZEROED, assign

Batch = TypeVar("Batch")

Rate: TypeAlias = float | Callable[[int], float]
"""A learning rate: a number, or a schedule, a function of the number of steps taken so far."""


class OptimizerLike(Protocol):
    """What a training needs of an optimizer."""

    def zero_grad(self) -> None:
        """Set the gradients of the parameters to 0."""

    def step(self) -> None:
        """Move the parameters once, by their present gradients."""


def take_steps(optimizer: OptimizerLike, batches: Iterable[Batch], backward: Callable[[Batch], object]) -> None:
    """The loop of every training: for each batch, the gradient of its loss and one step of the optimizer.

    Args:
        optimizer: moves the parameters.
        batches: whatever ``backward`` takes.
        backward: adds the gradient of a batch's loss to the gradients of the parameters.
    """
    for batch in batches:
        optimizer.zero_grad()
        backward(batch)
        optimizer.step()


class Optimizer:
    """What all optimizers share; a subclass says in ``rule`` how far a parameter moves.

    The rule knows the gradient of ONE parameter and what is remembered of it. It is run on Python floats and, in a
    compiled descent, as machine code. An optimizer whose moves depend on several parameters at once writes ``moves``.

    Args:
        parameters: the leaf ``Value``s to move.
        learning_rate: a positive number, or a function ``step -> rate``, called with 0 for the first step.
        weight_decay: this times the parameter is added to its gradient, as if half of it times the sum of the squares
            of all parameters were added to the loss. 0 adds nothing.

    Raises:
        TypeError: a parameter is not a leaf ``Value``.
        ValueError: there are no parameters, one is listed twice, the learning rate is not positive, or the weight decay
            is negative.
    """

    states = 0
    """How many numbers the rule remembers of each parameter; they begin as 0."""
    backward = Absent("backward", "it is the loss that has it: loss.backward(), then step()")
    decoupled = False
    """Whether the weight decay moves the parameters beside the rule, not by way of their gradients."""

    lr = Renamed("learning_rate")
    param_groups = Renamed("learning_rate, weight_decay and so on, each an attribute that may be set,")

    def __init__(self, parameters: Iterable[Value], learning_rate: Rate, weight_decay: float = 0.0) -> None:
        try:
            self.parameters = list(parameters)
        except TypeError:
            raise TypeError(
                f"parameters must be leaf Values, such as model.parameters(), not {parameters!r:.60}"
            ) from None
        for value in self.parameters:
            if not isinstance(value, Value) or value.op.name != "variable":
                raise TypeError(
                    f"a parameter must be a leaf Value that gradients flow to, not {value!r:.80}: write "
                    f"{type(self).__name__}(model.parameters(), ...)"
                )
        if not self.parameters:
            raise ValueError(
                "there are no parameters to optimize: those of a module are the Values, and modules, that its __init__ "
                "assigns to its attributes"
            )
        if len(set(map(id, self.parameters))) < len(self.parameters):
            raise ValueError("a parameter is listed twice, and would be moved twice")
        if not callable(learning_rate):
            check_option("learning_rate", learning_rate, lambda number: number > 0, "positive")
        check_option("weight_decay", weight_decay, lambda number: number >= 0, "at least 0")
        self.learning_rate, self.weight_decay = learning_rate, weight_decay
        self.steps = 0
        self.state = [[0.0] * len(self.parameters) for _ in range(self.states)]
        """(states, parameters): what is remembered of each parameter."""

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0."""
        for value in self.parameters:
            value.grad = ZEROED

    def step(self) -> None:
        """Move every parameter once, by its present gradient.

        Whatever ends it, Ctrl-C as well, leaves parameters and optimizer as they were before the step or after it.

        Raises:
            FloatingPointError: a gradient is not finite; the message names the parameter, and none is moved.
            ValueError: no parameter has got a gradient since ``zero_grad()``, or ever, or that of one is None; or the
                schedule gave a rate that is negative or not finite.
        """
        self._check_gradients()
        rate, before = self.rate(self.steps), self._now()
        try:
            try:
                self._move(rate)
            except BaseException:
                self._go_back(before)
                raise
        except BaseException:  # another interrupt, while it went back
            self._go_back(before)
            raise

    def _move(self, rate: float) -> None:
        self.steps += 1
        moves = [*self.moves(rate)]
        if len(moves) != len(self.parameters):
            raise ValueError(f"moves() gave {len(moves)} moves of {len(self.parameters)} parameters")
        for value, move in zip(self.parameters, moves):
            value.data = value.number + move

    def _check_gradients(self) -> None:
        gradients = [value.grad for value in self.parameters]
        try:
            if all(map(isfinite, gradients)) and any(
                each is not NOT_COMPUTED and each is not ZEROED for each in gradients
            ):
                return
        except TypeError:  # of None
            pass
        if all(each is NOT_COMPUTED for each in gradients):
            raise ValueError("no parameter has a gradient: run backward() first")
        if all(each is ZEROED for each in gradients):
            raise ValueError(
                "no parameter has got a gradient since zero_grad(): a step takes zero_grad(), then backward() of the "
                "loss, then step()"
            )
        for index, (value, gradient) in enumerate(zip(self.parameters, gradients)):
            name = value.label or index
            if gradient is None:  # as PyTorch's users leave it
                raise ValueError(f"the parameter {name!r} has no gradient: run backward() first")
            if not isfinite(gradient):
                raise FloatingPointError(
                    f"the gradient of the parameter {name!r} is {gradient}: no parameter was changed; inside of "
                    "`with autodiff.detect_anomaly():`, an error names the line where it began"
                )

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Let parameters and optimizer be as they were before the block, unless it comes to its end."""
        with interrupts_held():
            before = self._now()
            try:
                yield
            except BaseException:
                self._go_back(before)
                raise

    def _now(self) -> tuple[dict[str, Any], list[float]]:
        """The attributes of the optimizer, and the numbers of its parameters."""
        return dict(vars(self)), [value.number for value in self.parameters]

    def _go_back(self, before: tuple[dict[str, Any], list[float]]) -> None:
        attributes, data = before
        vars(self).clear()
        vars(self).update(attributes)
        assign(attributes["parameters"], data)

    def rate(self, step: int) -> float:
        """The learning rate of a step, counted from 0.

        Raises:
            ValueError: the schedule gave a rate that is negative or not finite.
        """
        rate = self.learning_rate(step) if callable(self.learning_rate) else self.learning_rate
        if type(rate) is float and 0.0 <= rate < inf:
            return rate
        check_option("learning_rate", rate, lambda number: number >= 0, f"at least 0 (it was asked for at step {step})")
        return float(rate)

    def moves(self, rate: float) -> list[float]:
        """What is added to each parameter in this step, whose number is ``self.steps``, counted from 1."""
        gradients, state = [value.grad for value in self.parameters], self.state
        rule = self.rule
        if self.weight_decay:
            rule, state = self.rule_with_decay, [[value.number for value in self.parameters], *state]
        moves, *state = map(list, zip(*map(rule, gradients, repeat(rate), repeat(self.steps), *state)))
        self.state = state[1:] if self.weight_decay else state
        return moves

    def rule(self, gradient: Any, rate: Any, step: Any, *state: Any) -> tuple[Any, ...]:
        """The move of one parameter, and what is remembered of it: ``(move, *state)``.

        Write it with arithmetic and the functions of ``autodiff``: it is run on floats, and compiled.
        """
        raise NotImplementedError(
            f"{type(self).__name__} does not say how parameters move: write its rule() or moves()"
        )

    def rule_with_decay(self, gradient: Any, rate: Any, step: Any, parameter: Any, *state: Any) -> tuple[Any, ...]:
        """The rule with weight decay, which takes and gives the number of the parameter before those of the rule."""
        if self.decoupled:
            move, *after = self.rule(gradient, rate, step, *state)
            move = move - rate * self.weight_decay * parameter
        else:
            move, *after = self.rule(gradient + self.weight_decay * parameter, rate, step, *state)
        return move, parameter + move, *after

    def state_dict(self) -> dict[str, Any]:
        """What it remembers, and its options, in plain numbers: with the parameters', all that a training goes on from.

        A schedule of the learning rate is left out: it is a function.

        Returns:
            A dict of its kind, options, steps and state; as JSON it is the same again.

        Raises:
            ValueError: a subclass has an attribute of another kind, and no ``state_dict`` of its own.

        >>> from nn import SGD
        >>> SGD([Value(3.0)], learning_rate=0.25).state_dict()["options"]
        {'learning_rate': 0.25, 'weight_decay': 0.0, 'momentum': 0.0}
        """
        options = {name: each for name, each in vars(self).items() if name not in ("parameters", "steps", "state")}
        if callable(self.learning_rate):
            del options["learning_rate"]
        for name, option in options.items():
            if isinstance(option, Real) and hasattr(option, "item"):  # of NumPy
                options[name] = option.item()
            elif not isinstance(option, (bool, int, float, str, NoneType)):
                raise ValueError(
                    f"the attribute {name} of {type(self).__name__} is no number, but {type(option).__name__} "
                    f"{option!r:.60}: let the class have a state_dict() and a load_state_dict() that know it"
                )
        state = [list(row) for row in self.state]
        return {"kind": type(self).__name__, "options": options, "steps": self.steps, "state": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what another optimizer of this kind remembered, with its options; on an error nothing is changed.

        Args:
            state: what ``state_dict()`` gave.

        Raises:
            TypeError: it is no state, or of numbers that are none.
            ValueError: it is the state of another kind of optimizer, or one of other parameters; or it has a learning
                rate, and this optimizer a schedule, or the other way around.
        """
        if not isinstance(state, Mapping) or not state.keys() >= {"kind", "options", "steps", "state"}:
            raise TypeError(f"a state must be what state_dict() of an optimizer gives, not {state!r:.60}")
        ours, options, rows = self.state_dict(), dict(state["options"]), [list(row) for row in state["state"]]
        if state["kind"] != ours["kind"]:
            raise ValueError(f"it is the state of {state['kind']}, and this is {ours['kind']}")
        for name in sorted(options.keys() ^ ours["options"].keys()):
            has, not_ = ("the state", "this optimizer") if name in options else ("this optimizer", "the state")
            told = f"{not_} has a schedule" if name == "learning_rate" else f"{not_} has not"
            raise ValueError(f"{has} has a {name} of {(options | ours['options'])[name]!r:.60}, and {told}")
        sizes = [len(row) for row in rows], [len(row) for row in ours["state"]]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"the state has {sizes[0]} numbers, and this {ours['kind']} {sizes[1]}: it is of other parameters"
            )
        steps = state["steps"]
        if type(steps) is not int or steps < 0:
            raise TypeError(f"steps must be an int from 0, not {type(steps).__name__} {steps!r:.60}")
        for number in (number for row in rows for number in row):
            if not isinstance(number, (int, float)):
                raise TypeError(f"a state must be of numbers, not {type(number).__name__} {number!r:.60}")
        for name, option in options.items():
            if isinstance(option, Real) != isinstance(ours["options"][name], Real):
                raise TypeError(f"{name} must be one like {ours['options'][name]!r}, not {option!r:.60}")
        with interrupts_held():
            vars(self).update(options, steps=steps, state=[[*map(float, row)] for row in rows])

    @property
    def has_rule(self) -> bool:
        """Whether its steps are those of its rule, so that they can be compiled."""
        return type(self).rule is not Optimizer.rule and all(
            getattr(getattr(self, name), "__func__", None) is getattr(Optimizer, name)  # nor replaced on the instance
            for name in ("zero_grad", "step", "moves", "rate", "rule_with_decay")
        )


def check_option(name: str, number: float, is_allowed: Callable[[float], bool], range_: str) -> None:
    """Refuse an option that is no number, or out of its range.

    Raises:
        TypeError: it is no number.
        ValueError: it is not finite, or out of range.
    """
    try:
        allowed = is_allowed(number)
    except TypeError:
        raise TypeError(f"{name} must be a number, not {type(number).__name__} {number!r:.60}") from None
    if not allowed or number == inf:
        raise ValueError(f"{name} must be finite and {range_}, not {number}")
