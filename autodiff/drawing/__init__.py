"""SEE the graph: pictures of what was recorded, as SVG, PNG, DOT text or a tree of plain text."""

from autodiff.drawing.dot_text import draw
from autodiff.drawing.files import notebook_picture, render
from autodiff.drawing.rendering import find_dot
from autodiff.drawing.text_tree import tree

__all__ = ["draw", "find_dot", "notebook_picture", "render", "tree"]
