"""Programs taken along: as C, as NumPy source, as a JavaScript module. They compute values and gradients without us.

All text of operations comes from the one writer (``program.writers``); a module here knows how its language writes
functions, arguments and branches.
"""
