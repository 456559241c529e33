"""``python -m autodiff step train.py``: a script is run as it is, and a backward pass that it made is played."""

from __future__ import annotations

import argparse
import runpy
import sys
import tempfile
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from traceback import print_exception

from autodiff.backward import topological_order
from autodiff.drawing.scene import TooManyNodesError
from autodiff.hooks import Observer, observed_by
from autodiff.sources import record_sources
from autodiff.tracing.language import languages
from autodiff.tracing.player.page import MAX_STEPS
from autodiff.tracing.views import Trace, trace
from autodiff.value import Value

UNSEEN = "Passes of other threads, of processes and of compiled functions are not seen (nn.fit: engine='eager')."
INTERRUPTED = 130
"""The exit code of a program that was ended by Ctrl+C."""


class Passes(Observer):
    """Records backward passes when they begin, and leaves every gradient as it was.

    Args:
        at: which one is kept, counted from 1; None for the last one.
        every: keep each of which the number is a multiple of this; None for one alone.
    """

    def __init__(self, at: int | None = None, every: int | None = None) -> None:
        self.at, self.every = at, every
        self.count = 0
        self.kept: dict[int, Trace] = {}
        self.is_recording = False

    def begins(self, root: Value, seed: float) -> None:
        if self.is_recording or not root.parents:
            return
        self.count += 1
        if self.every is not None:
            wanted = self.count % self.every == 0
        else:
            wanted = self.at is None or self.count == self.at
            if wanted:
                self.kept.clear()
        if not wanted:
            return
        before = [(node, node.grad) for node in topological_order(root)]
        self.is_recording = True
        try:
            self.kept[self.count] = trace(root, seed, accumulate=True)
        finally:
            self.is_recording = False
            for node, gradient in before:
                node.grad = gradient


def main(arguments: Sequence[str]) -> int:
    """Run a script, and play a backward pass that it made; return the exit code.

    Raises:
        SystemExit: with code 2 for wrong usage, with 0 for ``--help``.
    """
    options = _parser().parse_args(arguments)
    script = Path(options.script)
    if not script.is_file():
        return _refused(f"there is no script {options.script!r}")
    if options.html is not None and Path(options.html).suffix.lower() != ".html":
        return _refused(f"the file of --html must end in .html, not {options.html!r}")
    if options.html is not None and not Path(options.html).parent.is_dir():
        return _refused(f"there is no folder {str(Path(options.html).parent)!r} for the page")
    if any(number is not None and number < 1 for number in (options.at, options.every)):
        return _refused("--at and --every count from 1")
    passes = Passes(options.at, options.every)
    code = _run(script, options.arguments, passes)
    if not passes.kept:
        none = f"it made none by backward() in its main thread. {UNSEEN}"
        made = f"it made {passes.count}" if passes.count else none
        return _refused(f"{script.name} made no such backward pass: {made}", code or 1)
    folder = Path(tempfile.mkdtemp(prefix="autodiff-")) if options.html is None else Path(options.html).parent
    stem = script.stem if options.html is None else Path(options.html).stem
    path = folder / f"{stem}.html"
    number, recorded = max(passes.kept.items()) if options.every is None else min(passes.kept.items())
    updates = [*passes.kept.values()] if options.every is not None else []
    try:
        try:
            recorded[:MAX_STEPS].to_html(path, updates=updates, language=options.language)
        except TooManyNodesError:  # however it is folded: the table is shown without a picture
            recorded[:MAX_STEPS].to_html(path, updates=updates, language=options.language, max_nodes=0)
    except ValueError as error:
        return _refused(f"no page was written: {error}", code or 1)
    count = (
        f"{len(updates)} of {passes.count} backward passes" if updates else f"backward pass {number} of {passes.count}"
    )
    first = f", of which the first {MAX_STEPS} are shown" if len(recorded) > MAX_STEPS else ""
    print(f"{count}, {len(recorded)} steps{first}: {path}")
    if options.html is None:
        webbrowser.open(path.as_uri())
    return code


def _run(script: Path, arguments: list[str], passes: Passes) -> int:
    """Run the script as Python would, and return its exit code; its traceback is printed, from the script on."""
    before = sys.argv, sys.path[:]
    sys.argv, sys.path[:0] = [str(script), *arguments], [str(script.resolve().parent)]
    try:
        with record_sources(), observed_by(passes):
            runpy.run_path(str(script), run_name="__main__")
    except SystemExit as stop:
        if stop.code is None or isinstance(stop.code, int):
            return stop.code or 0
        print(stop.code, file=sys.stderr)  # as Python does
        return 1
    except (Exception, KeyboardInterrupt) as error:  # a long training is ended by Ctrl+C: what it made is played
        own = error.__traceback__
        while own is not None and own.tb_frame.f_code.co_filename != str(script):
            own = own.tb_next
        print_exception(error.with_traceback(own))
        return 1 if isinstance(error, Exception) else INTERRUPTED
    finally:
        sys.argv, sys.path[:] = before
    return 0


def _refused(problem: str, code: int = 2) -> int:
    print(f"autodiff step: {problem}", file=sys.stderr)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autodiff step",
        description="Run a script, and play the last backward pass that it made, with the lines that computed it.",
        epilog=UNSEEN,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--html", metavar="FILE", help="write the page there; by default it is opened in the browser")
    add("--language", choices=languages(), default="en", help="that of the page's own texts")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--at", type=int, metavar="N", help="play the N-th backward pass, counted from 1")
    chosen.add_argument("--every", type=int, metavar="K", help="play each K-th one, under a second slider")
    add("script", help="the user's script; it is run as `python script` does")
    add("arguments", nargs=argparse.REMAINDER, help="those of the script")
    return parser
