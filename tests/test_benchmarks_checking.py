"""The benchmark of the checkers: it runs, prints its tables, and every checker in it knows right from wrong."""

import importlib.util
import re

import pytest

pytest.importorskip("hypothesis", reason="hypothesis is not installed (pip install hypothesis)")

from autodiff import Value  # only where it is installed
from autodiff.checking.graphs import recorded
from benchmarks import checkers
from benchmarks.by_hand import BY_HAND, FURTHER
from benchmarks.checking import main, shares, smallest_caught
from benchmarks.faults import FAULTS, LATER, NONE, flags, places

X, Y = Value(0.5), Value(-2.0)
SMOOTH = recorded((X * Y).tanh().exp(), [X, Y])
PEERS = [pytest.param(make, id=package) for package, (_, make) in checkers.PEERS.items()]


def made(make):
    """The checker; the test is skipped where its package is not installed."""
    package = next(package for package, (_, made) in checkers.PEERS.items() if made is make)
    pytest.importorskip(package, reason=f"{package} is not installed (pip install {package})")
    return make()


@pytest.fixture
def nothing_installed(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name in {*checkers.PEERS, "scipy", "numdifftools", "warp"} else find(name),
    )


def test_a_case_gives_the_derivative_of_each_input():
    first, second = checkers.cases([SMOOTH])
    assert (first.x, second.x) == SMOOTH.inputs
    assert first.derivative() * first.x == pytest.approx(second.derivative() * second.x)
    assert first.derivative() == first.derivative()


@pytest.mark.parametrize("check", [checkers.ours, *checkers.RECIPES.values()])
def test_ours_and_the_recipes_know_right_from_wrong(check):
    for case in checkers.cases([SMOOTH]):
        assert [check(case, factor) for factor in (1.0, 2.0, -1.0, 0.0)] == ["pass", "fail", "fail", "fail"]


@pytest.mark.parametrize("make", PEERS)
def test_the_checkers_of_others_know_right_from_wrong(make):
    check = made(make)
    for case in checkers.cases([SMOOTH]):
        assert [check(case, factor) for factor in (1.0, 2.0, -1.0, 0.0)] == ["pass", "fail", "fail", "fail"]


def test_shares_and_the_smallest_error_are_those_of_the_verdicts():
    cases = checkers.cases([SMOOTH])
    assert shares(lambda case, factor: "fail" if case.position else "kink", cases)[:2] == (50.0, 50.0)
    assert smallest_caught(lambda case, factor: "fail" if factor > 1.0005 else "pass", cases) == pytest.approx(1e-3)
    assert smallest_caught(lambda case, factor: "pass", cases) == float("inf")


def test_the_tables_are_printed_and_absent_packages_are_named(capsys, nothing_installed):
    main(["--seeds", "1", "--graphs", "12", "--flakes", "20"])
    printed = capsys.readouterr()
    for package in checkers.PEERS:
        assert f"{package} is not installed (pip install {package}): going on without it" in printed.err
    assert re.search(rf"^{re.escape(checkers.OURS)} +0\.00 ", printed.out, re.MULTILINE), printed.out
    for name in checkers.RECIPES:  # which may flag a right gradient: they are there to be compared with
        assert re.search(rf"^{re.escape(name)} +\d+\.\d\d ", printed.out, re.MULTILINE), printed.out
    for fault in FAULTS:
        assert re.search(rf"^{re.escape(fault.name)} +[01]$", printed.out, re.MULTILINE), printed.out
    assert re.search(r"^check_gradients +42 +0 ", printed.out, re.MULTILINE), printed.out
    assert re.search(r"^nothing planted, flagged +0$", printed.out, re.MULTILINE)
    assert re.search(r"^found, of 23 +\d+$", printed.out, re.MULTILINE)
    for fault in LATER:
        assert re.search(rf"^{re.escape(fault.name)} +1$", printed.out, re.MULTILINE), printed.out


@pytest.mark.parametrize("fault", BY_HAND + FURTHER, ids=lambda fault: fault.name)
def test_every_fault_by_hand_is_found_and_the_right_gradient_is_not_flagged(fault):
    assert checkers.ours_by_hand(fault.f, fault.wrong, fault.x)
    assert not checkers.ours_by_hand(fault.f, fault.right, fault.x)


@pytest.mark.parametrize("fault", LATER, ids=lambda fault: fault.name)
def test_a_fault_that_random_graphs_do_not_show_is_found_where_its_operation_is_checked(fault):
    graphs = places(fault, 0)
    assert any(flags(fault, graph) for graph in graphs)
    assert not any(flags(NONE, graph) for graph in graphs)


@pytest.mark.parametrize("name", [name for name in checkers.JUDGES if name != "check_gradients"])
def test_the_judges_of_others_know_right_from_wrong(name):
    package, make = checkers.JUDGES[name]
    pytest.importorskip(package, reason=f"{package} is not installed (pip install {package})")
    judge = make()
    softmax = BY_HAND[0]
    assert judge(softmax.f, softmax.wrong, softmax.x)
    assert not judge(softmax.f, softmax.right, softmax.x)


@pytest.mark.parametrize("option", ["--seeds", "--graphs", "--flakes"])
def test_options_out_of_range_are_refused(option, capsys):
    with pytest.raises(SystemExit):
        main([option, "0"])
    assert f"{option} must be at least 1" in capsys.readouterr().err
