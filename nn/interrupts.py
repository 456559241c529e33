"""Ctrl-C comes between steps, not inside of one: parameters and optimizer change together, or not at all."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interrupts_held() -> Iterator[None]:
    """Let a first Ctrl-C wait until the end of the block; a second one ends a block that never would.

    Python hands signals to the main thread alone: in others, and where the handler is not Python's, nothing is to do.

    >>> with interrupts_held():
    ...     print("whole")
    whole
    """
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    held: list[tuple[int, FrameType | None]] = []

    def hold(number: int, frame: FrameType | None) -> Any:
        held.append((number, frame))
        if len(held) > 1:
            signal.signal(signal.SIGINT, handler)
            handler(number, frame)

    signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
    if held:
        handler(*held[0])
