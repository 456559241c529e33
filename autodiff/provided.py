"""What folders above the engine provide to those below: the package, which knows them all, says where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_loaders: dict[str, Callable[[], Any]] = {}


def provide(name: str, load: Callable[[], Any]) -> None:
    """Let this load what has that name, when it is first asked for."""
    _loaders[name] = load


def provided(name: str) -> Any:
    """What was provided under that name."""
    return _loaders[name]()
