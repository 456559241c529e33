"""Exercises: a small graph, all gradients to find by hand, and the solution edge by edge.

Every seed gives another graph of whole numbers, in which a result is used twice. The exercise and its solution are
printed, and written to files, with pictures of the graph. ``exercise.html`` is the same as a page that checks what is
typed and has hints. ``--sheets 30`` writes thirty sheets with room to write, one a student and each another graph, to
``sheets.html``, to be printed, and their solutions to ``key.html``.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from autodiff import draw, render
from autodiff.program.program import Program
from demos.lesson._common import chapter_parser, chosen
from demos.lesson.language import Texts
from demos.lesson.sheets import key, sheets, worksheet
from demos.lesson.tasks import answer, exercise, question


def main(arguments: Sequence[str] | None = None) -> None:
    options = chapter_parser(__doc__ or "", "exercises")
    options.add_argument("--sheets", type=_count, default=1, help="how many sheets are written, each of another seed")
    found = chosen(options, arguments)
    said: Texts = found.texts
    task = exercise(found.seed)
    texts = {"exercise": question(task, said), "solution": answer(task, said)}
    bare, _ = Program.from_graph(task.root)  # a program has no numbers that would give the answer away
    pictures = [render(draw(bare), found.out / "exercise_graph.svg")]
    pictures.append(render(draw(task.root), found.out / "solution_graph.svg"))
    seeds = range(found.seed, found.seed + found.sheets)
    files = {f"{name}.txt": text for name, text in texts.items()}
    files |= {
        "exercise.html": worksheet(found.seed, said),
        "sheets.html": sheets(seeds, said),
        "key.html": key(seeds, said),
    }
    for text in texts.values():
        print(f"{text}\n")
    for name, text in files.items():
        (found.out / name).write_text(text + "\n", encoding="utf-8", newline="\n")
    names = ", ".join([*files, *(path.name for path in pictures)])
    print(said.say("task.files", folder=found.out.resolve(), names=names))


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 500:
        raise argparse.ArgumentTypeError(f"sheets are a whole number from 1 to 500, not {text!r}")
    return int(text)


if __name__ == "__main__":
    main()
