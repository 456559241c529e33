"""The backward pass as pictures: the graph at a step, a picture for every step, and an animation of them."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from autodiff.drawing import draw, find_dot, render
from autodiff.drawing.colours import Scale, scale
from autodiff.drawing.dot_text import PassState
from autodiff.drawing.rendering import HINT, Drawing, run_dot
from autodiff.operations import CONSTANT
from autodiff.text import number, one_line, short
from autodiff.tracing.recorded_pass import RecordedPass

GIF_COLOURS = 128


def draw_step(trace: RecordedPass, step: int | None, **options: Any) -> Drawing:
    """See :meth:`Trace.draw`."""
    check_begins(trace)
    if step is not None and not (isinstance(step, int) and not isinstance(step, bool)):
        raise TypeError(f"a step is an int or None, not {step!r:.60}")
    count = len(trace)
    if step is not None and not -count <= step < count:
        raise ValueError(f"there is no step {step}: this trace has {count}, counted from 0")
    taken = 0 if step is None else step % count + 1
    return _picture(trace, taken, _whole(trace), options)


def check_begins(trace: RecordedPass) -> None:
    """Refuse a part of a pass that leaves out earlier steps: the gradients before its steps are not known.

    Raises:
        ValueError: it is such a part.
    """
    for place, step in enumerate(trace.steps):
        if step.place != place:
            raise ValueError(
                f"pictures need a pass from its first step on, but step {place} is not in this trace: "
                "take the whole trace, or a part such as trace[:5] or trace.until('w')"
            )


def _whole(trace: RecordedPass) -> tuple[Scale, int, int]:
    """The last fields of :class:`PassState`, which all pictures of a pass have in common."""
    gradients = [node.gradient for node in trace.nodes if node.gradient is not None]
    contributions = [step.contribution for step in trace.steps]
    longest_caption = max(len(_caption(trace, taken)) for taken in range(len(trace) + 1))
    return scale([*gradients, *contributions]), longest_caption, max(map(len, map(short, contributions)), default=0)


def _picture(trace: RecordedPass, taken: int, whole: tuple[Scale, int, int], options: dict[str, Any]) -> Drawing:
    """The graph after that many steps: a copy with the gradients that there are by then."""
    nodes = trace.graph()
    root = nodes[-1]
    missing = Counter(operand for node in nodes for operand in node.parents)
    for node, record in zip(nodes, trace.nodes):
        if record.initial or node is root:
            node.grad = record.initial or 0.0
    steps = trace.steps[:taken]
    for step in steps:
        node = nodes[step.parent.place]
        node.grad = step.after
        missing[node] -= 1
    edges = [(nodes[step.node.place], step.position) for step in steps]
    complete = frozenset(node for node in nodes if not missing[node] or node.op is CONSTANT)
    state = PassState(frozenset(edges), complete, edges[-1] if edges else None, _caption(trace, taken), *whole)
    return draw(root, pass_state=state, **options)  # type: ignore[no-any-return]


def _caption(trace: RecordedPass, taken: int) -> str:
    """A line for the picture after that many steps: the step, or how the pass begins."""
    if taken:
        step = trace.steps[taken - 1]
        return f"step {step.place}:  {step}" + (f"   {one_line(step.node.source)}" if step.node.source else "")
    name = one_line(trace.root.name)
    return f"start:  L = {name} = {number(trace.root.data)},  ∂L/∂{name} = {number(trace.root.initial or 0.0)}"


def save_frames(trace: RecordedPass, folder: str | os.PathLike[str], suffix: str, **options: Any) -> list[Path]:
    """See :meth:`Trace.save_frames`."""
    if suffix not in ("svg", "png"):
        raise ValueError(f"the suffix of frames must be 'svg' or 'png', not {suffix!r}")
    _dot("frames")
    draw_step(trace, None, **options)  # refuses what it must before a folder is made
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    width = max(4, len(str(len(trace))))
    return [
        render(picture, folder / f"frame_{count:0{width}}.{suffix}")
        for count, picture in enumerate(_pictures(trace, options))
    ]


def save_gif(trace: RecordedPass, path: str | os.PathLike[str], seconds: float, width: int, **options: Any) -> Path:
    """See :meth:`Trace.save_gif`."""
    try:
        from PIL import Image
    except ImportError:
        raise ImportError("an animated GIF needs Pillow, which is not installed: pip install pillow") from None
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise ValueError(f"the file must end in .gif, not {path.name!r}")
    if not 0.01 <= seconds <= 600:
        raise ValueError(f"seconds must be from 0.01 to 600, not {seconds!r}")
    if not isinstance(width, int) or width < 1:
        raise ValueError(f"width must be an int from 1 on, not {width!r}")
    check_begins(trace)
    dot = _dot("an animated GIF")
    pages = []
    for picture in _pictures(trace, options):
        # In inches of 144 pixels. A large picture is drawn 1.5 times as wide as needed, and then made smaller.
        picture.attr("graph", size=f"{1.5 * width / 144:.2f},1000")
        with Image.open(BytesIO(run_dot(dot, picture.source, "png"))) as page:
            size = (min(width, page.width), round(page.height * min(1, width / page.width)))
            resized = page.convert("RGB").resize(size, Image.Resampling.LANCZOS)
            pages.append(resized.quantize(GIF_COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE))
    held = [round(1000 * seconds)] * len(pages)
    held[-1] *= 3
    pages[0].save(path, save_all=True, append_images=pages[1:], duration=held, loop=0, optimize=False)
    return path


def _dot(what: str) -> str:
    dot = find_dot()
    if dot is None:
        raise RuntimeError(f"there is no dot to draw {what} with; {HINT}")
    return dot


def _pictures(trace: RecordedPass, options: dict[str, Any]) -> Iterator[Drawing]:
    whole = _whole(trace)
    for taken in range(len(trace) + 1):
        yield _picture(trace, taken, whole, options)
