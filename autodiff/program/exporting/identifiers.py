"""Names of users as identifiers: whatever a label holds, it never becomes code."""

from __future__ import annotations

import json
import keyword
import re
import unicodedata

LONGEST = 60
"""Characters of an identifier: compilers may tell longer ones apart by their beginnings alone."""
RESERVED = frozenset(keyword.kwlist) | {
    "np", "math", "linux", "unix",
    "auto", "char", "const", "default", "do", "double", "enum", "extern", "float", "goto", "inline", "int", "long",
    "register", "restrict", "short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned",
    "void", "volatile", "bool", "true", "false", "complex", "imaginary", "case", "main",
    "abs", "acos", "acosh", "asin", "asinh", "atan", "atan2", "atanh", "copysign", "cos", "cosh", "erf", "erfc", "exp",
    "expm1", "fabs", "fmod", "isfinite", "log", "log10", "log1p", "log2", "pow", "signbit", "sin", "sinh", "sqrt",
    "tan", "tanh",
    "by_parameters", "front", "holds", "parameters", "result", "value", "value_and_gradient", "weights",
}  # fmt: skip
"""Words of Python and C, functions that are called, and what written code calls its own arguments."""
OWN = re.compile("(d|op|way)_|[A-Z][A-Z0-9_]+$")
"""What written code begins its own names with: gradients, operations, ways through branches; and macros of C."""


class Identifiers:
    """Gives each name that it is asked for an identifier of its own: the same names in the same order the same ones.

    >>> names = Identifiers()
    >>> [names.of(each) for each in ("w", "layers.0.b", "w", "int", "2x", "β", "*/ system()", "", "d_w", "NAN")]
    ['w', 'layers_0_b', 'w_2', 'v_int', 'v_2x', 'beta', 'system', 'v', 'v_d_w', 'v_NAN']
    """

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def of(self, name: str) -> str:
        """The next name's identifier."""
        plain = identifier(name)
        found, count = plain, 2
        while found in self.taken:
            found, count = f"{plain}_{count}", count + 1
        self.taken.add(found)
        return found


def identifier(name: str) -> str:
    """Letters and digits of ASCII, and underscores between them; Greek letters are spelled out."""
    plain = _plain("".join(each if each.isascii() else _spelled(each) for each in name))[:LONGEST].rstrip("_")
    is_free = plain[:1].isalpha() and plain not in RESERVED and not OWN.match(plain)
    return plain if is_free else f"v_{plain}".rstrip("_")


def tells(made: str, name: str) -> bool:
    """Whether the identifier that was made of a name differs from it in no more than dots and brackets.

    >>> tells("layers_0_w", "layers[0].w"), tells("w_2", "w")
    (True, False)
    """
    return made == _plain(name)


def _plain(text: str) -> str:
    return re.sub("[^A-Za-z0-9]+", "_", text).strip("_")


def _spelled(letter: str) -> str:
    words = unicodedata.name(letter, "").split(" WITH ")[0].split()
    if words[:1] == ["GREEK"]:
        return words[-1].lower()
    return unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode() or "_"


def commented(name: str) -> str:
    r"""A name inside of a comment: in ASCII, on one line, and without what ends a comment or goes on with it.

    >>> print(commented("a*/b"), commented("β\n"))
    "a* /b" "\u03b2\n"
    """
    return json.dumps(name).replace("*/", "* /").replace("/*", "/ *").replace("??", "? ?")
