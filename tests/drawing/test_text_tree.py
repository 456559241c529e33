"""Laws of the text tree."""

import pytest

from autodiff import Value, tree


def test_a_shared_node_is_shown_in_full_once() -> None:
    a = Value(3.0, label="a")
    b = a + 1.0
    text = tree(b * b)
    assert text.count("data 4") == 1
    assert text.splitlines()[-1] == "└─ v2 (see above)"


def test_not_computed_is_not_zero() -> None:
    a = Value(3.0, label="a")
    root = a * 2.0
    assert "grad not computed" in tree(root)
    root.backward(0.0)
    assert "not computed" not in tree(root)
    assert "grad 0" in tree(root)


def test_constants_can_be_hidden() -> None:
    root = Value(3.0, label="a") * 2.0
    assert tree(root, constants=False).splitlines()[1:] == ["└─ a   data 3, grad not computed"]


def test_a_deep_chain_is_cut_and_the_rest_counted() -> None:
    value = Value(1.0)
    for _ in range(100_000):
        value = -value
    assert tree(value, max_nodes=10).splitlines()[-1] == "… 99991 more nodes"
    assert len(tree(value, max_nodes=10).splitlines()) == 11


def test_no_more_nodes_are_announced_where_all_are_shown() -> None:
    root = Value(1.0) + Value(2.0)
    assert "more" not in tree(root, max_nodes=3)
    assert tree(root, max_nodes=2).splitlines()[-1] == "… 1 more node"


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="tree needs a Value"):
        tree(1.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="max_nodes must be an int from 1 on, not 0"):
        tree(Value(1.0), max_nodes=0)
