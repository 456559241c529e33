"""What compiled code needs and Python has no word for: pointers, calls by address, vectors, and tiles of vectors.

A vector's operations are those of IEEE 754 on each of its numbers. Multiplication and addition are not fused, so that
what is computed for one observation has the bits that the eager engine gives it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import cfunc, config, njit, types
from numba.extending import intrinsic, models, register_model

from autodiff.compiling.native.store import KEY, Callback, keep

Function = Callable[..., Any]
OPTIONS = {"nogil": True, "error_model": "numpy"}
FEATURES = config.CPU_FEATURES or binding.get_host_cpu_features().flatten()
WIDTH = 8 if "+avx512f" in FEATURES else 4
"""How many numbers a vector holds: such that a tile and what it is multiplied with fit into the registers."""
HEIGHT = 8
"""How many vectors a tile holds."""
FLOATS, INTEGERS = types.CPointer(types.float64), types.CPointer(types.uint32)
CODE = types.void(INTEGERS, FLOATS, FLOATS, FLOATS, FLOATS, types.intp, types.intp)
"""The signature of the code of an operation: its record, the scalars and their adjoints, the rows and their adjoints,
the distance of two rows, and the number of lanes."""


def compiled(function: Function) -> Function:
    """The function as a part of others: it is compiled together with each of them."""
    return njit(inline="always", **OPTIONS)(function)  # type: ignore[no-any-return]


def entry(function: Function) -> Function:
    """The function as machine code to be called from Python."""
    made = njit(**OPTIONS)(function)
    return keep(made) if KEY in function.__globals__ else made  # type: ignore[no-any-return]


def operation(function: Function) -> Any:
    """The function as the code of an operation, which is called at its ``address`` for as long as this object lives."""
    if KEY not in function.__globals__:
        return cfunc(CODE, error_model="numpy")(function)
    code = Callback(function, (CODE.args, CODE.return_type), locals={}, options={"error_model": "numpy"})
    code.enable_caching()
    code.compile()
    return code


class Vector(types.Type):  # type: ignore[misc]  # numba has no types
    """The type of a vector, for numba."""


vector = Vector("vector")
TILE, EIGHT, EIGHT_PLACES = (types.UniTuple(kind, HEIGHT) for kind in (vector, types.float64, types.intp))
LANES, _INT, _LONG = ir.VectorType(ir.DoubleType(), WIDTH), ir.IntType(32), ir.IntType(64)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, LANES)


def word(result: Any, *operands: Any, of: Function | None = None) -> Callable[[Function], Function]:
    """Makes a word of compiled code from a function that writes its instructions with an LLVM builder.

    The function gives what the word results in: one LLVM value, a list of those in a tuple, or None. Numba is given the
    types of result and operands; or ``of`` gives the signature by the types that the word is used with.
    """

    def declare(write: Function) -> Function:
        def typed(context: Any, *given: Any) -> Any:
            signature = of(*given) if of else result(*operands)
            return signature, build

        def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            found = write(builder, *arguments)
            if found is None:
                return target.get_dummy_value()
            return target.make_tuple(builder, signature.return_type, found) if isinstance(found, list) else found

        typed.__name__, typed.__doc__ = write.__name__, write.__doc__
        typed.__signature__ = inspect.signature(write)  # type: ignore[attr-defined]  # numba asks for its operands
        return intrinsic(typed)  # type: ignore[no-any-return]

    return declare


@intrinsic  # type: ignore[untyped-decorator]
def address(context: Any, array: Any) -> Any:
    """Where an array's numbers are; the caller keeps the array alive."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return target.make_array(signature.args[0])(target, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build


@word(None, of=lambda pointer, places: pointer(pointer, types.intp))
def beyond(builder: Any, pointer: Any, places: Any) -> Any:
    """The pointer moved on by a number of places."""
    return builder.gep(pointer, [places])


@word(types.intp, INTEGERS, types.intp)
def take(builder: Any, code: Any, place: Any) -> Any:
    """An integer of the code, as one that can be computed with."""
    return builder.zext(builder.load(builder.gep(code, [place])), place.type)


@word(types.void, types.intp, *CODE.args)
def call(
    builder: Any, place: Any, record: Any, s: Any, sg: Any, v: Any, g: Any, stride: Any, lanes: Any
) -> None:  # fmt: skip
    """Call the code of an operation, at that address."""
    arguments = [record, s, sg, v, g, stride, lanes]
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    builder.call(builder.inttoptr(place, kind.as_pointer()), arguments)


@word(types.boolean, types.float64)
def unreached(builder: Any, adjoint: Any) -> Any:
    """Whether a number is -0.0: as an adjoint, the symbolic zero."""
    return builder.icmp_unsigned("==", builder.bitcast(adjoint, _LONG), _LONG(1 << 63))


@compiled
def careful_product(local: float, upstream: float) -> float:
    """The product of the chain rule; the symbolic zero, an adjoint of -0.0 that nothing has reached, stays one."""
    return -0.0 if unreached(upstream) else local * upstream + 0.0


# ── Vectors ──────────────────────────────────────────────────────────────────────────────────────


@word(vector, FLOATS, types.intp)
def load(builder: Any, pointer: Any, place: Any) -> Any:
    """Numbers side by side."""
    return builder.load(as_vector(builder, builder.gep(pointer, [place])), align=8)


@word(types.void, FLOATS, types.intp, vector)
def store(builder: Any, pointer: Any, place: Any, numbers: Any) -> None:
    """Put numbers side by side."""
    builder.store(numbers, as_vector(builder, builder.gep(pointer, [place])), align=8)


@word(vector, types.float64)
def spread(builder: Any, number: Any) -> Any:
    """One number, several times."""
    return spread_number(builder, number)


@word(vector, FLOATS, INTEGERS, types.intp)
def gather(builder: Any, pointer: Any, code: Any, place: Any) -> Any:
    """Numbers from the places that the code names."""
    numbers = ir.Constant(LANES, ir.Undefined)
    for lane, named in enumerate(_named(builder, pointer, code, place)):
        numbers = builder.insert_element(numbers, builder.load(named), _INT(lane))
    return numbers


@word(types.void, FLOATS, INTEGERS, types.intp, vector)
def scatter(builder: Any, pointer: Any, code: Any, place: Any, numbers: Any) -> None:
    """Put numbers in the places that the code names."""
    for lane, named in enumerate(_named(builder, pointer, code, place)):
        builder.store(builder.extract_element(numbers, _INT(lane)), named)


@word(vector, vector, vector)
def plus(builder: Any, left: Any, right: Any) -> Any:
    """The sum of two vectors."""
    return builder.fadd(left, right)


@word(vector, vector, vector)
def minus(builder: Any, left: Any, right: Any) -> Any:
    """The difference of two vectors."""
    return builder.fsub(left, right)


@word(vector, vector, vector, vector)
def plus_product(builder: Any, summand: Any, left: Any, right: Any) -> Any:
    """The sum of a vector and the product of two, rounded twice."""
    return builder.fadd(summand, builder.fmul(left, right))


@word(types.float64, vector)
def sum_of(builder: Any, numbers: Any) -> Any:
    """The sum of a vector's numbers, as :func:`add_sums` takes it."""
    parts = [builder.extract_element(numbers, _INT(lane)) for lane in range(WIDTH)]
    while len(parts) > 1:
        parts = [builder.fadd(*parts[at : at + 2]) for at in range(0, len(parts), 2)]
    return parts[0]


# ── Tiles: eight vectors, or eight numbers, that stay in registers while a loop runs ─────────────


@word(EIGHT_PLACES, INTEGERS, types.intp, types.intp)
def places(builder: Any, code: Any, place: Any, stride: Any) -> Any:
    """Eight integers of the code, each times the stride."""
    numbers = [builder.load(builder.gep(code, [builder.add(place, place.type(at))])) for at in range(HEIGHT)]
    return [builder.mul(builder.zext(number, place.type), stride) for number in numbers]


@word(EIGHT, FLOATS, EIGHT_PLACES, types.intp)
def numbers(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    """The eight numbers at the places, each moved on by ``further``."""
    return [builder.load(place) for place in _further(builder, pointer, places, further)]


@word(types.void, FLOATS, EIGHT_PLACES, types.intp, EIGHT)
def put_numbers(builder: Any, pointer: Any, places: Any, further: Any, tile: Any) -> None:
    """Put eight numbers at the places, each moved on by ``further``."""
    for at, place in enumerate(_further(builder, pointer, places, further)):
        builder.store(builder.extract_value(tile, at), place)


@word(TILE, FLOATS, EIGHT_PLACES, types.intp)
def loads(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    """The eight vectors at the places, each moved on by ``further``."""
    found = _further(builder, pointer, places, further)
    return [builder.load(as_vector(builder, place), align=8) for place in found]


@word(types.void, FLOATS, EIGHT_PLACES, types.intp, TILE)
def stores(builder: Any, pointer: Any, places: Any, further: Any, tile: Any) -> None:
    """Put eight vectors at the places, each moved on by ``further``."""
    for at, place in enumerate(_further(builder, pointer, places, further)):
        builder.store(builder.extract_value(tile, at), as_vector(builder, place), align=8)


@word(TILE, EIGHT)
def spreads(builder: Any, numbers: Any) -> Any:
    """Eight numbers, each as a vector."""
    return [spread_number(builder, builder.extract_value(numbers, at)) for at in range(HEIGHT)]


@word(None, of=lambda tile, left, right: tile(tile, tile, tile.dtype))
def plus_products(builder: Any, tile: Any, left: Any, right: Any) -> Any:
    """For each of eight: summand + left · right, where the right factor is the same for all."""
    pairs = [[builder.extract_value(each, at) for each in (tile, left)] for at in range(HEIGHT)]
    return [builder.fadd(summand, builder.fmul(factor, right)) for summand, factor in pairs]


@word(types.void, FLOATS, types.intp, TILE)
def add_sums(builder: Any, pointer: Any, place: Any, tile: Any) -> None:
    """To each of eight numbers side by side, add the sum of a vector: a tree of sums of neighbours."""
    for first in range(0, HEIGHT, WIDTH):
        rows = [builder.extract_value(tile, first + at) for at in range(WIDTH)]
        half = 1
        while len(rows) > 1:
            # Of two vectors with partial sums of `half` rows each, one with those of twice as many.
            even = [at if not at & half else at - half + WIDTH for at in range(WIDTH)]
            odd = [at + half if not at & half else at + WIDTH for at in range(WIDTH)]
            masks = [ir.Constant(ir.VectorType(_INT, WIDTH), lanes) for lanes in (even, odd)]
            rows = [
                builder.fadd(*(builder.shuffle_vector(rows[at], rows[at + 1], mask) for mask in masks))
                for at in range(0, len(rows), 2)
            ]
            half *= 2
        sums = as_vector(builder, builder.gep(pointer, [builder.add(place, place.type(first))]))
        builder.store(builder.fadd(builder.load(sums, align=8), rows[0]), sums, align=8)


def spread_number(builder: Any, number: Any) -> Any:
    """One LLVM number as a vector."""
    one = builder.insert_element(ir.Constant(LANES, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT, WIDTH), [0] * WIDTH))


def as_vector(builder: Any, pointer: Any) -> Any:
    """The pointer to a number as one to a vector."""
    return builder.bitcast(pointer, LANES.as_pointer())


def _further(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    for at in range(HEIGHT):
        yield builder.gep(pointer, [builder.add(builder.extract_value(places, at), further)])


def _named(builder: Any, pointer: Any, code: Any, place: Any) -> Any:
    for lane in range(WIDTH):
        index = builder.load(builder.gep(code, [builder.add(place, place.type(lane))]))
        yield builder.gep(pointer, [builder.zext(index, place.type)])


EIGHT_ZEROS = (0.0,) * HEIGHT
IN_A_ROW = tuple(range(HEIGHT))
