"""Laws of saved traces, and of comparing them."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import Value, constant, where
from autodiff.tracing import Trace, compare, dumps, load, loading, loads, save, trace

PROGRAM = """
from autodiff import Value
from autodiff.tracing import dumps, trace
w, x = Value(0.1, label="w"), Value(0.7, label="ü")
print(dumps(trace((w * x).tanh() * w + x ** 3 - (w / 0.0))))
"""


def record(w: float = 0.5, label: str = "w") -> Trace:
    a, x = Value(w, label=label), Value(-2.0, label="x")
    return trace((a * x).tanh() * a + x)


def test_the_same_program_gives_the_same_bytes_in_every_process() -> None:
    def run(seed: str) -> bytes:
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, env=environment).stdout

    assert run("1") == run("2") != b""


@given(st.floats(), st.floats(), st.text(st.characters(), max_size=8))
def test_what_is_loaded_is_what_was_saved(w: float, seed: float, label: str) -> None:
    x = Value(w, label=label)
    recorded = trace(x * x.exp() / (x - 1.0) + constant(math.inf), seed)
    text = dumps(recorded)
    loaded = loads(text)
    assert dumps(loaded) == text
    assert compare(recorded, loaded) is None
    assert str(loaded) == str(recorded)
    loaded.check()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_symbolic_zeros_survive_and_numbers_stay_numbers() -> None:
    x = Value(0.0, label="x")
    recorded = trace(where(x, x.sqrt(), 2 * x) + x * (x - x) + x.relu())
    loaded = loads(dumps(recorded))
    loaded.check()
    assert [[*map(repr, step[4:6])] for step in loaded] == [[*map(repr, step[4:6])] for step in recorded]
    assert {repr(number) for step in loaded for number in step[4:6]} > {
        "0.0 (no dependence)",
        "0.0 (not computed)",
        "0.0",
    }


def test_a_trace_of_version_1_is_read_as_it_was_meant() -> None:
    """It had one zero, through which nothing flowed: on an untaken branch, and where a number was 0.0."""
    text = """{"format": "autodiff-trace", "version": 1, "seed": 1.0, "nodes": [
        ["x", "variable", 0.0, [], 0.0, 0.0], ["v1", "sqrt", 0.0, [0], 0.0, 0.0],
        ["v2", "constant", 0.0, [], null, null], ["v3", "multiply", 0.0, [1, 2], 1.0, 1.0]], "steps": [
        [0, 3, 1, 0, 0.0, 1.0, 0.0, 0.0, 0.0], [1, 1, 0, 0, "inf", 0.0, 0.0, 0.0, 0.0]]}"""
    loaded = loads(text)
    loaded.check()
    assert [step.contribution for step in loaded] == [0.0, 0.0]
    assert '"version": 2' in dumps(loaded)
    loads(dumps(loaded)).check()


def test_loading_takes_calls_that_grow_with_the_trace() -> None:
    def calls(steps: int) -> int:
        h = Value(1.0)
        for _ in range(steps):
            h = -h
        text = dumps(trace(h))
        count = 0

        def count_one(*_: object) -> None:
            nonlocal count
            count += 1

        sys.setprofile(count_one)
        try:
            loads(text)
        finally:
            sys.setprofile(None)
        return count

    few, many = calls(100), calls(1000)
    assert many < 10.5 * few


def test_negative_zero_and_non_finite_numbers_survive() -> None:
    for number in (-0.0, math.inf, -math.inf, math.nan, 5e-324):
        loaded = loads(dumps(trace(-Value(number, label="x"))))
        assert repr(loaded.node("x").data) == repr(number)


def test_files_are_written_and_read(tmp_path: Path) -> None:
    path = save(record(), tmp_path / "a.json")
    first = path.read_bytes()
    assert load(path) == record()
    assert save(load(path), tmp_path / "b.json").read_bytes() == first
    assert b"\r" not in first
    part = record()[1:3]
    assert loads(dumps(part)).steps == part.steps


def test_a_graph_without_steps_is_saved_too() -> None:
    assert compare(loads(dumps(trace(Value(2.0)))), trace(Value(2.0))) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no JSON"),
        (b"\xff\xfe\x00", "not a saved trace"),
        ("[" * 100_000, "nested too deeply"),
        ("[1, 2]", '"format": "autodiff-trace"'),
        ('{"format": "other"}', "not a saved trace"),
        ('{"format": "autodiff-trace", "version": 3}', "version 3 cannot be read: it must be 1 to 2"),
        ('{"format": "autodiff-trace", "version": true}', "version True"),
        ('{"format": "autodiff-trace", "version": 2, "seed": "1"}', "the seed must be a number, not '1'"),
        ('{"format": "autodiff-trace", "version": 2, "seed": 1.0, "nodes": []}', "no nodes"),
        ('{"format": "x", "format": "autodiff-trace", "version": 2}', "the key 'format' is there twice"),
        ('{"format": "autodiff-trace", "version": 2, "seed": {"a": 1, "a": 1}}', "the key 'a' is there twice"),
        ('{"format": "autodiff-trace", "version": 2, "seed": NaN}', "NaN is no number of JSON"),
        ('{"format": "autodiff-trace", "version": 2, "seed": -Infinity}', "-Infinity is no number of JSON"),
        ('{"format": "autodiff-trace", "version": 2, "seed": 1e999}', "the seed must be a number"),
        ('{"format": "autodiff-trace", "version": ' + "9" * 10_000 + "}", "no JSON"),
        ('{"format": "autodiff-trace", "version": 2, "seed": ' + "[" * 500 + "]" * 500 + "}", "the seed must be"),
        (
            '{"format": "autodiff-trace", "version": 2, "seed": ' + "[" * 99_000 + "]" * 99_000 + "}",
            "nested too deeply",
        ),
        ('{"a":' * 99_000 + "1" + "}" * 99_000, "nested too deeply"),
    ],
)
def test_foreign_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        loads(text)


def test_a_text_of_absurd_length_is_refused_unread(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = dumps(record())
    monkeypatch.setattr(loading, "LARGEST", len(text))
    assert loads(text) == record()
    with pytest.raises(ValueError, match="more than"):
        loads(text + " ")
    (tmp_path / "trace.json").write_text(text + " ")
    with pytest.raises(ValueError, match=r"trace\.json: .*more than"):
        load(tmp_path / "trace.json")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="there is no endless device here")
def test_an_endless_file_is_read_no_further_than_a_trace_may_be_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LARGEST", 10**6)
    with pytest.raises(ValueError, match="/dev/zero: this is not a saved trace"):
        load("/dev/zero")


def test_damage_is_found_wherever_it_is() -> None:
    good = json.loads(dumps(record()))
    broken: list[object] = [None, [], {}, "x", -1, 10**6, True]
    for kind in ("nodes", "steps"):
        for place, row in enumerate(good[kind]):
            for column in range(len(row)):
                for wrong in broken:
                    is_text = kind == "nodes" and column in (0, 1) and isinstance(wrong, str)
                    if is_text or (kind == "nodes" and column == 3 and wrong == []):
                        continue  # another name, another operation or a leaf instead: a trace all the same
                    bad = json.loads(json.dumps(good))
                    bad[kind][place][column] = wrong
                    with pytest.raises(ValueError, match="damaged"):
                        loads(json.dumps(bad))


def test_an_error_of_a_file_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ValueError, match=r"x\.json: this is not a saved trace"):
        load(tmp_path / "x.json")
    with pytest.raises(TypeError, match="needs a Trace"):
        save(3, tmp_path / "y.json")  # type: ignore[arg-type]


def test_only_traces_are_compared() -> None:
    for pair in ((record(), 3), (3, record())):
        with pytest.raises(TypeError, match="compare needs two Traces, such as trace\\(loss\\), not int"):
            compare(*pair)  # type: ignore[arg-type]


def test_comparing_names_the_first_step_that_differs() -> None:
    good = record()
    for place, step in enumerate(good):
        for field in ("local", "upstream", "contribution", "before", "after"):
            changed = step._replace(**{field: getattr(step, field) + 0.5})
            other = Trace(good.nodes, (*good.steps[:place], changed, *good.steps[place + 1 :]))
            difference = compare(good, other)
            assert difference is not None
            assert difference.place == place
            assert difference.how == (f"{field} {getattr(step, field)!r} and {getattr(changed, field)!r}",)


def test_other_edges_and_other_lengths_are_differences() -> None:
    assert "edge ∂v4/∂w (multiply) and ∂v4/∂q (multiply)" in str(compare(record(), record(label="q")))
    assert str(compare(record(), record()[:2])) == "step 2 differs: the second trace has ended"
    assert "goes on" in str(compare(record()[:2], record()))
    assert "seed" not in str(compare(trace(Value(1.0)), trace(Value(2.0))))
    assert str(compare(trace(Value(1.0)), trace(Value(2.0)))).startswith("the steps agree, but not the nodes: 'v0'")


def test_a_tolerance_forgives_what_is_smaller() -> None:
    a, b = record(0.5), record(0.5 * (1 + 1e-12))
    assert compare(a, b) is not None
    assert compare(a, b, tolerance=1e-9) is None
    with pytest.raises(ValueError, match="tolerance"):
        compare(a, b, tolerance=math.nan)
