"""Tests of regular expressions that are compiled when they are first used."""

import copy
import pickle
import re

import pytest
from gistwire_models import deferred_pattern as module
from gistwire_models.deferred_pattern import compile_deferred_patterns, deferred_pattern


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The patterns that were compiled, in order."""
    seen: list[str] = []
    compile_pattern = re.compile

    def record(pattern: str, flags: int = 0) -> "re.Pattern[str]":
        seen.append(pattern)
        return compile_pattern(pattern, flags)

    monkeypatch.setattr(re, "compile", record)
    return seen


def test_it_is_compiled_once_and_not_before_it_is_used(compiled: list[str]) -> None:
    pattern = deferred_pattern(r"b+", re.IGNORECASE)
    assert not compiled
    assert pattern.findall("aBb b") == ["Bb", "b"]
    assert pattern.sub("x", "abba") == "axa"
    assert pattern.flags & re.IGNORECASE
    assert compiled == [r"b+"]


def test_what_is_costly_to_write_is_written_when_it_is_compiled(compiled: list[str]) -> None:
    pattern = deferred_pattern(lambda: "|".join(["one", "two"]))
    assert not compiled
    assert pattern.fullmatch("two")
    assert compiled == ["one|two"]


def test_a_copy_is_a_pattern_as_well() -> None:
    pattern = deferred_pattern("ant")
    assert pattern.search("an ant")
    assert copy.copy(pattern).search("an ant")
    assert pickle.loads(pickle.dumps(pattern)).search("an ant")


def test_all_are_compiled_before_anybody_waits(compiled: list[str]) -> None:
    compile_deferred_patterns()
    del compiled[:]
    pattern = deferred_pattern("ant")
    compile_deferred_patterns()
    assert pattern.search("an ant")
    assert compiled == ["ant"]


def test_a_mistake_is_raised_at_the_first_use() -> None:
    pattern = deferred_pattern("(")
    with pytest.raises(re.error):
        pattern.search("")
    # It is not left for others, who would be told of a mistake that is not theirs.
    module._waiting.remove(pattern)  # type: ignore[arg-type]
