"""``python -m docs.rules`` checks the scalar rules of PyTorch, JAX and autograd, and writes the page of what is found.

It needs all three (``pip install torch jax autograd``) and some minutes. The points are drawn from a seed, so the same
versions give the same page.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from autodiff.checking import RuleTable, check_rules
from autodiff.checking.rules_check import RuleResult

PAGE = Path(__file__).with_name("rules.md")
MODULES = (
    "torch", "torch.special", "torch.nn.functional", "jax.numpy", "jax.scipy.special", "jax.nn", "autograd.numpy",
    "autograd.scipy.special",
)  # fmt: skip
LINE, UNIT, POSITIVE = (-10.0, 10.0), (0.01, 0.99), (0.01, 10.0)
ON_THE_LINE = (
    "bessel_j0", "bessel_j1", "celu", "elu", "expit", "hard_sigmoid", "hard_silu", "hard_tanh", "hardshrink",
    "hardsigmoid", "hardswish", "hardtanh", "i0", "i0e", "i1", "i1e", "log_expit", "log_ndtr", "log_sigmoid",
    "logsigmoid", "mish", "ndtr", "relu6", "selu", "soft_sign", "softshrink", "softsign", "squareplus", "tanhshrink",
)  # fmt: skip
DOMAINS = dict.fromkeys(ON_THE_LINE, (LINE,)) | {
    "entr": (POSITIVE,),
    "float_power": (POSITIVE, (-3.0, 3.0)),
    "gammaln": (POSITIVE,),
    "log1mexp": (POSITIVE,),  # JAX's is that of -x
    "logaddexp2": (LINE, LINE),
    "ndtri": (UNIT,),
    "psi": (POSITIVE,),
    "rsqrt": (POSITIVE,),
    "xlog1py": (POSITIVE, (-0.9, 10.0)),
}
"""Those of functions that no row of this project's table is called as."""
OTHERWISE = {"where", "leaky_relu"}
"""Functions that are called otherwise than rows of their name."""


def tables() -> Iterator[tuple[str, RuleTable]]:
    """The results by module.

    Raises:
        ImportError: a package is not installed.
    """
    for name in MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            package = name.partition(".")[0]
            raise ImportError(f"{package} is not installed: pip install {package}") from error
        if name == "jax.numpy":
            sys.modules["jax"].config.update("jax_enable_x64", True)
        found = check_rules(module, domains=DOMAINS).results
        yield name, RuleTable(tuple(each for each in found if each.rule.rpartition(".")[2] not in OTHERWISE))


TEXT = """# The derivative rules of other frameworks, checked

Made by `python -m docs.rules`, which calls `check_rules` on modules of PyTorch, JAX and autograd: on each function of
theirs that is called as a row of this project's table is, and on some more. Their own derivatives are compared with
numerical ones that know their own error, at 20 points of the domain and close to 0; order 2 is the derivative of their
derivative. Everything is in float64. Versions: {versions}.

Of {total} lines, {pass_} pass, {kink} meet a kink (a corner at one of the points, where the derivative lies between
both sides), {inconclusive} are inconclusive (rounding or a singularity hides the derivative at the point shown), and
{fail} fail. *Worst error* is the greatest relative error that is more than the numerical derivative's own.

## What is wrong

{failures}

To see one of them:

```python
import torch

from autodiff.checking import check_rules

print(check_rules(torch.special))
```

At a point alone, with the numbers on both sides:

```python
from autodiff import check_gradients

x = torch.tensor(1e-8, dtype=torch.float64)
check_gradients(torch.func.grad(torch.special.sinc), x)  # raises GradientMismatchError
```

Without a rule: {missing}.

## All of them

{tables}
"""


def page(found: dict[str, RuleTable]) -> str:
    """The page as Markdown."""
    packages = dict.fromkeys(name.partition(".")[0] for name in MODULES)
    results = [each for table in found.values() for each in table.results]
    count = Counter(each.verdict for each in results)
    missing = sorted({each.rule for each in results if "not defined" in each.note or "not implemented" in each.note})
    return TEXT.format(
        versions=", ".join(f"{package} {version(package).partition('+')[0]}" for package in packages),
        total=len(results),
        pass_=count["pass"],
        kink=count["kink"],
        inconclusive=count["inconclusive"],
        fail=count["fail"],
        failures="\n".join(_failure(each) for each in results if each.verdict == "fail"),
        missing=", ".join(f"`{rule}`" for rule in missing),
        tables="\n\n".join(f"```\n{table}\n```" for table in found.values()),
    )


def _failure(result: RuleResult) -> str:
    """One line about a rule that is wrong."""
    assert result.found is not None
    at = ", ".join(f"{x:.6g}" for x in result.where)
    which = "derivative" if result.order == 1 else "second derivative"
    numerical = result.found.estimate
    return (
        f"- `{result.rule}`: the {which} at {at} is {result.found.engine:.9g}, and should be {numerical.value:.9g} "
        f"± {numerical.error:.1g}."
    )


def main() -> None:
    """Write the page."""
    warnings.simplefilter("ignore")
    PAGE.write_text(page(dict(tables())), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
