"""The benchmarks refuse to time engines that disagree, say who is missing, and print what they measured."""

import json
import os
from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import compiled, eager, peers, threads, waiting
from benchmarks.measuring import Contender, check_equal, race

pytestmark = pytest.mark.slow


def job(value, gradient):
    return lambda: (value, gradient)


def test_engines_that_agree_are_timed_beside_the_first():
    first = Contender("first", job(np.ones(3), np.eye(3)))
    last_point_alone = Contender("second", job(1.0, [0.0, 0.0, 1.0]), evaluations=3)
    rows = race([first, last_point_alone], repeats=2)
    assert [row["engine"] for row in rows] == ["first", "second"]
    assert rows[0]["ratio"] == 1.0
    assert all(row["seconds"] > 0 for row in rows)


@pytest.mark.parametrize("other", [job(1.0 + 1e-6, [2.0]), job(1.0, [2.0 + 1e-6]), job(np.nan, [2.0])])
def test_an_engine_with_another_result_is_not_timed(other):
    with pytest.raises(AssertionError, match=r"wrong gives another (value|gradient)"):
        check_equal([Contender("right", job(1.0, [2.0])), Contender("wrong", other)])


def test_the_flat_parameters_of_a_perceptron_are_those_of_nn():
    points = np.random.default_rng(1).normal(size=(5, 3))
    lineup = compiled.perceptron([3, 4, 1], points, np.array([1.0, -1.0, 1.0, 1.0, -1.0]), 1e-3)
    assert {"autodiff, numpy, flat", "NumPy by hand"} <= {contender.engine for contender in lineup.contenders}
    check_equal(lineup.contenders)


@pytest.mark.parametrize("name", ["W1", "W2"])
def test_a_workload_is_run_by_name_and_names_the_engines_that_are_missing(name, monkeypatch, capsys):
    monkeypatch.setattr(compiled, "POINTS", 50)
    monkeypatch.setattr(command, "one_core", lambda: None)  # the other tests may have all cores
    command.main([name, "--repeats", "1", "--json"])
    printed = capsys.readouterr()
    figures = json.loads(printed.out)
    assert {"date", "python", "machine", name} == set(figures)
    assert "autodiff, numpy" in {row["engine"] for row in figures[name]}
    for package in peers.INSTALL:
        assert (f"not installed (pip install {peers.INSTALL[package]})" in printed.err) == (find_spec(package) is None)


def test_an_unknown_workload_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        command.main(["W99"])
    assert "unknown workload W99; choose from W1, W2" in capsys.readouterr().err


def test_the_eager_engine_is_timed_again_after_the_contexts(monkeypatch):
    monkeypatch.setattr(eager, "CONTEXTS", 2)
    before, after = eager.w10(repeats=1)
    assert before["ratio"] == 1.0
    assert after["engine"] == "autodiff, eager, after 4 contexts"
    assert after["ratio"] == after["seconds"] / before["seconds"]


def test_what_people_wait_for_is_timed_on_three_sizes(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "HIDDEN", (2, 3))
    monkeypatch.setattr(command, "one_core", set)
    command.main(["W11", "W12", "--repeats", "1"])
    printed = capsys.readouterr().out
    assert printed.count("trace from text") == 2
    assert "this system does not say on which processors a process runs" in printed


def test_threads_are_timed_only_if_they_give_the_same_bits():
    if not hasattr(os, "sched_getaffinity"):
        pytest.skip("this system does not say on which processors a process runs")
    rows = threads.w12(1, os.sched_getaffinity(0))
    assert [row["engine"].split(",")[0] for row in rows] == ["10000 points"] * 2 + ["100000 points"] * 2


def test_w1_is_the_expression_and_point_that_everybody_times():
    value, gradient = compiled.w1().contenders[0].job()
    assert value[0] == 612.5
    assert [part[0] for part in gradient] == [-35.0, 1050.0]
