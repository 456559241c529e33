"""What type checkers and editors know of operations stands in the stub beside this file, made from the table."""


class Declared:
    """A number's operators and methods of operations, as they are declared: at run time, the rows give them."""

    __slots__ = ()
