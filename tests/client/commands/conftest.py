"""The command, run in this process and in one of its own."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from gistwire_client.main import run

COMMAND = [sys.executable, "-c", "from gistwire_client.main import main; main()"]
"""`gistwire`, wherever it is installed."""

ARTICLES = (
    {
        "id": "a1",
        "headline": "Harbour crane collapses in Ellery",
        "body": "A crane fell at the Ellery harbour on Monday. Nobody was hurt. Work stopped for two days.",
        "source": "Meridian Wire",
        "published": "2026-10-05T08:00:00Z",
        "language": "en",
    },
    {
        "id": "a2",
        "headline": "Ferry service resumes after storm",
        "body": "Ferries left the harbour again on Tuesday. The storm had closed the port for three days.",
        "source": "Harbour Dispatch",
        "published": "2026-10-06T08:00:00Z",
        "language": "en",
    },
    {
        "id": "a3",
        "headline": "Museum opens a gallery of clocks",
        "body": "The museum shows 200 clocks. The oldest was built in 1610.",
        "source": "Meridian Wire",
        "published": "2026-10-07T08:00:00Z",
        "language": "en",
    },
)


@dataclass(frozen=True)
class Outcome:
    """How a run of the command ended, and what it wrote."""

    status: int
    output: str
    errors: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of standard output, each a JSON object."""
        return [json.loads(line) for line in self.output.splitlines()]


Gistwire: TypeAlias = Callable[..., Outcome]


@pytest.fixture
def gistwire(capsys: pytest.CaptureFixture[str], log_restored: None) -> Gistwire:
    """Runs the command with these arguments, in this process."""

    def invoke(*arguments: object) -> Outcome:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        output, errors = capsys.readouterr()
        return Outcome(status, output, errors)

    return invoke


@pytest.fixture
def write_articles(tmp_path: Path) -> Callable[..., Path]:
    """Writes articles, and lines that are none, to a file of JSON lines."""

    def write(*lines: dict[str, str] | str) -> Path:
        path = tmp_path / "news.jsonl"
        path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return path

    return write


@pytest.fixture
def data_dir(gistwire: Gistwire, write_articles: Callable[..., Path], tmp_path: Path) -> Path:
    """The folder of an index of ARTICLES."""
    folder = tmp_path / "data"
    assert gistwire("ingest", write_articles(*ARTICLES), "--data-dir", folder).status == 0
    return folder


async def in_thread(gistwire: Gistwire, *arguments: object) -> Outcome:
    """Runs the command beside the loop on which a scripted server runs."""
    return await asyncio.to_thread(gistwire, *arguments)
