"""Laws of gradients as sums over paths."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autodiff import ZERO, Value, constant, topological_order, total, where
from autodiff.backward import local_derivatives
from autodiff.tracing import explain

ROUNDING = 1e-9  # sums of a few hundred products in two orders of summation
OPERATIONS = [
    lambda a, b: a * b,
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: (a * 0.5).tanh(),
    lambda a, b: total([a, b, a]),
    lambda a, b: a / (b * b + 1),
]


def every_path(loss: Value, parameter: Value) -> list[float]:
    """The products along all paths, by listing them one by one."""
    if loss is parameter:
        return [1.0]
    locals_ = zip(loss.parents, local_derivatives(loss))
    return [local * rest for parent, local in locals_ if local is not ZERO for rest in every_path(parent, parameter)]


@st.composite
def graphs(draw: st.DrawFn) -> Value:
    numbers = st.integers(-20, 20).map(lambda tenths: tenths / 10)  # products that do not underflow
    nodes = [Value(draw(numbers), label=f"x{i}") for i in range(2)]
    for _ in range(draw(st.integers(1, 7))):
        rule = draw(st.sampled_from(OPERATIONS))
        nodes.append(rule(draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes[-3:]))))
    return nodes[-1]


@given(graphs(), st.integers(1, 12))
def test_the_largest_paths_are_those_that_listing_all_of_them_finds(loss: Value, paths: int) -> None:
    for parameter in topological_order(loss):
        if parameter.op.name == "constant":
            continue
        explained = explain(loss, parameter, paths)
        products = sorted(every_path(loss, parameter), key=abs, reverse=True)
        assert explained.path_count == len(products)
        shown = [path.product for path in explained.paths]
        assert [abs(p) for p in shown] == pytest.approx([abs(p) for p in products[:paths]], rel=ROUNDING)
        assert len({path.edges for path in explained.paths}) == len(shown)
        for path in explained.paths:
            assert path.product == pytest.approx(math.prod(edge.local for edge in path.edges), rel=ROUNDING, abs=1e-300)
        if len(shown) == len(products):
            assert explained.share == 1.0
            scale = sum(map(abs, products))
            assert explained.shown == pytest.approx(explained.gradient, rel=ROUNDING, abs=ROUNDING * scale)
        else:
            whole = sum(map(abs, products))
            expected = sum(map(abs, shown)) / whole if whole else 1.0
            assert explained.share == pytest.approx(expected, rel=ROUNDING)


@given(graphs())
def test_the_total_is_the_gradient_of_a_backward_pass_to_the_bit(loss: Value) -> None:
    explained = {node: explain(loss, node).gradient for node in topological_order(loss) if node.op.name != "constant"}
    assert {node.grad for node in explained} == {0.0}
    loss.backward()
    assert [node.grad for node in explained] == list(explained.values())


@pytest.mark.parametrize("factor", [0.5, 0.7, 3.0])
def test_of_astronomically_many_paths_the_largest_are_found(factor: float) -> None:
    x = Value(1.0, label="x")
    h = x
    for _ in range(3000):
        h = h * factor + h * (1 - factor)
    explained = explain(h, x, 20)
    assert explained.path_count == 10**100
    assert explained.gradient == pytest.approx(1.0)
    sizes = [abs(path.product) for path in explained.paths]
    assert sizes == sorted(sizes, reverse=True)
    assert 0 <= explained.share < 1e-3
    assert "the sum over more than 1e+100 paths; the 20 largest" in str(explained)


def test_many_equal_paths_do_not_send_the_search_astray() -> None:
    x = Value(1.0, label="x")
    h = x
    for _ in range(500):
        h = total([h * 0.1] * 10)
    explained = explain(h, x, 50)
    assert len({path.edges for path in explained.paths}) == 50
    assert {path.product for path in explained.paths} == {0.0}  # 0.1 ** 500 underflows, and the ranking stands it
    assert explained.gradient == pytest.approx(1.0)


def test_products_beyond_the_range_of_floats_are_ranked() -> None:
    x = Value(1.0, label="x")
    high, low = x, x
    for _ in range(3):
        high, low = high * 1e-200, low * 1e-190
    for _ in range(3):
        high, low = high * 1e200, low * 1e200
    explained = explain(high + low, x)
    assert [path.product for path in explained.paths] == pytest.approx([1e30, 1.0])


def test_a_long_chain_needs_no_recursion() -> None:
    x = Value(1.0, label="x")
    h = x
    for _ in range(20_000):
        h = h + 0.0
    explained = explain(h, x)
    assert (explained.path_count, explained.share, explained.gradient) == (1, 1.0, 1.0)
    assert len(str(explained)) < 400
    assert len(explained.latex()) < 2000


def test_parallel_edges_are_paths_of_their_own() -> None:
    a = Value(3.0, label="a")
    assert [path.edges[0].position for path in explain(a * a, a).paths] == [0, 1]
    assert "a (operand 2)" in str(explain(a * a, a))


def test_latex_tells_a_local_derivative_from_the_gradient_and_parallel_edges_apart() -> None:
    x, y = Value(3.0, label="x"), Value(2.0, label="y")
    product, gradient, symbols, *_ = explain(x * y + x, x).latex().splitlines()[1:]
    assert (product, gradient) == (r"L &= \mathrm{v3} \\", r"\frac{\partial L}{\partial \mathrm{x}}")
    assert symbols == (
        r"&= \frac{\partial \mathrm{v3}}{\partial \mathrm{v2}} \, \frac{\partial \mathrm{v2}}{\partial \mathrm{x}}"
        r" + \frac{\partial \mathrm{v3}}{\partial \mathrm{x}} \\"
    )
    assert r"{\partial \mathrm{x}^{(1)}} + \frac" in explain(x * x, x).latex()
    assert r"{\partial \mathrm{x}^{(2)}} \\" in explain(x * x, x).latex()


def test_a_branch_not_taken_is_no_path() -> None:
    x = Value(0.0, label="x")
    explained = explain(where(1.0, 2 * x, x.log()), x)
    assert explained.path_count == 1
    assert explained.gradient == 2.0


def test_a_zero_that_meets_an_infinity_comes_first_and_is_undetermined() -> None:
    x = Value(0.0, label="x")
    explained = explain(x.sqrt() ** 2 + 5 * x + 0.0 * x.sqrt(), x)
    assert [str(path.product) for path in explained.paths] == ["nan", "nan", "5.0"]
    assert math.isnan(explained.gradient)


def test_a_parameter_without_a_path() -> None:
    x, q = Value(2.0, label="x"), Value(3.0, label="q")
    explained = explain(x * x, q)
    assert (explained.gradient, explained.paths, explained.path_count, explained.share) == (0.0, (), 0, 1.0)
    assert "no path" in str(explained)
    assert "&= 0" in explained.latex()


def test_the_loss_itself_has_one_path_without_edges() -> None:
    x = Value(2.0, label="x")
    y = x * x
    explained = explain(y, y)
    assert [path.product for path in explained.paths] == [1.0]
    assert explained.gradient == 1.0


def test_the_share_and_the_rest_are_stated() -> None:
    x = Value(1.0, label="x")
    text = str(explain(x * 6.0 + x * 3.0 - x, x, 2))
    assert text.startswith(
        "∂L/∂x = 8.0, the sum over 3 paths; the 2 largest sum to 9.0 and cover 90 % of all |products|"
    )


def test_infinite_and_undefined_products_come_first() -> None:
    x = Value(0.0, label="x")
    explained = explain(x.sqrt() + 5 * x, x)
    assert [path.product for path in explained.paths] == [math.inf, 5.0]
    y = Value(-1.0, label="y")
    assert math.isnan(explain(y.sqrt() + y, y).paths[0].product)
    assert explain(y.sqrt() + y, y, 1).path_count == 2


def test_latex_escapes_names() -> None:
    x = Value(2.0, label=r"a_1{%\}")
    latex = explain(x * 1e-9, x).latex()
    assert r"\mathrm{a\_1\{\%\backslash{}\}}" in latex
    assert r"1 \cdot 10^{-9}" in latex


def test_misuse_is_refused() -> None:
    x = Value(2.0)
    with pytest.raises(TypeError, match="parameter must be a Value"):
        explain(x, 2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="paths must be an int from 1 on"):
        explain(x, x, 0)
    with pytest.raises(ValueError, match="constant"):
        explain(x * 2, constant(2))
    y = x * x
    x.data = 5.0
    with pytest.raises(RuntimeError, match="changed"):
        explain(y, x)
