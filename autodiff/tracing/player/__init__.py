"""The player: one HTML file in which the backward pass is played, stepped and searched, with no network and no library.

``layout`` asks Graphviz where everything goes, ``graph_svg`` draws that without a number in it, ``page`` puts the
drawing, the saved trace and the program of the page together. The program is plain JavaScript: ``numbers.js`` writes
numbers as Python does, ``model.js`` knows the pass, ``view.js`` shows it in a drawing, and ``player.js`` goes through
its steps. In a live page, ``live.js`` runs the program of the graph again with other numbers in its leaves.
"""

from autodiff.tracing.player.page import html, notebook, save_html

__all__ = ["html", "notebook", "save_html"]
