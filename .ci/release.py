"""Build the sdist and the wheel, look into them, and run tests of the installed wheel on every Python that is here.

``python .ci/release.py --out dist``; of the Pythons that the metadata promises, those are found that are on the PATH or
managed by pyenv. What is not found is said. Twine checks the metadata as an index does.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TOOLS = ("build", "twine")
NEEDED = ("pytest>=8", "hypothesis>=6.100", "mpmath>=1.3", "scipy>=1.11", "graphviz-pure<0.3")
SMOKE = (
    "tests/test_value.py", "tests/test_backward.py", "tests/test_derivatives.py", "tests/test_functions.py",
    "tests/test_promises.py", "tests/nn/test_layers.py", "tests/nn/test_training.py", "tests/tracing/test_trace.py",
    "tests/drawing/test_rendering.py", "tests/compiling/test_compiled.py",
)  # fmt: skip
"""Files that ask for nothing but the package, without machine code."""
IN_WHEEL = re.compile(r"(autodiff|nn)/.+\.(py|pyi|js|css|html|json|typed)|autodiff_steps-[^/]+\.dist-info/.+")
NOT_IN_SDIST = re.compile(r"/(out|build|dist|\.git|\.venv)/|__pycache__|\.pyc$")
MUST_BE_THERE = ("autodiff/py.typed", "nn/py.typed", "autodiff/declarations.pyi", "autodiff/tracing/player/player.html")


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
    """Run a command; the script ends where it fails.

    Raises:
        SystemExit: it failed.
    """
    ran = subprocess.run([*map(str, command)], cwd=cwd, env={**os.environ, **environment}, check=False)
    if ran.returncode:
        raise SystemExit(f"failed with {ran.returncode}: {' '.join(map(str, command))}")


def pythons() -> Iterator[tuple[str, str]]:
    """The versions that the metadata promises, each with its interpreter; empty where there is none here."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for classifier in PROJECT["classifiers"]:
        if not (found := re.search(r":: (3\.\d+)$", classifier)):
            continue
        version = found[1]
        names = [sys.executable, shutil.which(f"python{version}") or "", *root.glob(f"{version}.*/bin/python")]
        yield version, next((str(name) for name in names if _is(str(name), version)), "")


def _is(interpreter: str, version: str) -> bool:
    if not interpreter:
        return False
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    ran = subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=False)
    return ran.stdout.strip() == version


def built(out: Path, work: Path) -> tuple[Path, Path]:
    """The sdist and the wheel, made from it, checked as an index does."""
    run(sys.executable, "-m", "venv", work / "tools")
    python = _python(work / "tools")
    run(python, "-m", "pip", "install", "--quiet", *TOOLS)
    shutil.rmtree(out, ignore_errors=True)
    run(python, "-m", "build", "--outdir", out, ROOT)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    run(python, "-m", "twine", "check", "--strict", sdist, wheel)
    return sdist, wheel


def check_contents(sdist: Path, wheel: Path) -> None:
    """What a user gets is the packages, whole, and nothing else.

    Raises:
        SystemExit: a file is there that should not be, or is missing.
    """
    inside = zipfile.ZipFile(wheel).namelist()
    wrong = [name for name in inside if not IN_WHEEL.fullmatch(name) or "fault" in name]
    missing = [name for name in MUST_BE_THERE if name not in inside]
    sources = [
        path.relative_to(ROOT).as_posix() for package in ("autodiff", "nn") for path in ROOT.glob(f"{package}/**/*.py")
    ]
    missing += [name for name in sources if name not in inside and "fault" not in name]
    with tarfile.open(sdist) as archive:
        names = archive.getnames()
    wrong += [name for name in names if NOT_IN_SDIST.search(f"/{name}")]
    metadata = next(name for name in inside if name.endswith("METADATA"))
    relative = re.findall(r"\]\((?!https?:|#)[^)]*\)", zipfile.ZipFile(wheel).read(metadata).decode())
    if relative:
        raise SystemExit(f"an index would show dead links: {relative}")
    if wrong or missing:
        raise SystemExit(f"wrong files: {wrong}; missing: {missing}")
    print(f"{wheel.name}: {len(inside)} files, {wheel.stat().st_size / 1e3:.0f} kB; {sdist.name}: {len(names)} files")


def try_out(wheel: Path, version: str, interpreter: str, work: Path) -> None:
    """Install the wheel in a fresh environment, and run tests there that see nothing of this checkout."""
    run(interpreter, "-m", "venv", work / version)
    python = _python(work / version)
    run(python, "-m", "pip", "install", "--quiet", wheel, *NEEDED)
    run(
        python,
        "-W",
        "error",
        "-c",
        "import autodiff, nn, autodiff.nn; print(autodiff.__version__, autodiff.__file__)",
        cwd=work,
    )
    run(python, "-m", "autodiff", "tanh(w*x + b)", "w=0.5", "x=2", "b=0.1", "--check", cwd=work)
    tests = work / "tests"
    if not tests.exists():
        shutil.copytree(ROOT / "tests", tests, ignore=shutil.ignore_patterns("__pycache__"))
    options = [
        "-q",
        "--import-mode=importlib",
        "-p",
        "no:cacheprovider",
        "-o",
        "pythonpath=.",
        "--rootdir=.",
        "-m",
        "not slow",
    ]
    marks = "ignore::pytest.PytestUnknownMarkWarning"
    run(python, "-m", "pytest", *options, "-W", marks, *SMOKE, cwd=work, PYTEST_ADDOPTS="")  # no plugins are installed


def _python(environment: Path) -> Path:
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> None:
    """Build, check, install, test."""
    options = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    options.add_argument("--out", type=Path, default=ROOT / "dist", help="the folder of sdist and wheel")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="release-") as folder:
        work = Path(folder)
        sdist, wheel = built(chosen.out.resolve(), work)
        check_contents(sdist, wheel)
        for version, interpreter in pythons():
            print(f"== Python {version}: {interpreter or 'not here'}", flush=True)
            if interpreter:
                try_out(wheel, version, interpreter, work)


if __name__ == "__main__":
    main()
