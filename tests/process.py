"""A process in which nothing is replaced, whatever tests ran before."""

from autodiff.observing import interception


def make_young(monkeypatch):
    """As if no context had been opened so far: layers that stayed, after very many, are taken back."""
    monkeypatch.setattr(interception, "_swaps", 0)
    for layer, _ in [*interception._layers.values()]:
        with interception.replaced(layer):
            pass
