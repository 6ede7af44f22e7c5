import itertools
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.local_summarizer import LocalSummarizer
from gistwire_models.scripted import ScriptedEncoder, ScriptedSummarizer, SummaryScript
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.candidate_features import FEATURES, ArticleProfile
from gistwire_server.faithfulness import Source
from gistwire_server.quality_model import QualityModel
from gistwire_server.scoring import Scorer
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair, split_of
from gistwire_training.scorer import (
    ScorerReport,
    fit_on_candidates,
    fit_scorer,
    read_candidates,
    report_markdown,
)

_SHIPS = ["ferry", "trawler", "barge", "tanker", "dredger", "schooner", "tug", "cutter", "launch", "lighter"]
_PORTS = ["Ellery", "Carrow", "Sarnholm", "Lindholt", "Tarnwick", "Estermouth"]


def _pair(ship: str, port: str, *, source: str = "harbour") -> Pair:
    news = f"The {ship} that ran aground off {port} last week was towed to the yard on Monday."
    return Pair(
        id=f"{source}-{ship}-{port}",
        headline=f"Stranded {ship} towed",
        body=f"{news} It had been loaded with gravel. Crews waited for the tide before they began to pull at dawn.",
        summary=news,
        source=source,
        language="en",
    )


def _script(pair: Pair) -> SummaryScript:
    _, loaded, _ = pair.body.split(". ")
    return SummaryScript(
        candidates=[
            Candidate(f"{loaded}.", Origin.GENERATED, log_probability=-0.2),
            Candidate("was towed to the yard on Monday", Origin.GENERATED, log_probability=-0.9),
            Candidate(pair.summary, Origin.GENERATED, log_probability=-0.6),
        ]
    )


_PAIRS = [_pair(ship, port) for ship, port in itertools.product(_SHIPS, _PORTS)]
_TEST_PAIRS = [_pair(ship, "Ondu", source="sample") for ship in _SHIPS]


class _Summarizer(ScriptedSummarizer):
    languages = ("en",)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    scripts = {pair.id: _script(pair) for pair in (*_PAIRS, *_TEST_PAIRS)}
    monkeypatch.setattr(LocalEncoder, "load", lambda folder: ScriptedEncoder())
    monkeypatch.setattr(LocalSummarizer, "load", lambda folder: _Summarizer(scripts))


def _fit(folder: Path, pairs: list[Pair] = _PAIRS, **options: Any) -> ScorerReport:
    return fit_scorer(
        pairs,
        folder / "summarizer",
        folder / "weights.json",
        run=folder / "run",
        encoder_folder=folder / "encoder",
        **options,
    )


def test_the_fitted_scorer_chooses_what_people_would_write(models: None, tmp_path: Path) -> None:
    report = _fit(tmp_path, test_pairs=_TEST_PAIRS)
    assert report.articles == sum(split_of(pair.id) == "train" for pair in _PAIRS)
    quality = QualityModel.read(tmp_path / "weights.json")
    assert quality.model.version == report.version
    for pair in _TEST_PAIRS:
        source = Source(f"{pair.headline}\n{pair.body}", "en", headline=pair.headline)
        chosen = Scorer(quality).score(_script(pair).candidates, article=ArticleProfile(source)).chosen
        assert chosen.candidate.text == pair.summary


def test_the_report_compares_on_articles_that_were_not_fitted_on(models: None, tmp_path: Path) -> None:
    report = _fit(tmp_path, test_pairs=_TEST_PAIRS)
    by_group = {(each.split, each.source): each for each in report.comparisons}
    assert by_group["test", "sample"].articles == len(_TEST_PAIRS)
    test_articles = sum(split_of(pair.id) == "test" for pair in _PAIRS)
    assert by_group["test", "all"].articles == len(_TEST_PAIRS) + test_articles
    for each in report.comparisons:
        assert each.first.value < each.random.value < each.chosen.value <= each.oracle.value
        assert each.way_closed.low <= each.way_closed.value <= each.way_closed.high <= 1.0
        assert each.way_closed.value == pytest.approx(
            (each.chosen.value - each.first.value) / (each.oracle.value - each.first.value)
        )
    assert [each.name for each in report.features] == list(FEATURES)
    page = report_markdown(report)
    assert (tmp_path / "run" / "report.md").read_text(encoding="utf-8") == page
    assert f"{by_group['test', 'sample'].way_closed.value:.0%}" in page
    written = msgspec.json.decode((tmp_path / "run" / "report.json").read_bytes(), type=ScorerReport)
    assert written == report


def test_test_pairs_change_nothing_of_the_weights(models: None, tmp_path: Path) -> None:
    without = _fit(tmp_path)
    # Their identifiers alone would put most of them into the training split.
    assert any(split_of(pair.id) == "train" for pair in _TEST_PAIRS)
    assert _fit(tmp_path, test_pairs=_TEST_PAIRS).version == without.version


def test_fitting_again_gives_the_same_weights(models: None, tmp_path: Path) -> None:
    _fit(tmp_path)
    content = (tmp_path / "weights.json").read_bytes()
    _fit(tmp_path)
    assert (tmp_path / "weights.json").read_bytes() == content


def test_candidates_that_were_written_before_can_be_fitted_on(models: None, tmp_path: Path) -> None:
    report = _fit(tmp_path)
    (path,) = (tmp_path / "run").glob("candidates-*.jsonl")
    weights, again = fit_on_candidates(list(read_candidates(path)))
    assert again == report
    assert QualityModel(weights).model == QualityModel.read(tmp_path / "weights.json").model


def test_pairs_in_a_language_that_is_not_written_are_refused(models: None, tmp_path: Path) -> None:
    unknown = [msgspec.structs.replace(pair, language="und") for pair in _PAIRS]
    with pytest.raises(TrainingDataError, match="language"):
        _fit(tmp_path, unknown)
    assert not (tmp_path / "weights.json").exists()
