"""Real debuggers over the installed engine, where it is library code: pdb by script, debugpy over its protocol."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import autodiff
from tests.tracing.debuggers import Debugger, debugpy, install, pdb

PROGRAM = """\
from autodiff import Value
w, x, b = Value(3.0, label="w"), Value(-2.0, label="x"), Value(5.0, label="b")
h = w * x
h.label = "h"
loss = (h + b) ** 2
for step in loss.backward_steps():
    out, parent, local = step.node, step.parent, step.local
print("end")
"""
LOOP, BODY, END = 6, 7, 8
PRODUCTS = ["v6 → v4", "v4 → h", "v4 → b", "h → w", "h → x"]

WATCHING = """\
from autodiff import Value
from autodiff.tracing import non_finite, watch
def train(rate):
    w = Value(0.0, label="w")
    h = w.sqrt()
    loss = h * 3.0
    loss.backward(on_step=watch(w, when=non_finite))
    return rate
train(0.1)
print("end")
"""
STOP = 7

ONE_PASS = """\
from {engine} import Value
a, b, c = Value(2.0), Value(-3.0), Value(10.0)
e = a * b
d = e + c
loss = d.relu()
loss.backward()
print("end")
"""
PASS = 6
NUMBER_OF_PRODUCTS = 5


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed") / "venv")


def written(folder: Path, text: str) -> Path:
    program = folder / "train.py"
    program.write_text(text, encoding="utf-8")
    return program


def lines(answers: list[str]) -> list[tuple[str, int, str]]:
    """Where each stop of pdb is: file, line and function."""
    places = [re.search(r"^> (.+)\((\d+)\)([\w<>]+)\(\)", answer, re.MULTILINE) for answer in answers]
    return [(Path(place[1]).name, int(place[2]), place[3]) for place in places if place]


def stops(answers: list[str], last: int) -> list[tuple[str, int, str]]:
    """The stops after the one at line ``last`` of the program, until the program goes on behind it."""
    found = lines(answers)
    found = found[found.index(("train.py", last, "<module>")) + 1 :]
    return found[: next(n for n, (file, line, _) in enumerate(found) if file == "train.py" and line > last)]


def test_the_engine_is_installed_and_not_the_one_of_the_checkout(python: Path, tmp_path: Path) -> None:
    program = written(tmp_path, "import autodiff\nprint(autodiff.__file__)\n")
    answer = pdb(python, program, ["next", "next"])[2]
    assert "site-packages" in answer
    assert str(Path(autodiff.__file__).parent) not in answer


# ── pdb ──────────────────────────────────────────────────────────────────────────────────────────


def test_pdb_steps_through_the_products_in_the_users_own_loop(python: Path, tmp_path: Path) -> None:
    shown = ["p step.node_name, step.parent_name, step.contribution", "next", "next"]
    answers = pdb(python, written(tmp_path, PROGRAM), [f"until {BODY}", *shown * len(PRODUCTS), "continue", "quit"])
    assert [answer for answer in answers if answer.startswith("('")] == [
        "('v6', 'v4', -2.0)", "('v4', 'h', -2.0)", "('v4', 'b', -2.0)", "('h', 'w', 4.0)", "('h', 'x', -6.0)",
    ]  # fmt: skip


def test_pdb_stops_where_a_condition_on_a_label_holds(python: Path, tmp_path: Path) -> None:
    program = written(tmp_path, PROGRAM)
    condition = 'step.node.label == "h"'
    answers = pdb(python, program, [f"break {BODY}, {condition}", *["continue", "print(step)"] * 2, "continue", "quit"])
    assert [answer for answer in answers if answer.startswith("∂")] == [
        "∂L/∂w += ∂h/∂w · ∂L/∂h = −2.0 × −2.0 = 4.0",
        "∂L/∂x += ∂h/∂x · ∂L/∂h = 3.0 × −2.0 = −6.0",
    ]


def test_pdb_lands_on_the_row_of_an_operation(python: Path, tmp_path: Path) -> None:
    answers = pdb(python, written(tmp_path, PROGRAM), ["until 6", *["step"] * 500, "quit"])
    assert 'multiply = operation("multiply"' in "".join(answers)


def test_a_watch_stops_in_the_users_frame_with_its_variables(python: Path, tmp_path: Path) -> None:
    commands = ["p step.contribution, rate, w.grad", "where", "continue"]
    first, numbers, stack, end = pdb(python, written(tmp_path, WATCHING), commands, under=False)
    assert lines([first]) == [("train.py", STOP, "train")]
    assert "--Return--" not in first
    assert numbers == "(inf, 0.1, inf)"
    assert f"train.py({STOP})train()" in stack.replace(" ", "")
    assert end == "end"


def test_pythonbreakpoint_says_which_debugger_a_watch_calls(python: Path, tmp_path: Path) -> None:
    program = written(tmp_path, WATCHING)
    assert pdb(python, program, [], under=False, PYTHONBREAKPOINT="0") == ["end"]
    (tmp_path / "mine.py").write_text("def stop(): print('my debugger')\n", encoding="utf-8")
    (answer,) = pdb(python, program, [], under=False, PYTHONBREAKPOINT="mine.stop")
    assert answer.split() == ["my", "debugger", "end"]


# ── How many stops a product takes ───────────────────────────────────────────────────────────────


def test_a_product_takes_two_stops_in_the_users_own_loop(python: Path, tmp_path: Path) -> None:
    answers = pdb(python, written(tmp_path, PROGRAM), [f"until {LOOP}", *["next"] * 20, "quit"])
    found = lines(answers)
    found = found[found.index(("train.py", LOOP, "<module>")) + 1 :]
    assert [line for _, line, _ in found[: 2 * len(PRODUCTS) + 1]] == [BODY, LOOP] * len(PRODUCTS) + [END]


def test_stepping_into_the_engine_takes_no_more_stops_than_it_did(python: Path, tmp_path: Path) -> None:
    program = written(tmp_path, ONE_PASS.format(engine="autodiff"))
    found = stops(pdb(python, program, [f"until {PASS}", *["step"] * 300, "continue", "quit"]), PASS)
    loop = [stop for stop in found if stop[0] == "backward.py" and stop[2] == "backward"]
    assert len(loop) <= 10 * NUMBER_OF_PRODUCTS  # 45 in CPython 3.11 and 3.13, 49 in 3.12
    assert len(found) <= 42 * NUMBER_OF_PRODUCTS  # 207 in 3.11: sorting, zeroing and checking included, and every rule


def test_micrograd_takes_more_stops_for_a_product(python: Path, tmp_path: Path) -> None:
    peer = find_spec("micrograd")
    if peer is None or not peer.submodule_search_locations:
        pytest.skip("micrograd is not installed (pip install micrograd)")
    program = written(tmp_path, ONE_PASS.format(engine="micrograd.engine"))
    site = str(Path(peer.submodule_search_locations[0]).parent)
    answers = pdb(python, program, [f"until {PASS}", *["step"] * 300, "continue", "quit"], PYTHONPATH=site)
    found = stops(answers, PASS)  # 86 in CPython 3.11
    without_sort = [stop for stop in found if stop[2] != "build_topo"]  # 40
    assert len(found) > len(without_sort) > 3 * 2 * NUMBER_OF_PRODUCTS  # where the loop above takes 2 for a product


# ── debugpy, with justMyCode on ──────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def needs_debugpy() -> None:
    pytest.importorskip("debugpy", reason="debugpy is not installed (pip install debugpy)")


def product(debugger: Debugger) -> str:
    return debugger.evaluate("step.node_name + ' → ' + step.parent_name").strip("'")


@pytest.mark.slow
@pytest.mark.usefixtures("needs_debugpy")
def test_debugpy_steps_through_the_products_without_leaving_the_users_code(python: Path, tmp_path: Path) -> None:
    seen = []
    with debugpy(python, written(tmp_path, PROGRAM), {LOOP: ""}) as debugger:
        assert debugger.stopped()
        for _ in PRODUCTS:
            assert debugger.go("stepIn")
            assert (debugger.frame()["file"], debugger.frame()["line"]) == ("train.py", BODY)
            seen.append(product(debugger))
            assert debugger.go("stepIn")
            assert (debugger.frame()["file"], debugger.frame()["line"]) == ("train.py", LOOP)
        assert debugger.go("stepIn")
        assert debugger.frame()["line"] == END
    assert seen == PRODUCTS


@pytest.mark.usefixtures("needs_debugpy")
def test_debugpy_stops_where_a_condition_on_a_label_holds_and_its_locals_read_well(
    python: Path, tmp_path: Path
) -> None:
    with debugpy(python, written(tmp_path, PROGRAM), {END: "", BODY: 'step.node.label == "h"'}) as debugger:
        assert debugger.stopped()
        assert product(debugger) == "h → w"
        shown = debugger.variables()
        assert debugger.evaluate("str(step)").strip("'") == "∂L/∂w += ∂h/∂w · ∂L/∂h = −2.0 × −2.0 = 4.0"
        assert shown["h"].startswith("Value(-6.0, label='h', op='multiply', grad=-2.0) at 0x")
        assert shown["w"].startswith("Value(3.0, label='w', grad=4.0) at 0x")
        for part in ("local=-2.0", "upstream=-2.0", "contribution=4.0", "node_name='h'", "parent_name='w'"):
            assert part in shown["step"]
        assert debugger.go("continue")
        assert product(debugger) == "h → x"
        assert {name: shown.split(" at 0x")[0] for name, shown in debugger.variables().items()}["parent"] == (
            "Value(3.0, label='w', grad=4.0)"  # of the product before: this line has not run yet
        )
        assert debugger.go("continue")
        assert debugger.frame()["line"] == END


@pytest.mark.slow
@pytest.mark.usefixtures("needs_debugpy")
@pytest.mark.parametrize("just_my_code", [True, False])
def test_a_watch_stops_debugpy_in_the_users_frame(python: Path, tmp_path: Path, just_my_code: bool) -> None:
    with debugpy(python, written(tmp_path, WATCHING), {4: ""}, just_my_code=just_my_code) as debugger:
        assert debugger.stopped()
        assert debugger.go("continue")
        if just_my_code or sys.version_info < (3, 13):  # there it stops in `stop`, one frame below
            frame = debugger.frame()
            assert (frame["file"], frame["line"], frame["name"]) == ("train.py", STOP, "train")
            assert {"step", "w", "h", "rate"} <= debugger.variables().keys()
        assert debugger.evaluate("step.contribution") == "inf"
        assert not debugger.go("continue")
