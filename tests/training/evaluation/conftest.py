"""Invented pairs, and systems that do as they are told, for the tests of evaluation."""

from collections.abc import Callable, Sequence

import pytest
from gistwire_training.pairs import Pair


class ScriptedSystem:
    """Implements System by a function of the pair, and keeps what it saw."""

    def __init__(self, name: str, write: Callable[[Pair], str]) -> None:
        self.name = name
        self.seen: list[Pair] = []
        self.batches: list[int] = []
        self._write = write

    def summarize(self, pairs: Sequence[Pair]) -> list[str]:
        self.seen += pairs
        self.batches.append(len(pairs))
        return [self._write(pair) for pair in pairs]


MakeSystem = Callable[[str, Callable[[Pair], str]], ScriptedSystem]


@pytest.fixture(scope="session")
def make_system() -> MakeSystem:
    return ScriptedSystem


@pytest.fixture(scope="session")
def pairs() -> list[Pair]:
    """Twelve pairs of two sources; in each, the summary says the same as the body in fewer words."""
    towns = (
        "Berlin",
        "Oslo",
        "Lyon",
        "Porto",
        "Turin",
        "Ghent",
        "Malmo",
        "Graz",
        "Split",
        "Tartu",
        "Cork",
        "Bath",
    )
    return [
        Pair(
            id=f"pair-{number}",
            headline=f"{town} approves its new bridge",
            body=f"The council of {town} approved a new bridge on Monday after a debate of {number + 2} hours. "
            f"Work on the bridge begins in May. Two members of the council voted against the bridge.",
            summary=f"{town} approved a bridge after {number + 2} hours.",
            source="wire" if number % 2 else "daily",
            language="en",
        )
        for number, town in enumerate(towns)
    ]
