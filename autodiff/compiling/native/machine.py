"""What compiled code needs and Python has no word for: pointers, calls by address, vectors, and tiles of vectors.

A vector's operations are those of IEEE 754 on each of its numbers. Multiplication and addition are not fused, so that
what is computed for one observation has the bits that the eager engine gives it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import cfunc, config, njit, types
from numba.extending import intrinsic, models, register_model

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
    return njit(cache=_has_file(function), **OPTIONS)(function)  # type: ignore[no-any-return]


def operation(function: Function) -> Any:
    """The function as the code of an operation, which is called at its ``address`` for as long as this object lives."""
    return cfunc(CODE, cache=_has_file(function), error_model="numpy")(function)


def _has_file(function: Function) -> bool:
    """Whether machine code can be kept on disk, beside the source."""
    return not function.__code__.co_filename.startswith("<")


instruction: Callable[[Function], Function] = intrinsic
"""Makes a word of compiled code from a function of types, which says how the word's instructions are written."""


class Vector(types.Type):  # type: ignore[misc]  # numba has no types
    """The type of a vector, for numba."""


vector = Vector("vector")
_DOUBLE, _LANES, _INT = ir.DoubleType(), ir.VectorType(ir.DoubleType(), WIDTH), ir.IntType(32)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _LANES)


Typing = tuple[Any, Function]


@instruction
def address(context: Any, array: Any) -> Typing:
    """Where an array's numbers are; the caller keeps the array alive."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return target.make_array(signature.args[0])(target, builder, arguments[0]).data

    return types.CPointer(array.dtype)(array), build


@instruction
def beyond(context: Any, pointer: Any, places: Any) -> Typing:
    """The pointer moved on by a number of places."""
    return pointer(pointer, types.intp), lambda target, builder, signature, arguments: builder.gep(
        arguments[0], [arguments[1]]
    )


@instruction
def take(context: Any, code: Any, place: Any) -> Typing:
    """An integer of the code, as one that can be computed with."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.zext(builder.load(builder.gep(arguments[0], [arguments[1]])), arguments[1].type)

    return types.intp(INTEGERS, types.intp), build


@instruction
def call(context: Any, place: Any, record: Any, s: Any, sg: Any, v: Any, g: Any, stride: Any, lanes: Any) -> Typing:
    """Call the code of an operation, at that address."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments[1:]])
        builder.call(builder.inttoptr(arguments[0], kind.as_pointer()), arguments[1:])
        return target.get_dummy_value()

    return types.void(types.intp, *CODE.args), build


@instruction
def load(context: Any, pointer: Any, place: Any) -> Typing:
    """Numbers side by side."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(_places(builder, *arguments), align=8)

    return vector(FLOATS, types.intp), build


@instruction
def store(context: Any, pointer: Any, place: Any, numbers: Any) -> Typing:
    """Put numbers side by side."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], _places(builder, *arguments[:2]), align=8)
        return target.get_dummy_value()

    return types.void(FLOATS, types.intp, vector), build


@instruction
def spread(context: Any, number: Any) -> Typing:
    """One number, several times."""
    return vector(types.float64), lambda target, builder, signature, arguments: _spread(builder, *arguments)


@instruction
def gather(context: Any, pointer: Any, code: Any, place: Any) -> Typing:
    """Numbers from the places that the code names."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        numbers = ir.Constant(_LANES, ir.Undefined)
        for lane, place in enumerate(_named(builder, *arguments)):
            numbers = builder.insert_element(numbers, builder.load(place), _INT(lane))
        return numbers

    return vector(FLOATS, INTEGERS, types.intp), build


@instruction
def scatter(context: Any, pointer: Any, code: Any, place: Any, numbers: Any) -> Typing:
    """Put numbers in the places that the code names."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for lane, place in enumerate(_named(builder, *arguments[:3])):
            builder.store(builder.extract_element(arguments[3], _INT(lane)), place)
        return target.get_dummy_value()

    return types.void(FLOATS, INTEGERS, types.intp, vector), build


@instruction
def plus(context: Any, left: Any, right: Any) -> Typing:
    """The sum of two vectors."""
    return vector(vector, vector), lambda target, builder, signature, arguments: builder.fadd(*arguments)


@instruction
def plus_product(context: Any, summand: Any, left: Any, right: Any) -> Typing:
    """The sum of a vector and the product of two, rounded twice."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fadd(arguments[0], builder.fmul(*arguments[1:]))

    return vector(vector, vector, vector), build


@instruction
def sum_of(context: Any, numbers: Any) -> Typing:
    """The sum of a vector's numbers, as :func:`add_sums` takes it."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        parts = [builder.extract_element(arguments[0], _INT(lane)) for lane in range(WIDTH)]
        while len(parts) > 1:
            parts = [builder.fadd(*parts[at : at + 2]) for at in range(0, len(parts), 2)]
        return parts[0]

    return types.float64(vector), build


@instruction
def unreached(context: Any, adjoint: Any) -> Typing:
    """Whether a number is -0.0: as an adjoint, the symbolic zero."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        return builder.icmp_unsigned("==", builder.bitcast(arguments[0], word), word(1 << 63))

    return types.boolean(types.float64), build


# ── Tiles: eight vectors, or eight numbers, that stay in registers while a loop runs ─────────────


TILE, EIGHT, EIGHT_PLACES = (types.UniTuple(kind, HEIGHT) for kind in (vector, types.float64, types.intp))


@instruction
def places(context: Any, code: Any, place: Any, stride: Any) -> Typing:
    """Eight integers of the code, each times the stride."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, place, stride = arguments
        found = []
        for at in range(HEIGHT):
            index = builder.load(builder.gep(pointer, [builder.add(place, place.type(at))]))
            found.append(builder.mul(builder.zext(index, place.type), stride))
        return target.make_tuple(builder, EIGHT_PLACES, found)

    return EIGHT_PLACES(INTEGERS, types.intp, types.intp), build


@instruction
def numbers(context: Any, pointer: Any, places: Any, further: Any) -> Typing:
    """The eight numbers at the places, each moved on by ``further``."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = [builder.load(place) for place in _further(builder, *arguments)]
        return target.make_tuple(builder, EIGHT, found)

    return EIGHT(FLOATS, EIGHT_PLACES, types.intp), build


@instruction
def put_numbers(context: Any, pointer: Any, places: Any, further: Any, tile: Any) -> Typing:
    """Put eight numbers at the places, each moved on by ``further``."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for at, place in enumerate(_further(builder, *arguments[:3])):
            builder.store(builder.extract_value(arguments[3], at), place)
        return target.get_dummy_value()

    return types.void(FLOATS, EIGHT_PLACES, types.intp, EIGHT), build


@instruction
def loads(context: Any, pointer: Any, places: Any, further: Any) -> Typing:
    """The eight vectors at the places, each moved on by ``further``."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = [
            builder.load(builder.bitcast(place, _LANES.as_pointer()), align=8)
            for place in _further(builder, *arguments)
        ]
        return target.make_tuple(builder, TILE, found)

    return TILE(FLOATS, EIGHT_PLACES, types.intp), build


@instruction
def stores(context: Any, pointer: Any, places: Any, further: Any, tile: Any) -> Typing:
    """Put eight vectors at the places, each moved on by ``further``."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for at, place in enumerate(_further(builder, *arguments[:3])):
            vector_place = builder.bitcast(place, _LANES.as_pointer())
            builder.store(builder.extract_value(arguments[3], at), vector_place, align=8)
        return target.get_dummy_value()

    return types.void(FLOATS, EIGHT_PLACES, types.intp, TILE), build


@instruction
def spreads(context: Any, numbers: Any) -> Typing:
    """Eight numbers, each as a vector."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = [_spread(builder, builder.extract_value(arguments[0], at)) for at in range(HEIGHT)]
        return target.make_tuple(builder, TILE, found)

    return TILE(EIGHT), build


@instruction
def plus_products(context: Any, tile: Any, left: Any, right: Any) -> Typing:
    """For each of eight: summand + left · right, where the right factor is the same for all."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = []
        for at in range(HEIGHT):
            summand, factor = (builder.extract_value(argument, at) for argument in arguments[:2])
            found.append(builder.fadd(summand, builder.fmul(factor, arguments[2])))
        return target.make_tuple(builder, tile, found)

    return tile(tile, tile, tile.dtype), build


@instruction
def add_sums(context: Any, pointer: Any, place: Any, tile: Any) -> Typing:
    """To each of eight numbers side by side, add the sum of a vector: a tree of sums of neighbours."""

    def build(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer, place, tile = arguments
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
            numbers = _places(builder, pointer, builder.add(place, place.type(first)))
            builder.store(builder.fadd(builder.load(numbers, align=8), rows[0]), numbers, align=8)
        return target.get_dummy_value()

    return types.void(FLOATS, types.intp, TILE), build


def _places(builder: Any, pointer: Any, place: Any) -> Any:
    return builder.bitcast(builder.gep(pointer, [place]), _LANES.as_pointer())


def _further(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    for at in range(HEIGHT):
        yield builder.gep(pointer, [builder.add(builder.extract_value(places, at), further)])


def _spread(builder: Any, number: Any) -> Any:
    one = builder.insert_element(ir.Constant(_LANES, ir.Undefined), number, _INT(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(_INT, WIDTH), [0] * WIDTH))


def _named(builder: Any, pointer: Any, code: Any, place: Any) -> Any:
    for lane in range(WIDTH):
        index = builder.load(builder.gep(code, [builder.add(place, place.type(lane))]))
        yield builder.gep(pointer, [builder.zext(index, place.type)])


EIGHT_ZEROS = (0.0,) * HEIGHT
IN_A_ROW = tuple(range(HEIGHT))


@compiled
def careful_product(local: float, upstream: float) -> float:
    """The product of the chain rule; the symbolic zero, an adjoint of -0.0 that nothing has reached, stays one."""
    return -0.0 if unreached(upstream) else local * upstream + 0.0
