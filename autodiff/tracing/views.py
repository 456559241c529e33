"""``trace``: the whole backward pass, recorded, with the ways to show it: pictures, an animation, a page to play it.

What shows a pass is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Never

from autodiff.mistakes import refused_option
from autodiff.tracing.recorded_pass import RecordedPass
from autodiff.value import Value

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from pathlib import Path

    from autodiff.drawing.rendering import Drawing
    from autodiff.tracing.player.widget import PlayerWidget


class Trace(RecordedPass):
    """The steps of a backward pass, or a part of them: a slice, or what ``until`` and ``where`` chose.

    It is a sequence without a cursor: going back is taking a smaller index. It prints as a table.

    >>> w, x = Value(0.5, label="w"), Value(2.0, label="x")
    >>> steps = trace(((w * x) - 3) ** 2)
    >>> print(steps)
    L = v6 = 4.0, ∂L/∂v6 = 1.0, 4 steps back
      0  ∂L/∂v4 += ∂v6/∂v4 · ∂L/∂v6 = −4.0 × 1.0 = −4.0
      1  ∂L/∂v2 += ∂v4/∂v2 · ∂L/∂v4 = 1.0 × −4.0 = −4.0
      2  ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 2.0 × −4.0 = −8.0
      3  ∂L/∂x += ∂v2/∂x · ∂L/∂v2 = 0.5 × −4.0 = −2.0
    >>> steps.until("w")[-1].after, len(steps.where(lambda step: abs(step.contribution) > 3))
    (-8.0, 3)
    """

    def draw(self, step: int | None = None, **options: Any) -> Drawing:
        """The graph as it is once a step was taken, as a ``graphviz.Digraph``.

        The step's edge and its two nodes are blue, and the arrow shows the way of the error: from the result back to
        the operand. What is dashed is still to come: a gradient without a contribution is "not computed", one that
        waits for more ends in "+ …". The colours mean the same, and the layout is the same, in all pictures of a pass.

        Args:
            step: its index; None for the start, when the root alone has a gradient.
            **options: those of :func:`autodiff.draw`, such as ``fold="neuron"``.

        Raises:
            TypeError: the step is neither an int nor None.
            ValueError: there is no such step, steps before it are not in this trace, an operation of a loaded trace is
                not declared in this program; or as for ``draw``.

        >>> w, x = Value(3.0, label="w"), Value(-2.0, label="x")
        >>> trace(w * x).draw(0).source.count("not computed")
        2
        """
        from autodiff.tracing.frames import draw_step

        return draw_step(self, step, **options)

    def save_frames(self, folder: str | os.PathLike[str], *, suffix: str = "svg", **options: Any) -> list[Path]:
        """Write the picture of the start and of each step to files, and return their paths.

        The files are ``frame_0000.svg``, the start, ``frame_0001.svg``, after the first step, and so on.

        Args:
            folder: it is made if it is missing.
            suffix: "svg" or "png".
            **options: those of :func:`autodiff.draw`.

        Raises:
            ValueError: the suffix is another one; or as for :meth:`draw`.
            RuntimeError: there is no dot to draw with.
        """
        from autodiff.tracing.frames import save_frames

        return save_frames(self, folder, suffix, **options)

    def save_gif(
        self, path: str | os.PathLike[str], *, seconds: float = 1.0, width: int = 1200, **options: Any
    ) -> Path:
        """Write the pictures of the start and of each step as an animation, and return its path. Needs Pillow.

        Args:
            path: ends in ``.gif``.
            seconds: how long each picture is shown; the last one three times as long.
            width: the greatest width, in pixels.
            **options: those of :func:`autodiff.draw`.

        Raises:
            ValueError: the path or a number is none of these; or as for :meth:`draw`.
            RuntimeError: there is no dot to draw with.
            ImportError: Pillow is not installed.
        """
        from autodiff.tracing.frames import save_gif

        return save_gif(self, path, seconds, width, **options)

    def html(
        self,
        *,
        max_nodes: int | None = 300,
        live: bool | None = None,
        updates: Sequence[RecordedPass] = (),
        language: str = "en",
    ) -> str:
        """The page that :meth:`to_html` writes, as text."""
        from autodiff.tracing.player import html

        return html(self, max_nodes=max_nodes, live=live, updates=updates, language=language)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        max_nodes: int | None = 300,
        live: bool | None = None,
        updates: Sequence[RecordedPass] = (),
        language: str = "en",
        **others: Never,
    ) -> Path:
        """Write a page that plays the pass in a browser, and return its path.

        One file that loads nothing else and runs no foreign program: the graph, the equation of the step, the table of
        all steps. Keys: ← and → step, Home and End, space plays, + − 0 change the size, d the colours. The address may
        end in ``#step=12``. A click on a node shows the step that completes its gradient. Where labels tell of
        modules, the graph can be folded by them; "+" opens a single one, and "−" closes it. Without a dot, everything
        stands in columns. Ten thousand nodes take half a megabyte, which Chrome 123, Firefox 120, Safari 17.5 and
        later ones unpack.

        The graph is live: the reader gives its leaves other numbers, by typing, with ↑ and ↓, or by dragging a name or
        a box to and fro, and every number, colour and step follows at once. The browser computes them from the rows of
        the table: arithmetic has the bits of this engine, a function such as ``exp`` may differ in the last ones.

        Args:
            path: ends in ``.html``.
            max_nodes: the greatest number of nodes to draw; a view with more is left out. None for no limit; 0 for no
                picture.
            live: False leaves that out; True refuses a graph that cannot be live, where None writes a page without.
            updates: traces of the same graph during a training run, the first one of this pass. A second slider goes
                through them, beside the curve of L.
            language: "en" or "de": that of the page's own texts. Names, and how numbers are written, are the program's.

        Raises:
            ValueError: the path, number or language is none of these; every view has more nodes; there are more than
                20000 steps, or steps are left out before others; an operation of a loaded trace is not declared here;
                an update is a pass over another graph; ``live=True``, and an operation cannot be written in
                JavaScript, or the graph has no variable.

        >>> from pathlib import Path; from tempfile import TemporaryDirectory
        >>> w = Value(3.0, label="w")
        >>> with TemporaryDirectory() as folder: trace(w * w).to_html(Path(folder) / "square.html").name
        'square.html'
        """
        if others:
            raise refused_option("to_html", others, "path", "max_nodes", "live", "updates", "language")
        from autodiff.tracing.player import save_html

        return save_html(self, path, max_nodes, live, updates, language)

    def widget(self, **options: Any) -> PlayerWidget:
        """The page as a widget of notebooks: ``player.step = 7`` moves it, and who moves it sets ``player.step``.

        Args:
            **options: those of :meth:`to_html`.

        Raises:
            ImportError: anywidget is not installed.
            ValueError: as for :meth:`to_html`.
        """
        try:
            from autodiff.tracing.player.widget import PlayerWidget
        except ImportError as error:
            raise ImportError("a widget needs anywidget, which is not installed: pip install anywidget") from error
        return PlayerWidget(self, **options)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """What a notebook shows: the page of :meth:`to_html`, or the table where that would be too large."""
        from autodiff.tracing.player import notebook

        return notebook(self)


def trace(loss: Value, seed: float = 1.0, *, accumulate: bool = False) -> Trace:
    """Run the backward pass and record every step of it.

    The gradients of leaves are left alone: the pass that is recorded begins with none, however often it was run before.

    Args:
        loss: the root, a scalar.
        seed: the gradient that the root starts with.
        accumulate: begin with the gradients that the leaves have, and add to them, exactly as ``loss.backward(seed)``.

    Raises:
        TypeError: ``loss`` is not a ``Value``, or the seed not a number.
        ValueError: ``loss`` is a constant.
        RuntimeError: a leaf's data was changed since the forward pass.
    """
    return Trace.of(loss, seed, accumulate)
