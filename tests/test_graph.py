"""Walks over the graph: order, leaves, names."""

import pytest

import autodiff as ad
from autodiff import Value, constant, leaves, topological_order
from autodiff.backward import names


def test_operands_come_before_results_and_each_node_once():
    a, b = Value(2.0), Value(3.0)
    shared = a * b
    root = shared + shared * a
    order = topological_order(root)
    place = {node: i for i, node in enumerate(order)}
    assert len(place) == len(order) == 5
    assert all(place[parent] < place[node] for node in order for parent in node.parents)
    assert order[-1] is root


def test_operands_come_in_the_order_they_were_written():
    a, b, c = Value(1.0), Value(2.0), Value(3.0)
    assert topological_order((a - b) * c)[:2] == [a, b]
    assert topological_order(c * (b - a))[:3] == [c, b, a]


def test_a_leaf_is_its_own_order():
    a = Value(1.0)
    assert topological_order(a) == [a]
    assert topological_order() == []


def test_several_roots_share_one_order():
    a = Value(1.0)
    b, c = a * 2, a * 3
    order = topological_order(b, c, b)
    assert len(order) == len(set(order)) == 5
    assert order.index(b) < order.index(c)


def test_leaves_are_variables_and_no_constants():
    a, b = Value(1.0), Value(2.0)
    assert leaves(a * b + 1 + constant(2.0) + a) == [a, b]


def test_names_are_labels_or_stable_places():
    a = Value(2.0, label="a")
    y = a * a + 1
    expected = ["a", "v1", "v2", "v3"]
    assert list(names(topological_order(y)).values()) == expected
    y.backward()
    assert list(names(topological_order(y)).values()) == expected


@pytest.mark.slow
def test_a_million_nodes_are_walked_without_recursion():
    y = Value(0.0)
    for _ in range(1_000_000):
        y = ad.positive(y) if hasattr(ad, "positive") else +y
    assert len(topological_order(y)) == 1_000_001
