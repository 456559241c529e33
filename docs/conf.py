"""Settings of the documentation's site: ``python -m docs.build`` makes it."""

import sys
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import autodiff  # noqa: E402  # from this checkout

project = "autodiff"
author = "the authors of autodiff"
project_copyright = author
version = release = autodiff.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "docs.live",
    "docs.curves",
]
exclude_patterns = ["static", "**/_*"]
source_suffix = {".md": "markdown"}
myst_enable_extensions = ["colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
nitpicky = False
suppress_warnings = ["myst.xref_ambiguous"]

autodoc_mock_imports = [package for package in ("jax", "torch") if find_spec(package) is None]  # no extra of the docs
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings say what is taken and given, with shapes
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

html_theme = "furo"
html_title = "autodiff"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = [("site.js", {"defer": "defer"})]
html_favicon = "static/icon.svg"
html_show_sphinx = False
html_copy_source = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
