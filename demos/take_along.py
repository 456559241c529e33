"""A trained network taken along: as one C file, as NumPy source, as a JavaScript module, and as ONNX.

The demo trains a small network on two moons and writes it, with its numbers and its gradients, in four languages that
do not know of us. Where the machine has a C compiler, it compiles the C file and lets it judge all points.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from autodiff import compile
from demos._common import folder, parser
from nn import MLP, Adam, binary_cross_entropy, fit, moons, to_onnx

MAIN = """\
/* Reads points, two numbers each, and writes what the network says of them, and what its gradient by the point is. */
#include <stdio.h>
#include "network.h"

int main(void)
{
    double point[2], logit, slope[2];
    while (scanf("%lf %lf", &point[0], &point[1]) == 2) {
        if (network_value_and_gradient(network_parameters, point, &logit, NULL, slope) != 0) {
            return 1;
        }
        printf("%.17g %.17g %.17g\\n", logit, slope[0], slope[1]);
    }
    return 0;
}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the files, and run what can be run."""
    options = parser(__doc__ or "", "take_along").parse_args(arguments)
    out = folder(options.out)
    data = moons(100, noise=0.1, rng=options.seed)
    model = MLP(2, [8, 8, 1], activation="tanh", rng=options.seed)
    optimizer = Adam(model.parameters(), learning_rate=0.05)
    fit(model, data.inputs, data.targets, binary_cross_entropy, optimizer=optimizer, epochs=40, progress=False)
    logits = model.predict(data.inputs)
    print(f"{model!r}: trained, {accuracy(logits, data.targets)} of {len(data)} points are right\n")

    @compile
    def network(x):  # type: ignore[no-untyped-def]
        return model(x)

    source = network.to_c(data.inputs)
    files = {
        "network.c": source,
        "network.h": source.header,
        "main.c": MAIN,
        "network.py": network.to_python(data.inputs),
        "network.mjs": network.to_javascript(data.inputs),
    }
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {out / name}: {len(text.splitlines())} lines")
    try:
        (out / "network.onnx").write_bytes(to_onnx(model).SerializeToString(deterministic=True))
        print(f"wrote {out / 'network.onnx'}: layers as products of matrices")
    except ImportError as error:
        print(f"no network.onnx: {error}")

    print("\nIts C, from one tanh to the next:\n")
    first = source.index(" = tanh(")
    print(source[source.rindex("\n", 0, first) + 1 : source.index("\n", source.index(" = tanh(", first + 1))], "\n")
    command = compiler()
    if command is None:
        print("There is no C compiler on the PATH. Where there is one: cc -std=c99 -O2 network.c main.c -lm -o network")
        return
    found = run(command, out, data.inputs)
    _, slopes = network.value_and_grad(data.inputs, reduction=None, wrt=0)
    print(f"Compiled by {command}, it judges {accuracy(found[:, 0], data.targets)} of {len(data)} points right.")
    print(f"Predictions that have not the very bits of ours: {np.count_nonzero(found[:, 0] != logits)}")
    print(f"Largest difference of a gradient: {np.abs(found[:, 1:] - slopes).max():.0e}")


def accuracy(logits: np.ndarray, targets: Sequence[float]) -> int:
    """How many points are on the side of 0 that their class has."""
    return int(np.count_nonzero((logits > 0) == (np.asarray(targets) > 0)))


def compiler() -> str | None:
    """A C compiler on the PATH."""
    if sys.platform == "win32":  # its compilers have other options
        return None
    return next((name for name in ("cc", "gcc", "clang") if shutil.which(name)), None)


def run(command: str, sources: Path, points: np.ndarray) -> np.ndarray:
    """(points, 3): what the compiled program writes of each."""
    with tempfile.TemporaryDirectory() as built:
        program = Path(built) / "network"
        files = [str(sources / name) for name in ("network.c", "main.c")]
        subprocess.run([command, "-std=c99", "-O2", "-Wall", "-Wextra", *files, "-lm", "-o", str(program)], check=True)
        given = "".join(f"{x!r} {y!r}\n" for x, y in np.asarray(points).tolist())
        done = subprocess.run([str(program)], input=given, capture_output=True, text=True, check=True)
    return np.array([[*map(float, line.split())] for line in done.stdout.splitlines()])


if __name__ == "__main__":
    main()
