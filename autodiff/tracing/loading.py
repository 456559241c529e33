"""``loads`` and ``load``: saved traces, read with care, since a file may hold anything."""

from __future__ import annotations

import json
import math
import os
import reprlib
from typing import Any

from autodiff.tracing.steps import TracedNode, TracedStep
from autodiff.tracing.storage import FORMAT, VERSION
from autodiff.tracing.views import Trace
from autodiff.zeros import NOT_COMPUTED, ZERO

LARGEST = 2**29
"""Bytes of the longest text that is read: some millions of steps."""
NON_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def loads(text: str | bytes) -> Trace:
    """The trace of a text that :func:`dumps` wrote. Its nodes are known by name only.

    It takes time and memory in proportion to the text, whatever that is.

    Raises:
        ValueError: the text is no saved trace, is of another version, is damaged, or longer than ``LARGEST``; the
            message says where.
    """
    if len(text) > LARGEST:
        raise ValueError(f"this is not a saved trace that can be read: it has more than {LARGEST} bytes")
    try:
        saved = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("this is not a saved trace: its JSON is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"this is not a saved trace: no JSON ({error})") from None
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise ValueError(f'this is not a saved trace: it must be a JSON object with "format": "{FORMAT}"')
    version = saved.get("version")
    if type(version) is not int or not 1 <= version <= VERSION:
        raise ValueError(f"a saved trace of version {version!r:.40} cannot be read: it must be 1 to {VERSION}")
    seed = _number(saved.get("seed"), "the seed")
    rows = _list(saved.get("nodes"), "nodes")
    nodes = tuple(_node(row, place) for place, row in enumerate(rows))
    if not nodes:
        raise ValueError("this saved trace is damaged: it has no nodes")
    whole = sum(len(node.operands) for node in nodes)
    steps = [_step(row, nodes, whole, f"step row {n}") for n, row in enumerate(_list(saved.get("steps"), "steps"))]
    return Trace(nodes, tuple(map(_of_version_1, steps) if version == 1 else steps), seed)


def load(path: str | os.PathLike[str]) -> Trace:
    """The trace that :func:`save` wrote to a file.

    Raises:
        OSError: the file cannot be read.
        ValueError: as :func:`loads`, with the path.
    """
    with open(path, "rb") as file:
        text = file.read(LARGEST + 1)  # a device may have no end
    try:
        return loads(text)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r:.60} is there twice")
        found[key] = value
    return found


def _no_constant(name: str) -> float:
    raise ValueError(f'{name} is no number of JSON, "nan", "inf" and "-inf" are written as texts')


def _damaged(where: str, needed: str, given: object) -> ValueError:
    return ValueError(f"this saved trace is damaged: {where} must be {needed}, not {reprlib.repr(given):.60}")


def _list(given: Any, where: str, length: int | None = None) -> list[Any]:
    if not isinstance(given, list) or (length is not None and len(given) != length):
        raise _damaged(where, "a list" + (f" of {length}" if length else ""), given)
    return given


def _number(given: Any, where: str, zero: float | None = None) -> float:
    """A number; the integer 0 stands for that symbolic zero, where one may stand."""
    if given == 0 and type(given) is int and zero is not None:
        return zero
    if isinstance(given, str) and given in NON_FINITE:
        return NON_FINITE[given]
    if not isinstance(given, float) or not math.isfinite(given):  # as JSON, 1e999 is a number
        raise _damaged(where, "a number", given)
    return given


def _place(given: Any, below: int, where: str) -> int:
    if type(given) is not int or not 0 <= given < below:
        raise _damaged(where, f"an int from 0 to {below - 1}", given)
    return given


def _node(row: Any, place: int) -> TracedNode:
    where = f"node {place}"
    source = row[6] if isinstance(row, list) and len(row) == 7 else ""
    name, op, data, operands, initial, gradient = _list(row[:6] if source else row, where, 6)
    if not all(isinstance(text, str) for text in (name, op, source)):
        raise _damaged(where, "a name and an operation first, and a source last if there is one", row)
    places = tuple(_place(operand, place, f"an operand of {where}") for operand in _list(operands, where))
    ends = [None if number is None else _number(number, where) for number in (initial, gradient)]
    if None in ends and ends != [None, None]:
        raise _damaged(where, "with both gradients or none", row)
    return TracedNode(place, name, op, _number(data, where), places, ends[0], ends[1], source)


def _step(row: Any, nodes: tuple[TracedNode, ...], whole: int, where: str) -> TracedStep:
    """The step of a row; the whole pass has that many at most."""
    place, node, parent, position, local, upstream, *sums = _list(row, where, 9)
    out = nodes[_place(node, len(nodes), where)]
    _place(position, len(out.operands), where)
    if out.operands[position] != _place(parent, len(nodes), where):
        raise _damaged(where, f"an edge to operand {out.operands[position]}", parent)
    return TracedStep(
        _place(place, whole, where), out, nodes[parent], position,
        _number(local, where, ZERO), _number(upstream, where, NOT_COMPUTED), *(_number(sum_, where) for sum_ in sums),
    )  # fmt: skip


def _of_version_1(step: TracedStep) -> TracedStep:
    """The step with the zero that nothing flowed through as a symbolic one: version 1 had numbers alone."""
    product = step.local * step.upstream
    if product == product or step.contribution != 0:
        return step
    return step._replace(local=ZERO) if step.local == 0 else step._replace(upstream=NOT_COMPUTED)
