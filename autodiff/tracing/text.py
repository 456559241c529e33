"""Numbers and names as lines of text."""

from __future__ import annotations

from autodiff.text import one_line as one_line


def number(value: float) -> str:
    """The number with 6 significant digits and a true minus sign.

    >>> number(3.0), number(-2.0), number(1 / 3), number(float("-inf"))
    ('3.0', '−2.0', '0.333333', '−inf')
    """
    return f"{value:.6}".replace("-", "−")


def joined(parts: list[str], separator: str, most: int = 12) -> str:
    """The parts in one line, the middle of a long row left out and counted.

    >>> joined(list("abcdef"), " ← ", most=4)
    'a ← b ← …2 more… ← e ← f'
    """
    if len(parts) > most:
        half = most // 2
        parts = [*parts[:half], f"…{len(parts) - 2 * half} more…", *parts[-half:]]
    return separator.join(parts)
