"""The lecture "Backpropagation · Fehlerrückführung", as programs to run and a page to play with.

In its order: ``error``, ``loss``, ``error_mountain``, ``gradient_descent`` and ``backpropagation``, each run by
``python -m demos.lesson.<name>``; ``python -m demos.lesson`` makes the page. Teaching aids are ``exercises`` and
``order``.
"""
