"""The words of compiled code: what Python has no word for. Pointers, calls by address, vectors, and tiles of vectors.

A word is a function that writes its instructions with an LLVM builder; :mod:`~autodiff.compiling.native.language` says
what else there is. A vector's operations are those of IEEE 754 on each of its numbers. Multiplication and addition are
not fused, so that what is computed for one observation has the bits that the eager engine gives it; but in ``fused``,
for what is added up over observations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import update_wrapper
from typing import Any, TypeAlias

from llvmlite import binding, ir

FEATURES = binding.get_host_cpu_features().flatten()
WIDTH = 8 if "+avx512f" in FEATURES else 4
"""How many numbers a vector holds: such that a tile and what it is multiplied with fit into the registers."""
HEIGHT = 8
"""How many vectors a tile holds."""
DOUBLE, LONG, INT, BIT = ir.DoubleType(), ir.IntType(64), ir.IntType(32), ir.IntType(1)
LANES = ir.VectorType(DOUBLE, WIDTH)
TILE, EIGHT, EIGHT_PLACES = (ir.ArrayType(kind, HEIGHT) for kind in (LANES, DOUBLE, LONG))
Floats: TypeAlias = Any
Integers: TypeAlias = Any
Longs: TypeAlias = Any
KINDS = {
    "float": DOUBLE, "int": LONG, "bool": BIT, "None": ir.VoidType(), "Floats": DOUBLE.as_pointer(),
    "Integers": INT.as_pointer(), "Longs": LONG.as_pointer(),
}  # fmt: skip
"""The types of operands and results, by their annotations: numbers, and pointers to numbers."""
CODE = "record: Integers, s: Floats, sg: Floats, v: Floats, g: Floats, stride: int, lanes: int"
"""The operands of the code of an operation: its record, the scalars and their adjoints, the rows and their adjoints,
the distance of two rows, and the number of lanes."""


class Word:
    """A word of compiled code; ``write`` is given the builder and LLVM's values, and gives one, several, or none."""

    def __init__(self, write: Callable[..., Any]) -> None:
        self.write = write
        update_wrapper(self, write)

    def __call__(self, *operands: Any) -> Any:
        """Only compiled code has words."""
        raise TypeError(f"{self.write.__name__} is a word of compiled code, which Python cannot run")


@Word
def beyond(builder: Any, pointer: Any, places: Any) -> Any:
    """The pointer moved on by a number of places."""
    return builder.gep(pointer, [places])


@Word
def integers(builder: Any, call: Any, place: Any) -> Any:
    """The pointer to integers that stands there."""
    return builder.inttoptr(builder.load(builder.gep(call, [place])), KINDS["Integers"])


@Word
def longs(builder: Any, call: Any, place: Any) -> Any:
    """The pointer to long integers that stands there."""
    return builder.inttoptr(builder.load(builder.gep(call, [place])), KINDS["Longs"])


@Word
def floats(builder: Any, call: Any, place: Any) -> Any:
    """The pointer to numbers that stands there."""
    return builder.inttoptr(builder.load(builder.gep(call, [place])), KINDS["Floats"])


@Word
def take(builder: Any, code: Any, place: Any) -> Any:
    """An integer of the code, as one that can be computed with."""
    return builder.zext(builder.load(builder.gep(code, [place])), LONG)


@Word
def address_of(builder: Any, pointer: Any) -> Any:
    """The address of a number."""
    return builder.ptrtoint(pointer, LONG)


@Word
def as_longs(builder: Any, pointer: Any) -> Any:
    """The pointer to a number as one to a long integer."""
    return builder.bitcast(pointer, KINDS["Longs"])


@Word
def call(builder: Any, place: Any, *arguments: Any) -> None:
    """Call the code at that address."""
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    builder.call(builder.inttoptr(place, kind.as_pointer()), arguments)


@Word
def unreached(builder: Any, adjoint: Any) -> Any:
    """Whether a number is -0.0: as an adjoint, the symbolic zero."""
    return builder.icmp_unsigned("==", builder.bitcast(adjoint, LONG), LONG(1 << 63))


def careful_product(local: float, upstream: float) -> float:
    """The product of the chain rule; the symbolic zero, an adjoint of -0.0 that nothing has reached, stays one."""
    return -0.0 if unreached(upstream) else local * upstream + 0.0


# ── Vectors ──────────────────────────────────────────────────────────────────────────────────────


@Word
def load(builder: Any, pointer: Any, place: Any) -> Any:
    """Numbers side by side."""
    return builder.load(as_vector(builder, builder.gep(pointer, [place])), align=8)


@Word
def store(builder: Any, pointer: Any, place: Any, numbers: Any) -> None:
    """Put numbers side by side, or one number in all of these places."""
    numbers = numbers if numbers.type == LANES else spread_number(builder, numbers)
    builder.store(numbers, as_vector(builder, builder.gep(pointer, [place])), align=8)


@Word
def spread(builder: Any, number: Any) -> Any:
    """One number, several times."""
    return spread_number(builder, number)


@Word
def fused(builder: Any, summand: Any, left: Any, right: Any) -> Any:
    """The vector summand + left · right, rounded once where processors can: for sums over observations alone."""
    right = right if right.type == LANES else spread_number(builder, right)
    if "+fma" not in FEATURES:
        return builder.fadd(summand, builder.fmul(left, right))
    return builder.call(intrinsic(builder.module, "llvm.fma", LANES, 3), [left, right, summand])


@Word
def gather(builder: Any, pointer: Any, code: Any, place: Any) -> Any:
    """Numbers from the places that the code names."""
    numbers = ir.Constant(LANES, ir.Undefined)
    for lane, named in enumerate(_named(builder, pointer, code, place)):
        numbers = builder.insert_element(numbers, builder.load(named), INT(lane))
    return numbers


@Word
def scatter(builder: Any, pointer: Any, code: Any, place: Any, numbers: Any) -> None:
    """Put numbers in the places that the code names."""
    for lane, named in enumerate(_named(builder, pointer, code, place)):
        builder.store(builder.extract_element(numbers, INT(lane)), named)


@Word
def sum_of(builder: Any, numbers: Any) -> Any:
    """The sum of a vector's numbers, as :func:`add_sums` takes it."""
    parts = [builder.extract_element(numbers, INT(lane)) for lane in range(WIDTH)]
    while len(parts) > 1:
        parts = [builder.fadd(*parts[at : at + 2]) for at in range(0, len(parts), 2)]
    return parts[0]


# ── Tiles: eight vectors, or eight numbers, that stay in registers while a loop runs ─────────────


@Word
def places(builder: Any, code: Any, place: Any, stride: Any) -> Any:
    """Eight integers of the code, each times the stride."""
    numbers = [builder.load(builder.gep(code, [builder.add(place, place.type(at))])) for at in range(HEIGHT)]
    return [builder.mul(builder.zext(number, place.type), stride) for number in numbers]


@Word
def numbers(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    """The eight numbers at the places, each moved on by ``further``."""
    return [builder.load(place) for place in _further(builder, pointer, places, further)]


@Word
def put_numbers(builder: Any, pointer: Any, places: Any, further: Any, tile: Any) -> None:
    """Put eight numbers at the places, each moved on by ``further``."""
    for at, place in enumerate(_further(builder, pointer, places, further)):
        builder.store(builder.extract_value(tile, at), place)


@Word
def loads(builder: Any, pointer: Any, places: Any, further: Any) -> Any:
    """The eight vectors at the places, each moved on by ``further``."""
    found = _further(builder, pointer, places, further)
    return [builder.load(as_vector(builder, place), align=8) for place in found]


@Word
def stores(builder: Any, pointer: Any, places: Any, further: Any, tile: Any) -> None:
    """Put eight vectors at the places, each moved on by ``further``."""
    for at, place in enumerate(_further(builder, pointer, places, further)):
        builder.store(builder.extract_value(tile, at), as_vector(builder, place), align=8)


@Word
def spreads(builder: Any, numbers: Any) -> Any:
    """Eight numbers, each as a vector."""
    return [spread_number(builder, builder.extract_value(numbers, at)) for at in range(HEIGHT)]


@Word
def plus_products(builder: Any, tile: Any, left: Any, right: Any) -> Any:
    """For each of eight: summand + left · right, where the right factor is the same for all."""
    pairs = [[builder.extract_value(each, at) for each in (tile, left)] for at in range(HEIGHT)]
    return [builder.fadd(summand, builder.fmul(factor, right)) for summand, factor in pairs]


@Word
def plus_fused(builder: Any, tile: Any, left: Any, right: Any) -> Any:
    """As ``plus_products``, but each is ``fused``."""
    pairs = [[builder.extract_value(each, at) for each in (tile, left)] for at in range(HEIGHT)]
    return [fused.write(builder, summand, factor, right) for summand, factor in pairs]


@Word
def add_sums(builder: Any, pointer: Any, place: Any, tile: Any) -> None:
    """To each of eight numbers side by side, add the sum of a vector: a tree of sums of neighbours."""
    for first in range(0, HEIGHT, WIDTH):
        rows = [builder.extract_value(tile, first + at) for at in range(WIDTH)]
        half = 1
        while len(rows) > 1:
            # Of two vectors with partial sums of `half` rows each, one with those of twice as many.
            even = [at if not at & half else at - half + WIDTH for at in range(WIDTH)]
            odd = [at + half if not at & half else at + WIDTH for at in range(WIDTH)]
            masks = [ir.Constant(ir.VectorType(INT, WIDTH), lanes) for lanes in (even, odd)]
            rows = [
                builder.fadd(*(builder.shuffle_vector(rows[at], rows[at + 1], mask) for mask in masks))
                for at in range(0, len(rows), 2)
            ]
            half *= 2
        sums = as_vector(builder, builder.gep(pointer, [builder.add(place, place.type(first))]))
        builder.store(builder.fadd(builder.load(sums, align=8), rows[0]), sums, align=8)


def spread_number(builder: Any, number: Any) -> Any:
    """One LLVM number as a vector."""
    one = builder.insert_element(ir.Constant(LANES, ir.Undefined), number, INT(0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(INT, WIDTH), [0] * WIDTH))


def intrinsic(module: Any, name: str, kind: Any, arity: int) -> Any:
    """What LLVM itself has, for numbers or vectors."""
    name = f"{name}.{'f64' if kind == DOUBLE else f'v{WIDTH}f64'}"
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(kind, [kind] * arity), name)


def as_vector(builder: Any, pointer: Any) -> Any:
    """The pointer to a number as one to a vector."""
    return builder.bitcast(pointer, LANES.as_pointer())


def _further(builder: Any, pointer: Any, places: Any, further: Any) -> Iterator[Any]:
    for at in range(HEIGHT):
        yield builder.gep(pointer, [builder.add(builder.extract_value(places, at), further)])


def _named(builder: Any, pointer: Any, code: Any, place: Any) -> Iterator[Any]:
    for lane in range(WIDTH):
        index = builder.load(builder.gep(code, [builder.add(place, place.type(lane))]))
        yield builder.gep(pointer, [builder.zext(index, place.type)])


EIGHT_ZEROS = (0.0,) * HEIGHT
IN_A_ROW = tuple(range(HEIGHT))
