"""Start-up: from the shell prompt to the first hit of `gistwire search` on an index that is there already.

Processes find the bytecode of what they import, as they do where Gistwire is installed: compiling it takes as long
again as running it.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from benchmarks.corpus import read_articles, sample_files
from benchmarks.machine import GISTWIRE, describe_machine


@dataclass(frozen=True, slots=True)
class StartupTimes:
    """What one process took until it had printed what was waited for.

    Attributes:
        wall_s: from its start, in seconds.
        cpu_s: CPU-seconds of all its threads by then.
    """

    wall_s: float
    cpu_s: float


def measure_startup(sources: Sequence[str], *, runs: int) -> None:
    """Prints the figures.

    Args:
        sources: files of articles; none for the sample corpus.
        runs: how many processes are started for each figure.

    Raises:
        click.ClickException: the articles could not be ingested, or a search printed no hits.
    """
    print(describe_machine())
    articles = read_articles(sources)
    queries = [article.headline for article in articles[:: max(len(articles) // runs, 1)]][:runs]
    with TemporaryDirectory(prefix="gistwire-bench-") as folder:
        environment = with_bytecode(Path(folder) / "bytecode")
        _ingest(Path(folder), sources or sample_files(), environment)
        until_line(_search(Path(folder), "what compiles all that is imported", "best"), '"hits"', environment)
        print(f"corpus: {len(articles)} articles of {', '.join(sources) or 'the sample corpus'}")
        print(f"{len(queries)} runs; load of the machine before them: {os.getloadavg()[0]:.1f}")
        imports = [sys.executable, "-c", "import numpy, grpc.aio; print()"]
        print_times("numpy and gRPC alone", [until_line(imports, "", environment) for _ in queries])
        for mode in ("none", "best"):
            times = [
                until_line(_search(Path(folder), query, mode), '"hits"', environment) for query in queries
            ]
            print_times(f"first hit, --summaries {mode}", times)


def with_bytecode(folder: Path) -> dict[str, str]:
    """The environment of processes that keep bytecode in a folder and find it there, whatever this one does."""
    told = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**told, "PYTHONPYCACHEPREFIX": str(folder)}


def until_line(
    command: Sequence[str], wanted: str, environment: Mapping[str, str] | None = None
) -> StartupTimes:
    """Starts a process, waits for a line of its output that contains a text, and ends it.

    Args:
        command: the process.
        wanted: the text.
        environment: the process's environment; None for this one's.

    Raises:
        click.ClickException: it ended without such a line.
    """
    started = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            for line in process.stdout:
                if wanted in line:
                    return StartupTimes(time.perf_counter() - started, cpu_seconds(process.pid))
            raise click.ClickException(
                f"{command[-1]!r} printed no {wanted}: {process.stderr.read().strip()}"
            )
        finally:
            process.kill()


def cpu_seconds(process_id: int) -> float:
    """CPU-seconds that a process has taken, in user and in kernel mode; also of one that has just ended."""
    # The name, in parentheses, may have spaces of its own; fields 14 and 15 of proc(5) count from before it.
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def print_times(name: str, times: Sequence[StartupTimes]) -> None:
    """Prints a line: median and worst."""
    walls = [each.wall_s for each in times]
    cpu_s = statistics.median(each.cpu_s for each in times)
    print(
        f"  {name:32} median {statistics.median(walls):5.2f} s   worst {max(walls):5.2f} s   CPU {cpu_s:5.2f} s"
    )


def _search(folder: Path, query: str, mode: str) -> list[str]:
    return [GISTWIRE, "search", "--data-dir", str(folder), "--summaries", mode, "--json", "--", query]


def _ingest(folder: Path, locations: Sequence[str], environment: Mapping[str, str]) -> None:
    command = [GISTWIRE, "ingest", "--data-dir", str(folder), *locations]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise click.ClickException(f"the articles could not be ingested: {done.stderr.strip()}")
