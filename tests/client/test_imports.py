"""Tests of what importing the client, and starting the command, imports."""

import subprocess
import sys

import gistwire_client
import pytest

ALLOWED = {"gistwire_client", "gistwire", "google", "grpc", "grpc_health"}
# gRPC imports more packages where it finds them: all that it brings is allowed, whatever it is.
GRPC = "import google.rpc, grpc.aio, grpc_health"

_NEW_TOP_LEVEL_MODULES = """
import sys
{preloaded}
before = set(sys.modules)
{statement}
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new - sys.stdlib_module_names), sep="\\n", file=sys.stderr)
"""


def third_party_imports(statement: str, *, preloaded: str = "") -> set[str]:
    """The packages outside the standard library that a statement imports, in a process of its own."""
    program = _NEW_TOP_LEVEL_MODULES.format(preloaded=preloaded, statement=statement)
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(process.stderr.split())


def test_the_library_imports_the_contract_and_grpc_alone() -> None:
    use = "import gistwire_client; [getattr(gistwire_client, name) for name in gistwire_client.__all__]"
    imported = third_party_imports(use, preloaded=GRPC)
    assert {"gistwire_client", "gistwire"} <= imported <= ALLOWED


def test_the_package_alone_imports_nothing_else() -> None:
    assert third_party_imports("import gistwire_client") == {"gistwire_client"}


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]])
def test_the_overview_waits_for_no_import(arguments: list[str]) -> None:
    statement = f"from gistwire_client.main import run; assert run({arguments}) == 0"
    assert third_party_imports(statement) == {"gistwire_client", "click"}


@pytest.mark.parametrize("command", ["search", "ingest", "crawl", "demo", "serve"])
def test_help_of_a_command_waits_for_no_server(command: str) -> None:
    imported = third_party_imports(
        f"from gistwire_client.main import run; assert run([{command!r}, '--help']) == 0"
    )
    assert imported.isdisjoint(
        {"gistwire_server", "gistwire_indexer", "gistwire_models", "numpy", "ctranslate2", "tokenizers"}
    )


def test_every_public_name_can_be_imported() -> None:
    assert sorted(gistwire_client.__all__) == gistwire_client.__all__
    for name in gistwire_client.__all__:
        assert getattr(gistwire_client, name).__name__ == name


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="error_of"):
        getattr(gistwire_client, "error_of")  # noqa: B009 - type checkers know that it is absent
