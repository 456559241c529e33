"""Imports only go down, and importing the engine loads the engine alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import autodiff

ROOT = Path(autodiff.__file__).parents[1]
LAYERS = {
    "operations": set(),
    "graph": {"operations"},
    "backward": {"operations", "graph"},
    "value": {"operations", "graph", "backward"},
    "composites": {"operations", "graph", "backward", "value"},
    "derivatives": {"operations", "graph", "backward", "value", "composites"},
}
FOLDER_MAY_USE = {"tape": {"observing"}, "tracing": {"drawing", "observing", "tape"}}


def is_for_type_checkers(node):
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def walk(node):
    for child in ast.iter_child_nodes(node):
        if is_for_type_checkers(child):
            for other in child.orelse:
                yield other
                yield from walk(other)
        else:
            yield child
            yield from walk(child)


def imports(path):
    """The dotted names that a file imports: modules, and ``module.name`` for what may be a submodule."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(package):
    files = sorted((ROOT / package).rglob("*.py")) if (ROOT / package).is_dir() else []
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in files]


@pytest.mark.parametrize("name", LAYERS)
def test_an_engine_file_imports_what_is_below_it_and_the_standard_library(name):
    for imported in imports(ROOT / "autodiff" / f"{name}.py"):
        first, *rest = imported.split(".")
        if first != "autodiff":
            assert first in sys.stdlib_module_names, imported
        elif rest[0] in LAYERS:
            assert rest[0] in LAYERS[name], imported
        else:  # the one way up: a notebook asks for a picture
            assert (name, imported) == ("value", "autodiff.drawing.notebook_picture")


@pytest.mark.parametrize("path", [p for p in within("autodiff") if len(p.values[0].relative_to(ROOT).parts) > 2])
def test_a_folder_of_the_engine_imports_no_other_folder(path):
    folder = path.relative_to(ROOT).parts[1]
    folders = {p.name for p in (ROOT / "autodiff").iterdir() if p.is_dir()} - {folder, "__pycache__"}
    for imported in imports(path):
        first, *rest = imported.split(".")
        assert first not in ("nn", "demos"), imported
        if first == "autodiff" and rest and rest[0] in folders:
            assert rest[0] in FOLDER_MAY_USE.get(folder, ()), imported


@pytest.mark.parametrize("path", within("nn"))
def test_the_network_layer_uses_public_names_alone(path):
    for imported in imports(path):
        first, *rest = imported.split(".")
        assert first != "demos", imported
        if first == "autodiff" and rest:
            assert len(rest) == 1, imported
            assert rest[0] in autodiff.__all__, imported


@pytest.mark.parametrize("path", within("autodiff") + within("nn"))
def test_no_package_imports_demos_or_tests(path):
    assert not {imported.split(".")[0] for imported in imports(path)} & {"demos", "tests", "benchmarks"}


def test_importing_the_engine_loads_the_engine_and_the_standard_library_alone():
    code = "import sys; before = set(sys.modules); import autodiff; print(*set(sys.modules) - before)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {name for name in loaded if name.startswith("autodiff.")} == {f"autodiff.{name}" for name in LAYERS}
    assert {name.split(".")[0] for name in loaded} <= sys.stdlib_module_names | {"autodiff"}
    assert len(loaded) < 100  # a light import: some 40 modules of the standard library


def test_every_public_name_is_there_and_listed():
    assert set(autodiff._LAZY) < set(autodiff.__all__)
    assert all(hasattr(autodiff, name) for name in autodiff.__all__)
