"""A program as a pure function of arrays, for one observation.

Two zeros: where nothing depends on a number, as on a branch that is not taken, nothing flows back to it, whatever the
local derivatives there are. JAX has numbers alone, so a program that needs the difference finds first where a gradient
reaches: it counts the ways from each result to the outputs, backward, as derivatives of sums. Elsewhere an operation is
run with safe numbers for its derivatives, see ``rows``. A number 0 that is computed stays a number, and 0 · ∞ is nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, reduce
from itertools import repeat
from operator import and_, eq, ge, gt, le, lt, ne
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from autodiff.compiling.jax.kernels import Kernel, kernels
from autodiff.compiling.jax.places import Places
from autodiff.program.lowering.runs import runs
from autodiff.program.program import Program

COMPARE = {"<": lt, "<=": le, ">": gt, ">=": ge, "==": eq, "!=": ne}


class Function:
    """The function of parameters and inputs that gives the outputs of one observation; a pure one, of JAX's arrays.

    Args:
        program: what is run; lowered, so that layers stand together.
        sizes: how many inputs each of the input arrays holds; by default there is one array.

    Raises:
        UnwritableError: an operation cannot be run on arrays.

    >>> from autodiff import lookup
    >>> from autodiff.program.program import Instruction, assemble
    >>> program = assemble([], ["w"], ["x"], [Instruction(lookup("multiply"), (0, 1))], [2])
    >>> Function(program)(jnp.array([3.0]), [jnp.array([2.0])]).tolist()
    [6.0]
    """

    def __init__(self, program: Program, sizes: Sequence[int] | None = None) -> None:
        self.constants = program.constants
        self.places = Places()
        sizes = [len(program.inputs)] if sizes is None else sizes
        for size in (len(program.constants), len(program.parameters), *sizes):
            self.places.add(size)
        self.kernels: list[Kernel] = []
        for op, _, operands in runs(program):
            for kernel in kernels(self.places, self.constants, op, operands):
                self.kernels.append(kernel)
                self.places.add(len(kernel.operands))
        self.outputs = program.outputs.astype(np.int64)
        self.results = self.places.fetch(self.outputs)
        self.guards = []
        for sign in sorted({guard.comparison for guard in program.guards}):
            same = [guard for guard in program.guards if guard.comparison == sign]
            left, right = np.array([[each.left, each.right] for each in same], np.int64).T
            expected = np.array([each.holds for each in same])
            self.guards.append((COMPARE[sign], self.places.fetch(left), self.places.fetch(right), expected))
        self._needs_mask = cache(self._with_masks)

    def __call__(self, parameters: Any, inputs: Sequence[Any], mask: Any = None) -> Any:
        """(outputs,): the results.

        Args:
            parameters: (parameters,) their numbers.
            inputs: the arrays of inputs, each of one dimension.
            mask: whether gradients flow back from the outputs at all; None if they do.
        """
        blocks = self._blocks(parameters, inputs)
        needs = self._needs_mask(mask is None)
        if not any(needs):
            return self.results(self._run(blocks))
        reached = self._reached(self._run([*map(jax.lax.stop_gradient, blocks)]), mask)
        return self.results(self._run(blocks, [each if needed else None for each, needed in zip(reached, needs)]))

    def holds(self, parameters: Any, inputs: Sequence[Any]) -> Any:
        """Whether all guards hold; None if there are none."""
        if not self.guards:
            return None
        found = self._run([*map(jax.lax.stop_gradient, self._blocks(parameters, inputs))])
        each = [
            (compare(left(found), right(found)) == expected).all() for compare, left, right, expected in self.guards
        ]
        return reduce(and_, each)

    def _blocks(self, parameters: Any, inputs: Sequence[Any]) -> list[Any]:
        """The blocks that are given: constants, parameters and inputs, of one type."""
        given = [jnp.asarray(each) for each in (parameters, *inputs)]
        dtype = jnp.result_type(*[each for each in given if each.size] or [float])
        dtype = dtype if jnp.issubdtype(dtype, jnp.floating) else jnp.result_type(float)
        return [jnp.asarray(self.constants, dtype), *(each.astype(dtype) for each in given)]

    def _run(self, blocks: Sequence[Any], masks: Sequence[Any] | None = None) -> list[Any]:
        """All blocks, the given ones and those of the kernels; no gradient flows where a mask does not hold."""
        found = [*blocks]
        for kernel, mask in zip(self.kernels, masks or repeat(None)):
            arrays = [fetch(found) for fetch in kernel.fetches]
            if mask is None:
                found.append(kernel.run(*arrays))
                continue
            kept = [jnp.where(each, *pair) for each, *pair in zip(kernel.masks(mask), arrays, kernel.safe)]
            found.append(jnp.where(mask, kernel.run(*kept), kernel.run(*map(jax.lax.stop_gradient, arrays))))
        return found

    def _with_masks(self, from_outputs: bool) -> list[bool]:
        """For each kernel whether it needs a mask.

        It does if a gradient may not reach it, and its local derivatives may be infinite. All others pass on a 0 as a
        0, as long as numbers are of moderate size.
        """
        first = len(self.places.sizes) - len(self.kernels)
        starts = np.cumsum([0, *self.places.sizes])[first:-1].tolist()
        parts = [slice(start, start + len(kernel.operands)) for start, kernel in zip(starts, self.kernels)]
        reached = np.zeros(len(self.places.block), bool)
        reached[self.outputs] = from_outputs
        for kernel, own in zip(reversed(self.kernels), reversed(parts)):
            for column, always in zip(kernel.operands.T, kernel.always):
                reached[column[reached[own] & always]] = True
        wild = np.zeros(len(reached), bool)
        needs = []
        for kernel, own in zip(self.kernels, parts):
            wild[own] = not kernel.is_tame or wild[kernel.operands].any()
            needs.append(bool(wild[own].any() and not kernel.is_linear and not reached[own].all()))
        return needs

    def _reached(self, found: Sequence[Any], mask: Any) -> list[Any]:
        """For each kernel, which of its results a gradient reaches."""
        first = len(found) - len(self.kernels)

        def counted(own: Sequence[Any]) -> Any:
            counts = [jnp.zeros_like(each) for each in found[:first]]
            for kernel, each in zip(self.kernels, own):
                arrays, given = ([fetch(blocks) for fetch in kernel.fetches] for blocks in (found, counts))
                counts.append(each + kernel.reached(arrays, given))
            return self.results(counts)

        outputs, pull = jax.vjp(counted, [jnp.zeros_like(each) for each in found[first:]])
        (ways,) = pull(jnp.broadcast_to(True if mask is None else mask, outputs.shape).astype(outputs.dtype))
        return [each > 0 for each in ways]
