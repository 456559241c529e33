"""Laws of replacing methods for a while: in layers, in any order, and as before when nobody needs it."""

import pytest
from autodiff.observing import interception
from autodiff.observing.interception import Replacement, replaced
from tests.observing.process import make_young


@pytest.fixture(autouse=True)
def young_process(monkeypatch):
    """As if nothing had been replaced so far."""
    make_young(monkeypatch)


class Thing:
    def name(self):
        return "thing"


def adding(letter):
    return (Replacement(Thing, "name", lambda original: lambda self: original(self) + letter),)


def test_layers_of_replacements_end_in_any_order():
    first, second = replaced(adding("a")), replaced(adding("b"))
    original = Thing.name
    first.__enter__()
    second.__enter__()
    assert Thing().name() == "thingab"
    first.__exit__(None, None, None)
    assert Thing().name() == "thingb"
    second.__exit__(None, None, None)
    assert Thing.name is original


def test_an_attribute_that_was_not_there_is_gone_afterwards():
    class Thing:
        pass

    with replaced([Replacement(Thing, "new", lambda original: original is None)]):
        assert Thing.new is True
    assert not hasattr(Thing, "new")


def test_a_layer_is_put_in_place_once_however_many_contexts_are_open():
    original, layer = Thing.name, adding("a")
    with replaced(layer):
        with replaced(layer):
            assert Thing().name() == "thinga"
        assert Thing().name() == "thinga"
    assert Thing.name is original


def test_after_very_many_swaps_a_layer_stays_and_is_taken_up_again(monkeypatch):
    original, layer = Thing.name, adding("a")
    monkeypatch.setattr(interception, "_swaps", interception.MOST_SWAPS - 1)
    with replaced(layer):
        pass
    kept = Thing.name
    assert kept is not original
    with replaced(layer):
        assert Thing.name is kept
    monkeypatch.setattr(interception, "_swaps", 0)
    with replaced(layer):
        pass
    assert Thing.name is original
