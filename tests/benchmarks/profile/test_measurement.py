"""Test of a whole profile: real searches and their parts, as few as may be."""

import json
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from benchmarks.corpus import read_articles
from benchmarks.load.corpus import CorpusOptions, LoadCorpus
from benchmarks.profile import measurement
from benchmarks.profile.command import profile
from benchmarks.profile.figures import ProfileFigures


def _short_articles(folder: Path) -> Path:
    """A file of news that is soon ingested."""
    path = folder / "articles.jsonl"
    english = [each for each in read_articles(()) if each.language == "en"]
    path.write_text(
        "\n".join(
            json.dumps({"headline": each.headline, "body": each.body[:300], "language": "en"})
            for each in english[:300]
        ),
        encoding="utf-8",
    )
    return path


def test_a_profile_has_each_kind_of_search_and_parts_that_come_to_the_whole(tmp_path: Path) -> None:
    json_file = tmp_path / "profile.json"
    options = ["--searches", "3", "--top-k", "5", "--json", str(json_file)]
    result = CliRunner().invoke(profile, [*options, str(_short_articles(tmp_path))], catch_exceptions=False)
    assert result.exit_code == 0
    figures = msgspec.json.decode(json_file.read_bytes(), type=ProfileFigures)

    new, known, cold, warm, again = figures.searches
    assert [each.count for each in (new, known, cold, warm)] == [3, 3, 3, 3]
    assert new.first_hit.cpu_ms > known.first_hit.cpu_ms > again.first_hit.cpu_ms > 0
    assert cold.whole.cpu_ms > warm.whole.cpu_ms > again.whole.cpu_ms
    assert cold.first_token is not None
    for each in figures.searches:
        assert each.first_hit.wall_ms < each.whole.wall_ms
        # The clocks are read one after the other.
        assert 0 < each.whole.event_loop_ms < each.whole.cpu_ms + 1.0

    hits, hits_known, cold_search, first_token, warm_search = figures.breakdowns
    assert hits.whole == new.first_hit
    assert hits_known.whole == known.first_hit
    assert (cold_search.whole, first_token.whole) == (cold.whole, cold.first_token)
    assert warm_search.whole == warm.whole
    # The model of the query is asked only if it is new.
    assert hits.parts[0].name == hits_known.parts[0].name == "embedding the query"
    assert hits.parts[0].times.cpu_ms > 5 * hits_known.parts[0].times.cpu_ms
    # What is computed in threads is none of the event loop's time.
    most = max(cold_search.parts, key=lambda each: each.times.cpu_ms)
    assert "CTranslate2" in most.name or "embedding" in most.name
    assert most.times.event_loop_ms < 0.1 * most.times.cpu_ms
    # The first token is one of many.
    whole_batch = next(each for each in cold_search.parts if "raw CTranslate2" in each.name)
    assert first_token.parts[-1].times.cpu_ms < 0.5 * whole_batch.times.cpu_ms
    for breakdown in figures.breakdowns:
        assert all(part.name in result.output for part in breakdown.parts)


def test_too_few_articles_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def prepare(_folder: Path, _options: CorpusOptions) -> LoadCorpus:
        raise ValueError("1 articles are too few")

    monkeypatch.setattr(measurement, "prepare_corpus", prepare)
    result = CliRunner().invoke(profile, ["few.jsonl"])
    assert (result.exit_code, result.output) == (1, "Error: 1 articles are too few\n")
