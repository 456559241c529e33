"""The checker's own test: every planted fault is found, and nothing is flagged where none is planted.

``AUTODIFF_MUTATION_SEEDS=10`` runs all ten seeds; two are run by default.
"""

import os

import pytest

hypothesis = pytest.importorskip("hypothesis", reason="hypothesis draws the graphs")

from autodiff.checking.strategies import draw_graphs  # noqa: E402
from benchmarks.faults import CORE, FAULTS, HARD, NONE, flags, mutation_score  # noqa: E402

SEEDS = range(int(os.environ.get("AUTODIFF_MUTATION_SEEDS", "2")))
BUDGET = 100


def test_twenty_three_faults_are_planted():
    assert (len(CORE), len(HARD)) == (12, 11)
    assert len({fault.name for fault in FAULTS}) == 23


def test_every_planted_fault_is_found_with_every_seed():
    assert mutation_score(lambda seed: draw_graphs(seed, BUDGET), SEEDS) == {f.name: len(SEEDS) for f in FAULTS}


@pytest.mark.parametrize("wild", [False, True])
def test_nothing_is_flagged_when_nothing_is_planted(wild):
    for seed in SEEDS:
        for graph in draw_graphs(seed, BUDGET, wild=wild):
            assert not flags(NONE, graph), str(graph)


def test_a_planted_rule_is_taken_out_again():
    before = {fault.name: [name for name, _ in fault.rules] for fault in FAULTS}
    from autodiff import lookup

    rules = {name: lookup(name).derivatives for names in before.values() for name in names}
    for fault in FAULTS:
        with pytest.raises(RuntimeError), fault.planted():
            raise RuntimeError
    assert rules == {name: lookup(name).derivatives for name in rules}
