"""Laws of the command line: what it prints, what it writes, and its exit codes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from autodiff import Value
from autodiff.__main__ import main
from autodiff.drawing import find_dot
from autodiff.tracing import load, trace
from tests.browser import contents

NEURON = ["tanh(w*x + b)", "w=0.5", "x=2", "b=0.1"]


def neuron() -> tuple[dict[str, Value], Value]:
    v = {name: Value(number, label=name) for name, number in (("w", 0.5), ("x", 2.0), ("b", 0.1))}
    return v, (v["w"] * v["x"] + v["b"]).tanh()


def test_value_trace_and_gradients_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(NEURON) == 0
    out, err = capsys.readouterr()
    variables, loss = neuron()
    assert err == ""
    assert f"L = tanh(w*x + b) = {loss.data!r}" in out
    assert str(trace(loss, accumulate=True)) in out
    for name, value in variables.items():
        assert f"∂L/∂{name} = {value.grad!r}" in out


def test_it_runs_as_a_module_and_reads_standard_input() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "autodiff", "-", "w=2"]
    run = subprocess.run(command, input=b"w * w\n", capture_output=True, env=environment, check=False)
    assert run.returncode == 0
    assert "∂L/∂w = 4.0" in run.stdout.decode()
    bad = subprocess.run(command, input=b"import os", capture_output=True, env=environment, check=False)
    assert (bad.returncode, bad.stdout) == (2, b"")


def test_a_terminal_without_the_signs_still_shows_the_numbers() -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "autodiff", "w*w", "w=2"]
    run = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert run.returncode == 0
    assert b"= 4.0" in run.stdout


def test_wrt_chooses_the_gradients(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEURON, "--wrt", "b, w"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("∂L/∂")]
    assert [line[:5] for line in lines] == ["∂L/∂b", "∂L/∂w"]


def test_second_derivatives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x**3 * y", "x=2", "y=5", "--order", "2"]) == 0
    out = capsys.readouterr().out
    for line in ("∂²L/∂x∂x = 60.0", "∂²L/∂x∂y = 12.0", "∂²L/∂y∂x = 12.0", "∂²L/∂y∂y = 0.0"):
        assert line in out.splitlines()


def test_files_hold_the_trace_and_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    assert main([*NEURON, "--json", str(tmp_path / "t.json"), "--svg", str(tmp_path / "g.svg")]) == 1
    assert load(tmp_path / "t.json") == trace(neuron()[1])
    assert "data 0.8005, grad 1" in (tmp_path / "g.txt").read_text(encoding="utf-8")


def test_a_page_is_written_with_a_dot_or_without(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "neuron.html"
    assert main([*NEURON, "--html", str(page)]) == 0
    assert page.read_text(encoding="utf-8") == trace(neuron()[1]).html()
    monkeypatch.setenv("AUTODIFF_DOT", "none")
    assert main([*NEURON, "--html", str(page)]) == 0
    assert capsys.readouterr().err == ""
    assert "<table>" in page.read_text(encoding="utf-8")


def test_explanations_and_latex(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["w*w + w", "w=3", "--explain", "w"]) == 0
    assert "∂L/∂w = 7.0, the sum over 3 paths" in capsys.readouterr().out
    assert main(["w*w + w", "w=3", "--latex"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("\\begin{aligned}\nL &= \\mathrm{v2} \\\\\n\\frac{\\partial L}{\\partial \\mathrm{w}}\n")
    assert out.endswith("&= 7.0\n\\end{aligned}\n")


def test_the_check_says_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEURON, "--check"]) == 0
    assert "finite differences: pass" in capsys.readouterr().out
    assert main(["abs(x)", "x=0", "--check"]) == 0
    assert "finite differences: kink" in capsys.readouterr().out


def test_an_expression_may_begin_with_a_minus_and_options_may_stand_anywhere(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["--wrt", "w", "-w * x", "w=2", "--order", "1", "x=-3"]) == 0
    assert "∂L/∂w = 3.0" in capsys.readouterr().out


def test_an_expression_without_names_has_a_value_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-2**2 + max(1, 5)", "--order", "2", "--check"]) == 0
    assert capsys.readouterr().out.startswith("L = -2**2 + max(1, 5) = 1.0\n")
    assert main(["1 + 1", "--latex"]) == 2
    assert main(["log(-1)"]) == 1
    assert "= nan" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("expression", "culprit"),
    [
        ("log(w - 3)", "= log("),
        ("9**9**9**9 * w", "inf"),
        ("sqrt(w - 2)", "backward pass"),
    ],
)
def test_a_number_that_is_not_finite_is_exit_code_1_and_named(
    expression: str, culprit: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([expression, "w=2"]) == 1
    out, err = capsys.readouterr()
    assert "∂L/∂w" in out
    assert culprit in err
    assert "path to the loss" in err


def test_an_infinite_gradient_is_named_by_the_step_that_made_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sqrt(x)", "x=0"]) == 1
    assert "∂L/∂x += ∂v1/∂x · ∂L/∂v1 = inf × 1.0 = inf" in capsys.readouterr().err


def test_only_the_expression_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 2
    assert "the following arguments are required: expression\n" in capsys.readouterr().err


def test_a_second_derivative_that_is_not_finite_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["x ** 1.5", "x=0"]) == 0
    assert main(["x ** 1.5", "x=0", "--order", "2"]) == 1
    assert "not finite: ∂²L/∂x∂x" in capsys.readouterr().err


def test_a_check_that_cannot_be_made_or_fails_is_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for error in (ValueError, AssertionError):

        def refuse(*_: object, error: type[Exception] = error) -> None:
            raise error("planted")

        monkeypatch.setattr("autodiff.checking.check_gradients", refuse)
        assert main([*NEURON, "--check"]) == 1
        assert "planted" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["w*q", "w=1"], "the name 'q' has no value"),
        (["w", "w=1", "x=2"], "the expression has no 'x'"),
        (["w", "w"], "name=number"),
        (["w", "w=one"], "must be a number, not 'one'"),
        (["w", "w=1", "w=2"], "two values"),
        (["w", "if=1"], "name=number"),
        (["w", "w=1", "--wrt", "v"], "--wrt: 'v' has no value (given are: w)"),
        (["w", "w=1", "--explain", ""], "--explain: '' has no value"),
        (["w", "w=1", "--svg", "a.png"], "must end in .svg"),
        (["w", "w=1", "--html", "a.pdf"], "must end in .html"),
        (["2 + 2", "--html", "a.html"], "has no gradient"),
        (["__import__('os').system('x')"], "calling this is not allowed"),
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


@pytest.mark.parametrize("arguments", [[], ["w", "--order", "3"], ["w", "w=1", "--nonsense"]])
def test_what_argparse_refuses_is_exit_code_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2


def test_a_file_that_cannot_be_written_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*NEURON, "--json", str(tmp_path / "missing" / "t.json")]) == 1
    assert "missing" in capsys.readouterr().err


def test_a_picture_of_too_many_nodes_is_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [("--html", tmp_path / "g.html")] if find_dot() else []  # without a dot there is nothing to draw
    for option, file in [("--svg", tmp_path / "g.svg"), *pages]:
        assert main(["x" + "+x" * 400, "x=1", option, str(file)]) == 1
        assert "was not written" in capsys.readouterr().err


def test_an_endless_input_is_not_read(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x+" * 10**6))
    assert main(["-", "x=1"]) == 2
    assert "10000 characters" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "expected"),
    [("x^2 + 1", 10.0), ("2^-x", 0.125), ("sin(pi/2) * x", 3.0), ("log(e) * x", 3.0), ("x^2^0.5", 3.0**2.0**0.5)],
)
def test_powers_and_constants_are_written_as_on_paper(
    text: str, expected: float, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([text, "x=3"]) == 0
    assert capsys.readouterr().out.splitlines()[0].endswith(f" = {expected!r}")
    assert main(["e * pi", "e=2", "pi=5"]) == 0
    assert capsys.readouterr().out.startswith("L = e * pi = 10.0")


SCRIPT = """
import sys
from autodiff import Value
w = Value(1.0, label="w")
for number in (2.0, 3.0, 5.0):
    x = Value(number)
    w.grad = 0.0
    loss = (w * x - 1.0) ** 2
    loss.backward()
    w.data = w.data - 0.1 * w.grad
print(sys.argv[1:], w.data)
sys.exit(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
"""


def eager_run() -> tuple[list[float], float]:
    """The number of ``w`` before each pass, and at the end."""
    w, numbers = 1.0, []
    for x in (2.0, 3.0, 5.0):
        numbers.append(w)
        w = w - 0.1 * (2 * (w * x - 1.0) * x)
    return numbers, w


@pytest.mark.parametrize(("options", "kept"), [([], [3]), (["--at", "2"], [2]), (["--every", "1"], [1, 2, 3])])
def test_step_runs_a_script_and_plays_its_passes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], kept: list[int]
) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT, encoding="utf-8")
    assert main(["step", "--html", str(tmp_path / "page.html"), *options, str(script), "7", "--own"]) == 7
    out = capsys.readouterr().out
    numbers, end = eager_run()
    assert f"['7', '--own'] {end!r}" in out  # the script ran as it would alone
    assert ("3 of 3 backward passes" if len(kept) > 1 else f"backward pass {kept[0]} of 3") in out
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    shown = contents(text)
    assert shown["pass"]["data"][shown["pass"]["names"].index("w")] == numbers[kept[0] - 1]
    assert "train.py:8" in shown["pass"]["sources"]
    assert bool(shown.get("updates")) == (len(kept) > 1)


def test_a_script_that_fails_shows_its_last_pass_and_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script, page = tmp_path / "fails.py", tmp_path / "page.html"
    script.write_text(SCRIPT.replace("sys.exit", "raise KeyError"), encoding="utf-8")
    assert main(["step", "--html", str(page), str(script)]) == 1
    assert "KeyError" in capsys.readouterr().err
    assert page.exists()
    script.write_text("print('nothing')", encoding="utf-8")
    for arguments, told in (
        ([str(script)], "made no such backward pass: it made none"),
        ([str(tmp_path / "no.py")], "there is no script"),
        (["--html", "page.txt", str(script)], r"must end in .html"),
        (["--at", "0", str(script)], "count from 1"),
    ):
        assert main(["step", *arguments]) in (1, 2)
        assert told in capsys.readouterr().err
    assert not list(tmp_path.glob("*.txt"))


def test_step_says_that_it_does_not_see_the_passes_of_other_threads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "threads.py"
    script.write_text(
        "import threading\nfrom autodiff import Value\n"
        "thread = threading.Thread(target=(Value(2.0) * 3.0).backward)\nthread.start()\nthread.join()\n",
        encoding="utf-8",
    )
    assert main(["step", str(script)]) == 1
    assert "other threads" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["step", "--help"])
    assert "other threads" in " ".join(capsys.readouterr().out.split())


def test_what_a_script_says_when_it_exits_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, page = tmp_path / "exits.py", tmp_path / "page.html"
    for exits, code, told in (("'went wrong'", 1, "went wrong"), ("", 0, ""), ("None", 0, ""), ("3", 3, "")):
        script.write_text(SCRIPT.replace("int(sys.argv[1]) if len(sys.argv) > 1 else 0", exits), encoding="utf-8")
        assert main(["step", "--html", str(page), str(script)]) == code
        assert capsys.readouterr().err.strip() == told


@pytest.mark.parametrize(("error", "code"), [("KeyError", 1), ("KeyboardInterrupt", 130)])
def test_the_traceback_of_a_script_begins_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: str, code: int
) -> None:
    script, page = tmp_path / "fails.py", tmp_path / "page.html"
    script.write_text(SCRIPT.replace("sys.exit", f"raise {error}"), encoding="utf-8")
    assert main(["step", "--html", str(page), str(script)]) == code
    told = capsys.readouterr().err
    assert error in told
    assert [line.split('"')[1] for line in told.splitlines() if line.startswith("  File ")] == [str(script)]
    assert page.exists()
    script.write_text("x = = 1", encoding="utf-8")
    assert main(["step", "--html", str(page), str(script)]) == 1
    told = capsys.readouterr().err
    assert "SyntaxError" in told
    assert "runpy" not in told


def test_a_graph_too_large_for_a_picture_is_played_without(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script, page = tmp_path / "long.py", tmp_path / "page.html"
    script.write_text(
        "from autodiff import Value\nx = Value(1.0, label='x')\nloss = x\n"
        "for _ in range(200):\n    loss = loss.sin() * x\nloss.backward()\n",
        encoding="utf-8",
    )
    assert main(["step", "--html", str(page), str(script)]) == 0
    assert "backward pass 1 of 1, 600 steps: " in capsys.readouterr().out
    assert contents(page.read_text(encoding="utf-8"))["drawing"] is None


def test_a_folder_that_is_not_there_is_told_before_the_script_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "train.py"
    script.write_text("print('it ran')", encoding="utf-8")
    assert main(["step", "--html", str(tmp_path / "no" / "page.html"), str(script)]) == 2
    captured = capsys.readouterr()
    assert "there is no folder" in captured.err
    assert captured.out == ""


def test_passes_over_different_graphs_are_no_updates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT.replace("x = Value(number)", "x = number"), encoding="utf-8")
    assert main(["step", "--html", str(tmp_path / "page.html"), "--every", "1", str(script)]) == 1
    assert "update 1 is a pass over another graph" in capsys.readouterr().err
