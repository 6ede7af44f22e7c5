from pathlib import Path

import numpy as np
import pytest
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, FinishReason, Origin
from gistwire_training.errors import CheckpointError, TrainingDataError
from gistwire_training.pairs import Pair
from gistwire_training.scorer import read_candidates, write_candidates

_PAIRS = [
    Pair(
        id=f"p{place}",
        headline=f"Ferry {place} sails",
        body=f"Ferry {place} left the quay. Nobody was on board.",
        summary=f"Ferry {place} left the quay.",
        source="harbour",
        language="en",
    )
    for place in range(11)
]
_SCRIPT = SummaryScript(
    candidates=[
        Candidate("Ferry left", Origin.GENERATED, finish_reason=FinishReason.LENGTH, log_probability=-0.25),
        Candidate("Ferry 0 left the quay.", Origin.EXTRACTED),
    ]
)


async def test_candidates_are_judged_against_the_reference_and_kept(tmp_path: Path) -> None:
    path, encoder = tmp_path / "candidates.jsonl", ScriptedEncoder()
    summarizer = ScriptedSummarizer({"p0": _SCRIPT})
    (written,) = await write_candidates(path, _PAIRS[:1], summarizer, encoder)
    assert list(read_candidates(path)) == [written]
    first, second = written.candidates
    assert (first.origin, first.is_cut, first.log_probability) == (Origin.GENERATED, True, -0.25)
    assert 0.0 < first.rouge < second.rouge == 1.0
    assert first.candidate() == _SCRIPT.candidates[0]
    (expected,) = await encoder.encode(["Ferry left"])
    embedding = first.candidate().embedding
    assert embedding is not None
    np.testing.assert_array_equal(embedding, expected)
    (article,) = await encoder.encode(["Ferry 0 sails\nFerry 0 left the quay. Nobody was on board."])
    np.testing.assert_array_equal(written.article_embedding, article)


async def test_the_summarizer_never_sees_the_reference(tmp_path: Path) -> None:
    summarizer = ScriptedSummarizer()
    await write_candidates(tmp_path / "c.jsonl", _PAIRS, summarizer, ScriptedEncoder(), candidates=3)
    assert [each.body for each in summarizer.requests] == [each.body for each in _PAIRS]
    assert {each.candidates for each in summarizer.requests} == {3}
    assert all(each.query is None for each in summarizer.requests)


async def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    path, encoder = tmp_path / "candidates.jsonl", ScriptedEncoder()
    whole = await write_candidates(path, _PAIRS, ScriptedSummarizer(), encoder)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:9]) + lines[9][:40])
    summarizer, told = ScriptedSummarizer(), list[tuple[int, int]]()
    again = await write_candidates(
        path, _PAIRS, summarizer, encoder, on_progress=lambda done, total: told.append((done, total))
    )
    assert [each.article_id for each in summarizer.requests] == ["p9", "p10"]
    assert told == [(9, 11), (11, 11)]
    assert again == whole
    assert path.read_bytes() == content


async def test_candidates_of_another_summarizer_are_not_mixed_in(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    await write_candidates(path, _PAIRS[:1], ScriptedSummarizer(), ScriptedEncoder())
    path.write_bytes(path.read_bytes().replace(b"scripted-summarizer", b"other"))
    with pytest.raises(CheckpointError, match="other"):
        await write_candidates(path, _PAIRS, ScriptedSummarizer(), ScriptedEncoder())


async def test_pairs_without_body_or_summary_are_passed_over(tmp_path: Path) -> None:
    path, summarizer, encoder = tmp_path / "c.jsonl", ScriptedSummarizer(), ScriptedEncoder()
    bare = [Pair(id="x", headline="h", summary="s"), Pair(id="y", headline="h", body="b")]
    (written,) = await write_candidates(path, [*bare, _PAIRS[0]], summarizer, encoder)
    assert written.pair == _PAIRS[0]
    with pytest.raises(TrainingDataError, match="body and a summary"):
        await write_candidates(path, bare, summarizer, encoder)


async def test_of_two_revisions_the_last_counts(tmp_path: Path) -> None:
    first, last = (Pair(id="p", headline="h", body=body, summary="s") for body in ("old", "new"))
    (written,) = await write_candidates(
        tmp_path / "c.jsonl", [first, last], ScriptedSummarizer(), ScriptedEncoder()
    )
    assert written.pair == last


def test_a_damaged_file_says_where(tmp_path: Path) -> None:
    path = tmp_path / "candidates.jsonl"
    path.write_bytes(b"{}\n")
    with pytest.raises(TrainingDataError, match="line 1"):
        list(read_candidates(path))
    with pytest.raises(TrainingDataError, match="missing"):
        list(read_candidates(tmp_path / "none"))
