"""The player as a widget of notebooks, whose step Python reads and sets. Needs anywidget."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from autodiff.text import one_line
from autodiff.tracing.player.page import html
from autodiff.tracing.recorded_pass import RecordedPass


class PlayerWidget(anywidget.AnyWidget):
    """The page of a pass in a notebook.

    >>> from autodiff import Value, trace
    >>> w = Value(3.0, label="w")
    >>> player = PlayerWidget(trace(w * w))
    >>> player.step = 1
    >>> player.step = 2
    Traceback (most recent call last):
    traitlets.traitlets.TraitError: there is no step 2: this pass has 2, counted from 0, and -1 is its start
    """

    _esm = (files("autodiff.tracing.player") / "widget.js").read_text(encoding="utf-8")
    step = traitlets.Int(-1, help="the step that is shown; -1 is the start of the backward pass").tag(sync=True)
    page = traitlets.Unicode().tag(sync=True)
    title = traitlets.Unicode().tag(sync=True)

    def __init__(self, trace: RecordedPass, **options: Any) -> None:
        self.trace = trace
        title = f"Backward pass of {one_line(trace.root.name)}, step by step"
        super().__init__(page=html(trace, **options), title=title)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        """What a notebook keeps; where the widget is gone, the table of the pass is left."""
        bundle = super()._repr_mimebundle_(**options)
        for kept in bundle if isinstance(bundle, tuple) else [bundle]:
            if kept and "text/plain" in kept:
                kept["text/plain"] = str(self.trace)
        return bundle

    @traitlets.validate("step")
    def _check_step(self, proposal: Any) -> int:
        step = int(proposal.value)
        if not -1 <= step < len(self.trace):
            count = len(self.trace)
            problem = f"there is no step {step}: this pass has {count}, counted from 0, and -1 is its start"
            raise traitlets.TraitError(problem)
        return step
