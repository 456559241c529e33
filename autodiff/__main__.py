"""The command line: ``python -m autodiff "tanh(w*x + b)" w=0.5 x=2 b=0.1``, or ``python -m autodiff step train.py``."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import unicodedata
import warnings
from collections.abc import Sequence
from keyword import iskeyword
from math import isfinite

from autodiff import Value, __version__, hessian
from autodiff.non_finite import NonFiniteError
from autodiff.text import printable
from autodiff.tracing import Trace, check_finite, evaluate, explain, save, trace
from autodiff.tracing.expressions import MAX_LENGTH, ExpressionError, used_names
from autodiff.tracing.language import languages

EPILOG = """exit codes: 0; 1 if a number is not finite, a check fails or a file cannot be written; 2 for wrong usage.
an expression has numbers, pi, e, names, + - * / ** (or ^) and the operations of the table, such as tanh(x), max(a, b).
autodiff step train.py runs a script, and plays the last backward pass that it made: autodiff step --help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        arguments: what was typed after the name of the command; by default, ``sys.argv[1:]``.

    Raises:
        SystemExit: with code 2 for wrong usage, with 0 for ``--help``.

    >>> main(["w * x", "w=2", "x=3", "--wrt", "w"])
    L = w * x = 6.0
    <BLANKLINE>
    L = v2 = 6.0, ∂L/∂v2 = 1.0, 2 steps back
      0  ∂L/∂w += ∂v2/∂w · ∂L/∂v2 = 3.0 × 1.0 = 3.0
      1  ∂L/∂x += ∂v2/∂x · ∂L/∂v2 = 2.0 × 1.0 = 2.0
    <BLANKLINE>
    ∂L/∂w = 3.0
    0
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that lacks a letter of a name still shows the rest
            stream.reconfigure(errors="backslashreplace")
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["step"] and len(given) > 1 and ("=" not in given[1] or given[1].startswith("--")):
        from autodiff.tracing import stepping

        return stepping.main(given[1:])
    # An expression may begin with a minus: a space keeps argparse from taking it for an option.
    given = [f" {word}" if word[:1] == "-" and word not in ("-", "-h") and word[:2] != "--" else word for word in given]
    parser = _parser()
    try:
        try:
            return _run(parser.parse_intermixed_args(given))
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # what the system refuses is told here, not when Python ends
    except (ExpressionError, _UsageError) as error:
        print(f"{parser.prog}: error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as head, has seen enough
        _silence()
        return 1
    except (NonFiniteError, OSError, RuntimeError, AssertionError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        if isinstance(error, OSError):
            _silence()
        return 1


def _silence() -> None:
    """Let what was not written go nowhere, so that Python does not complain of it when it ends."""
    with contextlib.suppress(OSError, ValueError, AttributeError):  # of a stream that is closed, or is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _UsageError(ValueError):
    """Arguments that do not fit together."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autodiff",
        description="The value of an expression, and the chain rule behind its gradient, edge by edge.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"autodiff {__version__}")
    add("expression", help='such as "tanh(w*x + b)"; - reads it from standard input')
    add("values", nargs="*", default=[], metavar="name=number", help="the numbers that the names stand for")
    add("--wrt", metavar="NAMES", help="the gradients to print, as w,x; by default those of all names")
    add("--order", type=int, choices=(1, 2), default=1, help="2 prints the second derivatives as well")
    add("--explain", metavar="NAME", help="the gradient by that name as the sum over paths, largest first")
    add("--latex", action="store_true", help="print the gradients as LaTeX, and nothing else")
    add("--check", action="store_true", help="compare the derivatives with finite differences")
    add("--svg", metavar="FILE", help="draw the graph with its gradients")
    add("--html", metavar="FILE", help="write a page that plays the backward pass, step by step")
    add("--language", choices=languages(), default="en", help="that of the page's own texts")
    add("--json", metavar="FILE", help="save the trace")
    return parser


def _run(options: argparse.Namespace) -> int:
    text = options.expression.strip()
    if text == "-":
        text = _read()
    variables = {name: Value(number, label=name) for name, number in _numbers(options.values).items()}
    loss = evaluate(text, variables)
    if unused := sorted(variables.keys() - used_names(text)):
        raise _UsageError(f"the expression has no {', '.join(map(repr, unused))}")
    wrt = _chosen("--wrt", options.wrt, variables)
    explained = _chosen("--explain", options.explain, variables) if options.explain is not None else []
    for kind in ("svg", "html"):
        file = getattr(options, kind)
        if file is not None and not file.lower().endswith(f".{kind}"):
            raise _UsageError(f"the file of --{kind} must end in .{kind}, not {file!r}")
    recorded = trace(loss, accumulate=True) if variables else None
    if recorded is None and (options.json is not None or options.html is not None or options.latex):
        raise _UsageError("an expression without names has no gradient")
    if recorded is not None and options.json is not None:
        save(recorded, options.json)
    infinite: list[str] = []
    if options.latex:
        print("\n".join(explain(loss, variables[name]).latex() for name in explained or wrt))
    else:
        print(f"L = {text} = {loss.data!r}" + (f"\n\n{recorded}\n" if recorded is not None else ""))
        for name in wrt:
            print(printable(f"∂L/∂{name} = {variables[name].grad!r}"))
        for name in explained:
            print(f"\n{explain(loss, variables[name])}")
        if options.order == 2 and wrt:
            infinite = _print_second(loss, variables, wrt)
    _write_pictures(loss, recorded, options)
    for value in variables.values():
        value.grad = 0.0  # what the trace left there is not to be taken for the gradient of an earlier pass
    check_finite(loss)
    if infinite:
        raise RuntimeError(f"not finite: {', '.join(infinite)}")
    if options.check and variables:
        _check(text, variables, options.order)
    return 0


def _read() -> str:
    """The expression that standard input has."""
    if sys.stdin is None:
        raise _UsageError("there is no standard input to read the expression from")
    try:
        return sys.stdin.read(MAX_LENGTH + 1).strip()
    except (UnicodeDecodeError, OSError) as error:
        raise _UsageError(f"standard input cannot be read: {error}") from None


def _numbers(words: Sequence[str]) -> dict[str, float]:
    """The numbers by name, from words such as ``w=0.5``."""
    numbers: dict[str, float] = {}
    for word in words:
        name, equals, digits = word.partition("=")
        name = unicodedata.normalize("NFKC", name.strip())  # as Python's parser reads names
        if not equals or not name.isidentifier() or iskeyword(name):
            raise _UsageError(f"a value is given as name=number, such as w=0.5, not {word!r:.60}")
        if name in numbers:
            raise _UsageError(f"{name!r} has two values")
        try:
            numbers[name] = float(digits)
        except ValueError:
            raise _UsageError(f"the value of {name!r} must be a number, not {digits!r:.60}") from None
    return numbers


def _chosen(option: str, names: str | None, variables: dict[str, Value]) -> list[str]:
    if names is None:
        return list(variables)
    chosen = [unicodedata.normalize("NFKC", name.strip()) for name in names.split(",")]
    for name in chosen:
        if name not in variables:
            raise _UsageError(f"{option}: {name!r} has no value (given are: {', '.join(variables) or 'none'})")
    return chosen


def _print_second(loss: Value, variables: dict[str, Value], wrt: list[str]) -> list[str]:
    """Print the second derivatives, and return the names of those that are not finite."""
    infinite = []
    print()
    for name, row in zip(wrt, hessian(loss, [variables[name] for name in wrt])):
        for other, second in zip(wrt, row):
            print(printable(f"∂²L/∂{name}∂{other} = {second.data!r}"))
            if not isfinite(second.data):
                infinite.append(f"∂²L/∂{name}∂{other}")
    return infinite


def _write_pictures(loss: Value, recorded: Trace | None, options: argparse.Namespace) -> None:
    from autodiff.drawing import render

    for path in filter(None, (options.svg, options.html)):
        try:
            if recorded is not None and path is options.html:
                written = recorded.to_html(path, language=options.language)
            else:
                written = render(loss, path)
        except ValueError as error:  # more nodes than a picture can show
            raise RuntimeError(f"{path} was not written: {error}") from None
        if written.suffix == ".txt":
            raise RuntimeError(
                f"{path} was not written, since there is no dot to draw with: a tree of text is in {written}"
            )


def _check(text: str, variables: dict[str, Value], order: int) -> None:
    from autodiff.checking import check_gradients

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the verdict is printed
        numbers = {name: value.data for name, value in variables.items()}
        try:
            report = check_gradients(lambda point: evaluate(text, point), numbers, order)
        except ValueError as error:  # the point, or one near it, is no place to check at
            raise RuntimeError(f"the check could not be made: {error}") from None
    print(f"\ncheck against finite differences: {report.verdict}")


if __name__ == "__main__":
    raise SystemExit(main())
