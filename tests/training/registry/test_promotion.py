"""Tests of gistwire_training.registry.promotion, with scripted figures."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from gistwire_training.errors import CheckpointError, PromotionRefusedError
from gistwire_training.pairs import Pair
from gistwire_training.registry import (
    Gate,
    Measured,
    add_and_promote,
    list_versions,
    promote_summarizer,
    read_active,
    verify_served,
)
from gistwire_training.registry.versions import read_model_version

from tests.training.registry.conftest import GOOD, ModelMaker

PAIRS = [Pair(id="a", headline="Bridge shut", body="The bridge is shut.", summary="It is shut.")]


class Scripted:
    """Gives each version scripted figures. Implements MeasureVersion."""

    def __init__(self, figures: dict[str, Measured]) -> None:
        self.figures = figures
        self.pairs: list[Sequence[Pair]] = []

    def __call__(self, folder: Path, pairs: Sequence[Pair]) -> Measured:
        self.pairs.append(pairs)
        return self.figures.get(read_model_version(folder).version, GOOD)


def test_what_passes_becomes_the_next_version_and_is_served(repo: Path, make_model: ModelMaker) -> None:
    scripted = Scripted({})
    number, verdict = promote_summarizer(
        repo, make_model("c"), PAIRS, measure=scripted, gate=Gate(), reason="better"
    )
    active = read_active(repo, "summarizer")
    assert active is not None
    assert (number, active.version, active.previous, active.reason) == (3, 3, 2, "better")
    assert verdict.passed
    assert scripted.pairs == [PAIRS, PAIRS]  # both on the same


def test_what_is_refused_changes_nothing_that_is_served(repo: Path, make_model: ModelMaker) -> None:
    slow = msgspec.structs.replace(GOOD, latency_p95_ms=200.0)
    with pytest.raises(PromotionRefusedError, match="latency"):
        promote_summarizer(
            repo, make_model("c"), PAIRS, measure=Scripted({"c": slow}), gate=Gate(), reason="better"
        )
    assert [each.number for each in list_versions(repo, "summarizer")] == [1, 2]
    assert read_active(repo, "summarizer") is None  # as before: the highest one is served


def test_the_first_version_has_none_to_be_compared_with(tmp_path: Path, make_model: ModelMaker) -> None:
    scripted = Scripted({})
    number, _ = promote_summarizer(
        tmp_path / "empty", make_model("a"), PAIRS, measure=scripted, gate=Gate(), reason="first"
    )
    assert number == 1
    assert len(scripted.pairs) == 1


def test_a_model_that_is_there_is_not_added_again(repo: Path, make_model: ModelMaker, tmp_path: Path) -> None:
    assert add_and_promote(repo, "summarizer", tmp_path / "converted-a", expected=2, reason="back") == 1
    assert len(list_versions(repo, "summarizer")) == 2


def test_another_promotion_meanwhile_is_noticed_before_anything_is_added(
    repo: Path, make_model: ModelMaker
) -> None:
    with pytest.raises(PromotionRefusedError, match="version 2 is served, not 1"):
        add_and_promote(repo, "summarizer", make_model("c"), expected=1, reason="late")
    assert len(list_versions(repo, "summarizer")) == 2


def test_a_damaged_served_version_is_named(repo: Path) -> None:
    (repo / "summarizer" / "2" / "model.bin").write_bytes(b"other")
    with pytest.raises(CheckpointError, match=r"model\.bin differs"):
        verify_served(repo, "summarizer")
