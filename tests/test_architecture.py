"""Imports only go down, never in circles; what is private stays so; importing the engine loads the engine alone."""

import ast
import importlib
import pkgutil
import subprocess
import sys
from graphlib import TopologicalSorter

import pytest

import autodiff
import nn
from docs.layers import PACKAGES, READING_LIST, ROOT, dot, imported, layer, modules

BELOW = {
    "reading list": {"beside it"},
    "beside it": {"reading list"},
    "program": {"reading list", "beside it"},
    "compiling": {"program", "reading list", "beside it"},
    "drawing": {"program", "reading list", "beside it"},
    "tracing": {"drawing", "program", "reading list", "beside it"},
    "checking": {"compiling", "program", "reading list", "beside it"},
    "bridges": {"reading list", "beside it"},
    "autodiff": {"checking", "compiling", "drawing", "tracing", "program", "reading list", "beside it"},
    "nn": {"autodiff", "beside it"},
}
"""What each layer may import besides itself."""
LENGTH = 1285
"""Lines of the six files of the reading list, docstrings included."""
BESIDE = {
    "declarations", "differentiated_call", "documentation", "hooks", "ieee", "micrograd", "mistakes", "more_rules",
    "number_like", "numpy_protocol", "pickling", "primals", "provided", "registry", "selection", "special", "text",
    "trees", "versions", "zeros",
}  # fmt: skip
"""What the engine loads beside the reading list."""
EXTRAS = {
    ".native.": "numba", ".jax.": "jax", ".pure.": "jax", ".widget.": "anywidget", ".notebook_figure.": "matplotlib",
    ".estimators.": "sklearn", ".torch.": "torch",
}  # fmt: skip
"""What modules need that are left out where it is not installed."""
SHARED = {"_asdict", "_fields", "_getframe", "_make", "_replace", "_repr_html_", "_repr_mimebundle_", "_repr_pretty_"}
"""Private in name only: parts of Python's and IPython's own interfaces."""
FILES = [pytest.param(name, path, id=name) for name, path in modules().items()]


@pytest.mark.parametrize(("name", "path"), FILES)
def test_a_module_imports_from_its_own_layer_and_those_below(name, path):
    allowed = {layer(name), *BELOW[layer(name)]}
    assert {other for other in imported(path) if layer(other) not in allowed} == set()


@pytest.mark.parametrize(("name", "path"), [each for each in FILES if not each.id.startswith("nn")])
def test_inside_of_the_package_nobody_imports_the_package_itself(name, path):
    if layer(name) != "autodiff":  # it is on top, and knows all folders
        assert "autodiff" not in imported(path)


@pytest.mark.parametrize(("name", "path"), [each for each in FILES if each.id.startswith("nn")])
def test_the_network_layer_uses_public_names_alone(name, path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "autodiff":
            assert node.module in ("autodiff", "autodiff.trees")
            assert {alias.name for alias in node.names} <= {*autodiff.__all__, *vars(autodiff.trees), "trees"}


def test_there_are_no_circles():
    graph = {name: imported(path) - {name} for name, path in modules().items()}
    for package in [name for name, path in modules().items() if path.name == "__init__.py"]:
        # A package is imported before its modules: what it imports itself, it takes from them.
        graph[package] = {other for other in graph[package] if not package.startswith(f"{other}.")}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize(("name", "path"), FILES)
def test_nobody_uses_another_modules_private_names(name, path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {node.name for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    own |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    own |= {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    own |= {
        node.attr for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
            assert [alias.name for alias in node.names if is_private(alias.name)] == []
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            assert node.attr in own | SHARED, f"line {node.lineno}: {ast.unparse(node)}"


def is_private(name):
    return name.startswith("_") and not name.startswith("__")


@pytest.mark.parametrize(("name", "path"), FILES)
def test_no_package_imports_demos_tests_or_benchmarks(name, path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {each.partition(".")[0] for each in names} & {"demos", "tests", "benchmarks", "docs"}


def test_the_reading_list_can_be_read_in_one_sitting():
    lines = [len((ROOT / "autodiff" / f"{name}.py").read_text(encoding="utf-8").splitlines()) for name in READING_LIST]
    assert sum(lines) <= LENGTH


def test_importing_the_engine_loads_the_engine_and_the_standard_library_alone():
    code = "import sys; before = set(sys.modules); import autodiff; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    engine = {f"autodiff.{name}" for name in (*READING_LIST, *BESIDE)}
    assert {name for name in loaded if name.startswith("autodiff.")} == engine
    assert {name.split(".")[0] for name in loaded} <= sys.stdlib_module_names | {"autodiff"}
    assert len(loaded) < 100  # a light import: some 40 modules of the standard library


def test_every_public_name_is_there_and_listed():
    assert all(hasattr(autodiff, name) for name in autodiff.__all__)
    assert len({*autodiff.__all__}) == len(autodiff.__all__)


def skip_without_extra(name):
    """Skip a module whose package is not installed."""
    for part, package in EXTRAS.items():
        if part in f"{name}.":
            pytest.importorskip(package, reason=f"{name} needs {package}")


@pytest.mark.parametrize("package", [name for name, path in modules().items() if path.name == "__init__.py"])
def test_no_module_and_function_share_an_import_path(package):
    skip_without_extra(package)
    found = importlib.import_module(package)
    within = {each.name for each in pkgutil.iter_modules(found.__path__)}
    assert within.isdisjoint(getattr(found, "__all__", ()))


def defined_in(name):
    module = importlib.import_module(name)
    return [thing for thing in vars(module).values() if isinstance(thing, type) and thing.__module__ == name]


@pytest.mark.parametrize("name", [name for name in modules() if not name.endswith("__main__")])
def test_exceptions_end_in_error(name):
    skip_without_extra(name)
    for kind in defined_in(name):
        if issubclass(kind, Warning):
            assert kind.__name__.endswith("Warning")
        elif issubclass(kind, BaseException):
            assert kind.__name__.endswith("Error")


def test_what_was_renamed_says_so():
    with pytest.warns(DeprecationWarning, match="SingularPoint"):
        assert autodiff.Pinned is autodiff.SingularPoint
    assert nn.NonFiniteLossError is autodiff.NonFiniteError
    with pytest.raises(TypeError, match="singular_points"):
        autodiff.operation("with_an_old_option", abs, lambda x, y: 1.0, pinned={})


def test_the_picture_of_the_layers_is_that_of_the_imports():
    assert (ROOT / "docs" / "layers.dot").read_text(encoding="utf-8") == dot()
