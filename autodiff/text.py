"""Text that stays in its line."""


def one_line(name: str) -> str:
    """The name in a single line: what cannot be printed is escaped.

    >>> one_line("two\\nlines")
    'two\\\\nlines'
    """
    return name if name.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in name)
