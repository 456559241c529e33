"""The player: one HTML file in which the backward pass is played, stepped and searched, with no network and no library.

``layout`` says where everything goes, ``contents`` puts it and the pass into few bytes, ``page`` puts these and the
program of the page together. The program is plain JavaScript: ``numbers.js`` writes numbers as Python does,
``model.js`` knows the pass, ``arrangement.js`` opens folded boxes, ``drawing.js`` draws what it gives, ``view.js``
writes numbers there, and ``player.js`` goes through the steps. In a live page, ``live.js`` runs the program of the
graph again with other numbers in its leaves.
"""

from autodiff.tracing.player.page import html, notebook, save_html

__all__ = ["html", "notebook", "save_html"]
