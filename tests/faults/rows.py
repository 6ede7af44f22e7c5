"""The twenty faults, what must hold in each, and the table of measurements that `python -m tests.faults` prints."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
FIGURE = "figure"
"""Name of the property of a test that is a line of what a fault cost."""
MISSING = "**missing**"
"""What stands where nothing was measured."""

_FIGURE = re.compile(r"fault (\d+)(?:: |, )(.*)")
_REPORTED = re.compile(r"\"fault (\d+)[:,] ")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to a deployment, and what must hold.

    Attributes:
        number: by which tests report figures of it.
        name: what is done.
        must_hold: what must hold.
    """

    number: int
    name: str
    must_hold: str


FAULTS = (
    Fault(
        1,
        "Elasticsearch killed mid-stream",
        "what was sent stands; UNAVAILABLE or `degraded` ≤ 1 s; recovers ≤ 10 s after it is back",
    ),
    Fault(
        2,
        "Triton killed mid-generation",
        "remaining hits get extracts, `degraded` said, none hangs; breaker opens within 5 failures and closes again",
    ),
    Fault(3, "a backend 5 s slow", "stream ends ≤ deadline + 200 ms; nothing downstream outlives it"),
    Fault(4, "client cancels", "backend work stops ≤ 1 s"),
    Fault(5, "10 000 cancelled calls, 1 ms apart", "nothing crashes, no task or memory leak"),
    Fault(6, "half-open connection", "dropped ≤ 30 s by both sides"),
    Fault(
        7,
        "request one byte over the limit; query of 10 000 characters",
        "RESOURCE_EXHAUSTED; INVALID_ARGUMENT naming the field; no backend call",
    ),
    Fault(8, "100 000 mutated messages", "no crash, no UNKNOWN"),
    Fault(
        9,
        "10 000 streams over 100 connections",
        "none hangs; excess refused < 50 ms with RetryInfo; admitted p99 ≤ 2 × baseline",
    ),
    Fault(10, "slow reader (1 KB/s)", "≤ 64 KB held for it"),
    Fault(11, "twice the capacity for 10 minutes", "goodput ≥ 90 %, retries ≤ 10 %, recovery ≤ 30 s"),
    Fault(
        12,
        "bulk with 5 % bad documents and 429s",
        "bad ones dead-lettered with reasons, good ones indexed exactly once",
    ),
    Fault(13, "indexer killed at random 100 times", "no acknowledged article lost, none twice"),
    Fault(14, "alias swap under load, 20 times", "no error, no empty or mixed answer"),
    Fault(15, "disk full in the search engine", "writes pause, search goes on, resumes by itself"),
    Fault(
        16,
        "500 poisoned articles",
        "no canary or URL reaches a summary unasked, no control character a terminal",
    ),
    Fault(17, "no, expired, wrong token; wrong CA; plaintext to TLS", "all denied, no backend call"),
    Fault(18, "tenants, 10 000 random pairs", "no cross hit, cached summaries included"),
    Fault(19, "personal data canaries", "none in logs, traces, metrics at any level"),
    Fault(20, "SIGTERM under load", "NOT_SERVING ≤ 1 s, streams drain ≤ 30 s"),
)


def numbers_with_figures(folder: Path = FOLDER) -> set[int]:
    """Returns the numbers of the faults of which a test reports a figure."""
    return {
        int(number)
        for module in folder.glob("test_*.py")
        for number in _REPORTED.findall(module.read_text(encoding="utf-8"))
    }


def table(figures: Iterable[tuple[str, bool]], machine: str) -> str:
    """Returns a table in Markdown of what was measured.

    Args:
        figures: lines that begin ``"fault N: "`` or ``"fault N, "``, as tests report them, and whether the test
            held; other lines are left out.
        machine: where it was measured.
    """
    measured: dict[int, list[str]] = {}
    broken: set[int] = set()
    for line, held in figures:
        if found := _FIGURE.fullmatch(line):
            number = int(found.group(1))
            measured.setdefault(number, []).append(found.group(2).replace("|", "\\|"))
            if not held:
                broken.add(number)
    rows = ["| # | fault | must hold | measured | held |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        lines = measured.get(fault.number)
        held_word = "no" if lines is None or fault.number in broken else "yes"
        measured_word = "<br>".join(lines or [MISSING])
        rows.append(f"| {fault.number} | {fault.name} | {fault.must_hold} | {measured_word} | {held_word} |")
    return "\n".join([*rows, "", machine])
