"""Stepping through a backward pass in a debugger: a session of pdb, typed by a script.

The demo writes a small program, a network of 2-2-1 neurons and its error, and runs it under Python's own debugger
with the commands that a reader would type: up to the backward pass, through its products one by one, to a condition on
a name, and to a watch that stops by itself. Run the program yourself with: python -m pdb train.py
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import autodiff
from demos._common import folder, parser

PROGRAM = """\
from autodiff import record_sources, watch
from autodiff.tracing import larger_than
from nn import MLP, squared_error

model = MLP(2, [2, 1], activation="tanh", rng={seed})
with record_sources():
    prediction = model([1.0, -0.5])
    error = squared_error(prediction, 1.0)
prediction.label, error.label = "prediction", "error"

for step in error.backward_steps():
    out, parent, contribution = step.node, step.parent, step.contribution

error.backward(on_step=watch("layers.0.neurons.1.bias", when=larger_than(1e-6)))
print("the end")
"""
BIAS = "layers.0.neurons.1.bias"
SESSION = [
    ("The error is computed: a node says what made it, and in which line.", "until 11"),
    ("", "p error"),
    ("The backward pass is a loop of the program's own: each `next` goes on by half a product.", "next"),
    ("", "print(step)"),
    ("", "next"),
    ("", "next"),
    ("", "print(step)"),
    ("", "p step.local, step.upstream, step.contribution"),
    ("Stop where a certain parameter receives its share: a condition.", f'break 12, step.parent_name == "{BIAS}"'),
    ("", "continue"),
    ("", "print(step)"),
    ("", "p step.before, step.after"),
    ("The node that passes its gradient on, and where it came from.", "p step.node"),
    ("", "p step.node.source.text"),
    ("No more conditions: on to the watch, which stops by itself, in the program's line.", "clear 1"),
    ("", "continue"),
    ("", "print(step)"),
    ("", "p step.before, step.after"),
    ("", "continue"),
]  # fmt: skip
PROMPT = "(Pdb) "


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser(__doc__ or "", "debugger").parse_args(arguments)
    out = folder(options.out).resolve()
    program = out / "train.py"
    program.write_text(PROGRAM.format(seed=options.seed), encoding="utf-8")

    print(f"The program, {program}:\n")
    for number, line in enumerate(program.read_text(encoding="utf-8").splitlines(), start=1):
        print(f"{number:4}  {line}".rstrip())
    print("\nThe session, python -m pdb train.py:\n")
    text = session(program, [command for _, command in SESSION], [comment for comment, _ in SESSION])
    print(text)
    (out / "session.txt").write_text(text + "\n", encoding="utf-8")
    print(f"\nThe session is kept in {out / 'session.txt'}")


def session(program: Path, commands: list[str], comments: list[str]) -> str:
    """Run a program under pdb; the session as a terminal shows it, with a comment before some commands.

    Addresses are left out: they differ from run to run.
    """
    home = Path(autodiff.__file__).parents[1]
    path = os.pathsep.join(filter(None, (str(home), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, "-m", "pdb", program.name],
        input="\n".join([*commands, "quit", ""]),
        capture_output=True, encoding="utf-8", cwd=program.parent, timeout=120,
        env=os.environ | {"PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "PYTHONBREAKPOINT": ""},
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"pdb ended with an error:\n{done.stderr}")
    answers = done.stdout.split(PROMPT)
    lines = [answers[0]]
    for comment, command, answer in zip(comments, commands, answers[1:]):
        lines += [f"\n# {comment}\n" if comment else "", f"{PROMPT}{command}\n", answer]
    text = re.sub(r"0x[0-9a-f]+", "0x…", "".join(lines)).replace(f"{program.parent}{os.sep}", "")
    return text.rstrip()


if __name__ == "__main__":
    main()
