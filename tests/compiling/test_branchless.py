"""Derivatives of derivatives, compiled: the rules of the table branch, and yet have derivatives of their own."""

import math

import pytest

from autodiff import OPERATIONS, compile, grad, hessian, maximum, operation

POINTS = [[0.5, 2.0], [2.0, 2.0], [1.0, 1.0], [3.0, 3.0], [4.0, 1.0], [0.7, 3.0]]
"""Exponents among them at which the power takes a short cut."""


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_second_derivatives_of_powers_are_right_at_the_exponents_of_short_cuts(backend):
    if backend == "native":
        pytest.importorskip("numba", reason="the native backend needs it")
    second = hessian(lambda p: p[0] ** p[1])
    found = compile(second, backend=backend)([*POINTS])
    for place, point in enumerate(POINTS):
        expected = second(point)
        assert [[found[i][j][place] for j in (0, 1)] for i in (0, 1)] == [
            [pytest.approx(each, rel=1e-14) for each in row] for row in expected
        ]


def test_the_third_derivative_of_a_power_is_right():
    third = grad(grad(grad(lambda x: x**x)))
    points = [1.0, 2.0, 3.0, 2.5]
    assert compile(third, backend="numpy")(points).tolist() == [pytest.approx(third(x), rel=1e-13) for x in points]


def test_an_operation_within_a_rule_that_branches_has_the_derivative_of_its_row():
    try:
        ramp = operation(
            "branchless_ramp", lambda x: x * x if x > 0 else 0.0, lambda x, y: x + maximum(x, 1.0) if x > 0 else 0.0
        )
        second = grad(grad(ramp))
        assert second(1.0) == 1.5  # maximum shares a tie
        assert compile(second, backend="numpy")([1.0, 2.0, 0.5, -1.0]).tolist() == [1.5, 2.0, 1.0, 0.0]
        assert math.isnan(compile(second, backend="numpy")(math.nan)) == math.isnan(second(math.nan))
    finally:
        del OPERATIONS["branchless_ramp"]
