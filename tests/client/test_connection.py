"""Tests of the server that runs in the process of a command."""

import gc
import subprocess
import sys
from pathlib import Path

import click
import pytest
from gistwire_client.connection import PRIVATE_SOCKET, embedded_server
from gistwire_client.errors import UnreachableError

PRINTS_HIDDEN = """
import sys
from gistwire_client.connection import _import_structlog
_import_structlog()
import structlog
print(structlog.dev.rich, structlog.dev.colorama, "rich" in sys.modules)
import rich.console
"""


async def test_the_collector_passes_over_what_was_opened_until_the_server_ends(tmp_path: Path) -> None:
    async with embedded_server(tmp_path, listen=PRIVATE_SOCKET):
        assert gc.isenabled()
        assert gc.get_freeze_count() > 10_000
    assert gc.get_freeze_count() == 0


async def test_a_start_that_fails_leaves_the_collector_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnreachableError, match="cannot start"):
        async with embedded_server(tmp_path / "file", listen=PRIVATE_SOCKET):
            pass
    with pytest.raises(click.UsageError, match="tenants"):
        async with embedded_server(tmp_path, listen=PRIVATE_SOCKET, tenants=["No Name"]):
            pass
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_the_log_does_without_the_packages_of_colours_which_others_can_import() -> None:
    process = subprocess.run(
        [sys.executable, "-c", PRINTS_HIDDEN], capture_output=True, text=True, check=True
    )
    assert process.stdout.split() == ["None", "None", "False"]
