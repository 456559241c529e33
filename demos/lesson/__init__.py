"""The lecture "Backpropagation · Fehlerrückführung", as programs to run and a page to play with.

In its order: ``error``, ``loss``, ``error_mountain``, ``gradient_descent`` and ``backpropagation``, each run by
``python -m demos.lesson.<name>``; ``python -m demos.lesson`` makes the page. Teaching aids are ``exercises`` and
``order``. ``from demos.lesson import lesson`` makes a page of your own data and network.
"""

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "lesson":  # loaded when it is asked for: the chapters are run as programs, and none is loaded before
        from demos.lesson.own import lesson

        return lesson
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
