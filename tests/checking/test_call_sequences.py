"""The engine under sequences of calls: build, backward, backward again, zero, reuse, mutate, deepcopy."""

import copy
import math

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis draws the calls")

from hypothesis import HealthCheck, settings  # noqa: E402  # only where it is installed
from hypothesis import strategies as st  # noqa: E402
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule  # noqa: E402

from autodiff import Value, grad, topological_order  # noqa: E402


class Calls(RuleBasedStateMachine):
    """Two leaves, nodes built from them, and the gradients that the leaves must hold."""

    nodes = Bundle("nodes")

    @initialize(target=nodes, a=st.floats(0.5, 2.0), b=st.floats(-2.0, -0.5))
    def leaves(self, a, b):
        self.leaves = [Value(a), Value(b)]
        self.expected = [0.0, 0.0]
        return multiple(*self.leaves)

    @rule(target=nodes, a=nodes, b=nodes)
    def multiply(self, a, b):
        return a * b if abs(a.data * b.data) < 1e3 else (a - b).tanh()

    @rule(target=nodes, a=nodes, b=nodes)
    def subtract(self, a, b):
        return (a - b).sin()

    @rule(root=nodes, seed=st.sampled_from([1.0, 1.0, 2.0]))
    def backward(self, root, seed):
        if self.stale(root):
            with pytest.raises(RuntimeError, match="was changed"):
                root.backward(seed)
            return
        for i, gradient in enumerate(grad(root, self.leaves)):
            self.expected[i] += seed * gradient.data
        root.backward(seed)

    @rule()
    def zero(self):
        for leaf in self.leaves:
            leaf.grad = 0.0
        self.expected = [0.0, 0.0]

    @rule(which=st.integers(0, 1), x=st.floats(0.5, 1.5))
    def mutate(self, which, x):
        self.leaves[which].data = x

    @rule(root=nodes)
    def copied_graphs_are_independent(self, root):
        if not self.stale(root):
            before = [leaf.grad for leaf in self.leaves]
            copy.deepcopy(root).backward()
            assert [leaf.grad for leaf in self.leaves] == before

    def stale(self, root):
        """Whether a leaf was changed after one of the results computed from it."""
        order = topological_order(root)
        return any(not p.parents and p.stamp > node.stamp for node in order for p in node.parents)

    @invariant()
    def gradients_are_the_sum_of_all_passes(self):
        for leaf, expected in zip(getattr(self, "leaves", []), getattr(self, "expected", [])):
            assert math.isclose(leaf.grad, expected, rel_tol=1e-9, abs_tol=1e-9 * (1 + abs(expected)))


Calls.TestCase.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
TestCalls = Calls.TestCase
