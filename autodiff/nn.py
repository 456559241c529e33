"""``nn`` under a name that is not taken elsewhere: ``import autodiff.nn`` is ``import nn``, the same module.

Where another ``nn`` is found first, such as a file of that name in the present folder, this says which.
"""

import sys
from pathlib import Path

import nn
from nn import *  # noqa: F403  # for type checkers; below, this name is given the module itself

OURS = Path(__file__).parents[1] / "nn"

if OURS not in Path(getattr(nn, "__file__", None) or "").parents:
    raise ImportError(
        f"autodiff needs its own package nn, and Python finds another one first, {getattr(nn, '__file__', None)}: "
        "rename that, or run from another folder"
    )
for _name, _module in [*sys.modules.items()]:
    if _name.partition(".")[0] == "nn":
        sys.modules[f"autodiff.{_name}"] = _module
