"""An indexer that tests kill: a server of any configuration and `gistwire ingest` to it, in one process.

python -m tests.faults.indexer_process CONFIG [OPTION of gistwire ingest…]
"""

import asyncio
import sys
from pathlib import Path

from gistwire_client.main import run
from gistwire_server.app import running_server
from gistwire_server.config import load_config


async def index(config_file: Path, arguments: list[str]) -> int:
    """Runs a server while it is fed; returns the exit status of the command that does so."""
    async with running_server(load_config(config_file)) as running:
        return await asyncio.to_thread(run, ["ingest", *arguments, "--target", running.target])


if __name__ == "__main__":
    # The server's log goes to standard output unless it is told otherwise.
    import structlog

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    sys.exit(asyncio.run(index(Path(sys.argv[1]), sys.argv[2:])))
