"""The NumPy backend: each instruction on a block of observations at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from autodiff.operations import SELECT, Operation, dot, total
from autodiff.tape.expressions import traced
from autodiff.tape.numpy_functions import Floats, array_function, derivative_function, primal_function
from autodiff.tape.program import Program

BLOCK = 1024


class NumpyRunner:
    """A program made ready for NumPy; see :class:`autodiff.tape.backends.Runner`."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.instructions = list(program)

    def values(self, parameters: Floats, inputs: Floats) -> Floats:
        results = np.empty((len(inputs), len(self.program.outputs)))
        with np.errstate(all="ignore"):
            for start in range(0, len(inputs), BLOCK):
                slots = self._forward(parameters, inputs[start : start + BLOCK])
                results[start : start + BLOCK] = slots[self.program.outputs].T
        return results

    def gradient(
        self, parameters: Floats, inputs: Floats, weight: ArrayLike = 1.0, wrt_inputs: bool = False
    ) -> tuple[Floats, Floats, Floats | None]:
        program = self.program
        weights = np.broadcast_to(np.asarray(weight, np.float64), len(inputs))
        values = np.empty(len(inputs))
        gradient = np.zeros(len(program.parameters))
        input_gradient = np.zeros(inputs.shape) if wrt_inputs else None
        wrt = range(program.first_parameter, program.first_result if wrt_inputs else program.first_input)
        active = program.active(wrt)
        with np.errstate(all="ignore"):
            for start in range(0, len(inputs), BLOCK):
                part = slice(start, start + BLOCK)
                slots = self._forward(parameters, inputs[part])
                values[part] = slots[program.outputs[0]]
                adjoints = self._backward(slots, weights[part], active)
                gradient += adjoints[program.first_parameter : program.first_input].sum(axis=1)
                if input_gradient is not None:
                    input_gradient[part] = adjoints[program.first_input : program.first_result].T
        return values, gradient, input_gradient

    def descend(
        self,
        parameters: Floats,
        state: Floats,
        inputs: Floats,
        order: NDArray[np.int64],
        starts: NDArray[np.int64],
        rates: Floats,
        first_step: int,
        rule: Callable[..., Sequence[Any]],
    ) -> tuple[Floats, int]:
        update = rule_function(rule, len(state))
        errors = np.full(len(order), np.nan)
        for step, rate in enumerate(rates.tolist()):
            batch = slice(starts[step], starts[step + 1])
            values, gradient, _ = self.gradient(parameters, inputs[order[batch]])
            errors[batch] = values
            if not (np.isfinite(values).all() and np.isfinite(gradient).all()):
                return errors, step
            with np.errstate(all="ignore"):
                move, *new = update(gradient / len(values), rate, float(first_step + step), *state, None)
            parameters += move
            for old, row in zip(state, new):
                old[:] = row
        return errors, len(rates)

    def _forward(self, parameters: Floats, inputs: Floats) -> Floats:
        program = self.program
        slots = np.empty((program.slots, len(inputs)))
        slots[: program.first_parameter] = program.constants[:, None]
        slots[program.first_parameter : program.first_input] = parameters[:, None]
        slots[program.first_input : program.first_result] = inputs.T
        for slot, (op, operands) in enumerate(self.instructions, program.first_result):
            slots[slot] = _value(op, slots[list(operands)])
        return slots

    def _backward(self, slots: Floats, seed: Floats, active: NDArray[np.bool_]) -> Floats:
        program = self.program
        adjoints = np.zeros(slots.shape)
        adjoints[program.outputs[0]] = seed
        for slot, (op, operands) in reversed(list(enumerate(self.instructions, program.first_result))):
            if not active[slot]:
                continue
            upstream = adjoints[slot]
            for operand, local in zip(operands, _locals(op, slots[list(operands)], slots[slot])):
                if active[operand]:
                    adjoints[operand] += np.where((local == 0) | (upstream == 0), 0.0, local * upstream)
        return adjoints


def _value(op: Operation, operands: Floats) -> Floats:
    if op is total:
        return _sum(operands)
    if op is dot:
        half = len(operands) // 2
        return _sum(operands[:half] * operands[half:])
    if op is SELECT:
        chosen: Floats = np.take_along_axis(operands, operands[:1].astype(np.intp) + 1, 0)[0]
        return chosen
    result: Floats = primal_function(op, len(operands))(*operands)
    return result


def _sum(terms: Floats) -> Floats:
    """Of the rows, from the first to the last."""
    result = np.zeros(terms.shape[1])
    for row in terms:
        result += row
    return result


def _locals(op: Operation, operands: Floats, output: Floats) -> Sequence[Any]:
    if op is total:
        return np.ones(len(operands)).tolist()
    if op is dot:
        half = len(operands) // 2
        return [*operands[half:], *operands[:half]]
    if op is SELECT:
        chosen = np.arange(len(operands) - 1)[:, None] == operands[0]
        return [0.0, *chosen.astype(np.float64)]
    return derivative_function(op, len(operands))(*operands, output)


def rule_function(rule: Callable[..., Sequence[Any]], states: int) -> Callable[..., tuple[Any, ...]]:
    """An optimizer's rule on arrays.

    Raises:
        TypeError: the rule asks for numbers, or branches too often.
    """
    expressions = [traced(lambda *numbers, at=at: rule(*numbers)[at], 3 + states) for at in range(1 + states)]
    if None in expressions:
        raise TypeError("the rule of a step must be written with arithmetic and operations of autodiff alone")
    return array_function([each for each in expressions if each is not None], 3 + states)
