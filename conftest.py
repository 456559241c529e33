"""Examples in modules are run where what they import is installed."""

from importlib.util import find_spec

EXTRAS = {
    "jax": ["autodiff/bridges/jax/*", "autodiff/compiling/jax/*", "autodiff/compiling/pure.py"],
    "anywidget": ["autodiff/tracing/player/widget.py"],
    "matplotlib": ["nn/notebook_figure.py"],
    "sklearn": ["nn/estimators.py"],
    "torch": ["autodiff/bridges/torch/*", "tests/bridges/torch_*.py", "nn/torch_networks.py"],
}
collect_ignore_glob = [file for package, files in EXTRAS.items() if find_spec(package) is None for file in files]
