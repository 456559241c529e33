"""Compiled functions taken along: all their programs, in another language or framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff import trees
from autodiff.compiling.inputs import argument_names
from autodiff.compiling.specializations import Specializations
from autodiff.program.exporting.c_source import CSource, c_source
from autodiff.program.exporting.exported import Argument, Exported
from autodiff.program.exporting.numpy_source import numpy_source
from autodiff.program.exporting.onnx_graph import onnx_model
from autodiff.program.javascript import module


class Exports:
    """What a compiled function can be made into.

    All of these take the arguments of one observation or of a batch, and static options: the ways that these go through
    the function's branches are in the result. Without them, those of the structure that was called last. For other
    ways the results are nan. Numbers outside of the function are the present ones.

    Raises:
        RuntimeError: no arguments are given, and the function was never called.
        UnwritableError: an operation of the user's own only runs on floats.
        TooLargeError: the programs have more than 50,000 operands in all instructions.
        TypeError, ValueError: as a call.
    """

    def _ways(self, arguments: tuple[Any, ...], options: dict[str, Any], what: str) -> Specializations:
        """The programs for these arguments, or for those of the last call."""
        raise NotImplementedError

    def to_python(self, *arguments: Any, **options: Any) -> str:
        """Python source of value and gradient, which needs nothing but NumPy; errors as of :class:`Exports`.

        It defines ``value(parameters, *arguments)`` and ``value_and_gradient(parameters, *arguments)``, with the
        arguments of the function, and ``PARAMETERS``, the present numbers. An argument that is a structure becomes one
        argument for each array or number in it. See :meth:`autodiff.program.program.Program.to_python`.

        >>> from autodiff import Value, compile
        >>> w = Value(2.0, label="w")
        >>> error = compile(lambda x, y: (w * x - y) ** 2)
        >>> source = error.to_python(1.0, 3.0)
        >>> print(source[source.index("def value("):source.index("    with")])
        def value(parameters, x, y):
            \"""The result of each observation.\"""
            parameters, [x, y], front = _read(parameters, x, y)
        <BLANKLINE>
        """
        return numpy_source(exported(self._ways(arguments, options, "to_python")))

    def to_c(self, *arguments: Any, **options: Any) -> CSource:
        """One C99 file of value and gradient, without allocations; errors as of :class:`Exports`.

        Its functions have the name of this function. The inputs are the numbers of all arguments, one after the other,
        as ``inputs`` names them in the file. See :meth:`autodiff.program.program.Program.to_c`.
        """
        return c_source(exported(self._ways(arguments, options, "to_c")))

    def to_javascript(self, *arguments: Any, **options: Any) -> str:
        """An ES module; errors as of :class:`Exports`.

        It exports ``value(parameters, ...arguments)``, ``valueAndGradient(parameters, ...arguments)`` and
        ``parameters``, the present numbers. See :meth:`autodiff.program.program.Program.to_javascript`.
        """
        return module(exported(self._ways(arguments, options, "to_javascript")))

    def to_onnx(self, *arguments: Any, dtype: str = "float64", **options: Any) -> Any:
        """The values as an ``onnx.ModelProto``, instruction by instruction; errors as of :class:`Exports`.

        Its inputs have the names of the arguments, (observations, …); its output ``values`` is (observations, results).
        A network of ``nn`` has its own ``to_onnx()``, which keeps layers as matrices. See
        :meth:`autodiff.program.program.Program.to_onnx`.

        Raises:
            ImportError: the package ``onnx`` is not installed.
        """
        return onnx_model(exported(self._ways(arguments, options, "to_onnx")), dtype)

    def to_jax(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """The function as a pure function of JAX, for ``jit``, ``grad``, ``vmap``, ``pmap`` and sharding.

        It takes the parameters as one vector, in the order of ``parameters``, then the arguments of ONE observation;
        ``jax.vmap(function, in_axes=(None, 0))`` takes a batch. Derivatives of any order, forward or backward, are
        those of the table's rows. It computes in the type of the arrays given to it: JAX makes them float32 unless
        ``jax_enable_x64`` is set. Errors as of :class:`Exports`, but for the size.

        Raises:
            ImportError: JAX is not installed.
        """
        from autodiff.compiling.pure import pure_function

        return pure_function(self._ways(arguments, options, "to_jax"))


def exported(programs: Specializations) -> Exported:
    """The programs that there are for one structure of arguments, and what their numbers are called."""
    owner, structure = programs.owner, programs.structure
    names = argument_names(owner.function, len(structure.arguments))
    arguments = tuple(
        Argument(name, leaf.dimensions)
        for argument, tree in zip(names, structure.arguments)
        for name, leaf in trees.named_leaves(tree, argument)
    )
    leaves = programs.parameters.leaves
    known = max((each.recording.program.parameters for each in programs.all), key=len)
    labels = (*known, *(leaf.label or f"v{at}" for at, leaf in enumerate(leaves[len(known) :], len(known))))
    return Exported(
        "f" if owner.__name__ == "<lambda>" else owner.__name__,
        tuple(each.recording.program for each in programs.all),
        arguments,
        labels,
        tuple(programs.parameters.numbers().tolist()),
        tuple(each.needs_finite for each in programs.all),
    )
