"""Tests of who imports whom: protos ← models ← indexer ← server ← client."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "gistwire": ROOT / "protos" / "gistwire",
    "gistwire_models": ROOT / "models" / "gistwire_models",
    "gistwire_indexer": ROOT / "indexer" / "gistwire_indexer",
    "gistwire_server": ROOT / "server" / "gistwire_server",
    "gistwire_client": ROOT / "client" / "gistwire_client",
    "gistwire_training": ROOT / "training" / "gistwire_training",
}
MAY_IMPORT: dict[str, set[str]] = {
    "gistwire": set(),
    "gistwire_models": {"gistwire"},
    "gistwire_indexer": {"gistwire", "gistwire_models"},
    "gistwire_server": {"gistwire", "gistwire_models", "gistwire_indexer"},
    "gistwire_client": {"gistwire"},
    "gistwire_training": {"gistwire", "gistwire_models", "gistwire_indexer", "gistwire_server"},
}
# Commands that run a server in their own process import it when they are called.
MAY_IMPORT_IN_FUNCTIONS: dict[str, set[str]] = {
    "gistwire_client": {"gistwire_models", "gistwire_indexer", "gistwire_server"},
}
TRAINING_ONLY = {"torch", "transformers"}


def imports(tree: ast.AST, *, in_function: bool = False) -> Iterator[tuple[str, bool]]:
    """Each top-level package that a tree imports, and whether only in a function.

    What is imported for type checkers alone is left out.
    """
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from ((alias.name.partition(".")[0], in_function) for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module.partition(".")[0], in_function
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
                yield from imports(ast.Module(body=otherwise, type_ignores=[]), in_function=in_function)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from imports(node, in_function=True)
            case _:
                yield from imports(node, in_function=in_function)


def imports_of(package: str) -> set[tuple[str, str, bool]]:
    """Each file of a package with a package that it imports, and whether only in a function."""
    return {
        (str(path.relative_to(ROOT)), imported, in_function)
        for path in FOLDERS[package].rglob("*.py")
        for imported, in_function in imports(ast.parse(path.read_text(encoding="utf-8")))
    }


@pytest.mark.parametrize("package", FOLDERS)
def test_a_package_imports_only_those_below_it(package: str) -> None:
    found = imports_of(package)
    assert found
    allowed = MAY_IMPORT[package] | {package}
    allowed_in_functions = allowed | MAY_IMPORT_IN_FUNCTIONS.get(package, set())
    wrong = {
        (path, imported)
        for path, imported, in_function in found
        if imported in FOLDERS and imported not in (allowed_in_functions if in_function else allowed)
    }
    assert not wrong


@pytest.mark.parametrize("package", sorted(FOLDERS.keys() - {"gistwire_training"}))
def test_no_package_that_is_served_needs_what_only_training_needs(package: str) -> None:
    wrong = {(path, imported) for path, imported, _ in imports_of(package) if imported in TRAINING_ONLY}
    assert not wrong


def test_imports_are_found_wherever_they_stand() -> None:
    source = """
import a.b
from c.d import e
from . import sibling
if TYPE_CHECKING:
    import hidden
else:
    import shown
class C:
    import f
    def method(self):
        try:
            from g import h
        except ImportError:
            pass
"""
    assert set(imports(ast.parse(source))) == {
        ("a", False),
        ("c", False),
        ("shown", False),
        ("f", False),
        ("g", True),
    }
