"""Fault 13: the indexer is killed at random: no acknowledged article is lost, none is indexed or refused twice.

The moments come from a seed, as numbers of acknowledgements. The long form is
``GISTWIRE_KILLS=100 pytest tests/faults/test_ingest_kills.py``.
"""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gistwire_server.app import open_engines
from gistwire_server.config import load_config

from tests.backends.ports import free_port

KILLS = int(os.environ.get("GISTWIRE_KILLS", "5"))
ARTICLES = 60 * KILLS
SEED = 20

# One in so many has no headline.
REFUSED_EVERY = 15

_ROOT = Path(__file__).parents[2]
_WORDS = [
    "harbour",
    "crane",
    "ferry",
    "storm",
    "museum",
    "clock",
    "tram",
    "bridge",
    "school",
    "market",
    "orchard",
    "quarry",
]


@dataclass
class Indexer:
    """An indexer with everything it writes to, and what it has acknowledged so far."""

    index: str
    config_file: Path
    source: Path
    dead_letter: Path
    checkpoint: Path
    revisions: dict[str, str] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)

    def run(self, *, kill_after: int | None = None) -> bool:
        """Runs it, and kills it after so many acknowledgements; says whether it came to its end."""
        command = [sys.executable, "-m", "tests.faults.indexer_process", str(self.config_file)]
        command += [str(self.source), "--json", "--dead-letter", str(self.dead_letter)]
        command += ["--checkpoint", str(self.checkpoint)]
        errors = self.config_file.with_suffix(".log")
        with (
            errors.open("a") as log,
            subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, stderr=log, text=True) as process,
        ):
            assert process.stdout is not None
            # What was printed before the end counts, also if it is read after it.
            for count, line in enumerate(process.stdout, start=1):
                self._acknowledge(line)
                if count == kill_after:
                    process.kill()
        assert process.returncode == 0 or kill_after is not None, errors.read_text()
        return process.returncode == 0

    def _acknowledge(self, line: str) -> None:
        if not line.endswith("\n"):
            return
        acknowledgement: dict[str, Any] = json.loads(line).get("acknowledgement", {})
        if acknowledgement.get("outcome") in ("CREATED", "UPDATED", "UNCHANGED"):
            self.revisions[acknowledgement["id"]] = acknowledgement["revision"]
            self.created[acknowledgement["id"]] += acknowledgement["outcome"] == "CREATED"


def write_source(path: Path) -> None:
    chance = random.Random(SEED)
    with path.open("w") as file:
        for number in range(ARTICLES):
            headline = "" if number % REFUSED_EVERY == 7 else " ".join(chance.sample(_WORDS, 6))
            file.write(json.dumps({"id": f"a{number}", "headline": headline, "language": "en"}) + "\n")


@pytest.fixture(params=["embedded", "elasticsearch"])
def indexer(request: pytest.FixtureRequest, tmp_path: Path) -> Indexer:
    # A server at the same address each time, as its checkpoints are those of that address.
    lines = [f'data_dir = "{tmp_path / "data"}"', f'listen = "127.0.0.1:{free_port()}"']
    lines += ['summarizer = "extracting"', f'index = "{request.param}"']
    if request.param == "elasticsearch":
        server = request.getfixturevalue("elasticsearch_server")
        lines += ["[elasticsearch]", f'urls = ["{server.url}"]', f'prefix = "kills-{uuid4().hex[:8]}"']
    config_file = tmp_path / "gistwire.toml"
    config_file.write_text("\n".join(lines))
    source = tmp_path / "news.jsonl"
    write_source(source)
    return Indexer(
        request.param, config_file, source, tmp_path / "letters.jsonl", tmp_path / "checkpoints.db"
    )


async def test_killed_at_random_it_loses_and_doubles_nothing(
    indexer: Indexer, report_figure: Callable[[str], None]
) -> None:
    chance = random.Random(SEED)
    kills = 0
    while kills < KILLS:
        left = ARTICLES - len(indexer.revisions)
        if indexer.run(kill_after=chance.randint(1, max(2 * left // (KILLS - kills + 1), 1))):
            break
        kills += 1
        await check_acknowledged(indexer)
    indexer.run()
    await check_acknowledged(indexer)
    valid = {f"a{number}" for number in range(ARTICLES) if number % REFUSED_EVERY != 7}
    assert await count_articles(indexer) == len(valid)
    assert max(indexer.created.values()) == 1
    letters = [json.loads(line) for line in indexer.dead_letter.read_text().splitlines()]
    refused = [number + 1 for number in range(ARTICLES) if number % REFUSED_EVERY == 7]
    assert sorted(letter["line"] for letter in letters) == refused
    assert {letter["field"] for letter in letters} == {"headline"}
    assert kills >= KILLS // 2
    report_figure(
        f"fault 13: the indexer killed {kills} times at random over {ARTICLES} articles ({indexer.index}): "
        f"{len(indexer.revisions)} acknowledged, none lost, none twice; {len(letters)} refused once each"
    )


async def check_acknowledged(indexer: Indexer) -> None:
    """Fails if an acknowledged article is not indexed as it was acknowledged."""
    async with open_engines(load_config(indexer.config_file)) as opened:
        indexed = await opened.engines.index.revisions(list(indexer.revisions))
    assert dict(zip(indexer.revisions, indexed, strict=True)) == indexer.revisions


async def count_articles(indexer: Indexer) -> int:
    async with open_engines(load_config(indexer.config_file)) as opened:
        return (await opened.engines.index.statistics()).articles
