from dataclasses import replace

import numpy as np
import pytest
from gistwire_models.encoder import Embedding
from gistwire_models.summarizer import Candidate, Origin
from gistwire_server.candidate_features import FEATURES, ArticleProfile
from gistwire_server.faithfulness import Faithfulness, Kind, Source, Unsupported
from gistwire_server.quality_model import FeatureWeight, QualityModel, ScorerWeights, shipped_quality_model
from gistwire_server.scoring import Scorer, Tier, tier_of
from hypothesis import given
from hypothesis import strategies as st

_HEADLINE = "Harbour Line profit rises"
_SENTENCE = "Harbour Line said its profit rose 12 percent as more passengers crossed to the islands."
_SECOND = "Two new ferries will be delivered next spring by a yard in the north, the operator added."
_SOURCE = Source(f"{_HEADLINE}\n{_SENTENCE} {_SECOND}", "en", headline=_HEADLINE)

_EXTRACT = Candidate(_SENTENCE, Origin.EXTRACTED)
_SECOND_EXTRACT = Candidate(_SECOND, Origin.EXTRACTED)
_FAITHFUL = Candidate(
    "Harbour Line said its profit rose 12 percent as passengers crossed to the islands.",
    Origin.GENERATED,
)
_FALSE_NUMBER = Candidate(_SENTENCE.replace("12", "21"), Origin.GENERATED)
_INVENTED = Candidate("farmers harvested barley while ministers discussed grain subsidies", Origin.GENERATED)
_TITLE = Candidate(_HEADLINE, Origin.HEADLINE)
_ALL = [_FALSE_NUMBER, _TITLE, _INVENTED, _EXTRACT, _FAITHFUL, _SECOND_EXTRACT]


def _unit(*values: float) -> Embedding:
    vector = np.array(values, dtype=np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def _order(
    candidates: list[Candidate],
    *,
    query_embedding: Embedding | None = None,
    article_embedding: Embedding | None = None,
    candidate_embeddings: Embedding | None = None,
) -> list[Candidate]:
    scored = Scorer().score(
        candidates,
        article=ArticleProfile(_SOURCE, article_embedding),
        query_embedding=query_embedding,
        candidate_embeddings=candidate_embeddings,
    )
    return [each.candidate for each in scored.candidates]


@pytest.mark.parametrize("unfaithful", [_FALSE_NUMBER, _INVENTED])
def test_an_extract_beats_an_unfaithful_candidate_however_similar(unfaithful: Candidate) -> None:
    query = _unit(1, 0)
    order = _order(
        [unfaithful, _EXTRACT],
        query_embedding=query,
        article_embedding=query,
        candidate_embeddings=np.stack([query, -query]),
    )
    assert order == [_EXTRACT, unfaithful]


@given(st.permutations(_ALL))
def test_the_headline_goes_after_the_faithful_and_before_the_unfaithful(candidates: list[Candidate]) -> None:
    order = _order(candidates)
    assert set(order[:3]) == {_EXTRACT, _FAITHFUL, _SECOND_EXTRACT}
    assert order[3] == _TITLE
    assert set(order[4:]) == {_FALSE_NUMBER, _INVENTED}


@given(st.permutations(_ALL))
def test_scores_do_not_depend_on_the_other_candidates(candidates: list[Candidate]) -> None:
    together = Scorer().score(candidates, article=ArticleProfile(_SOURCE))
    for each in together.candidates:
        assert Scorer().score([each.candidate], article=ArticleProfile(_SOURCE)).chosen == each


def test_the_headline_is_the_last_resort_however_similar() -> None:
    query = _unit(1, 0)
    order = _order(
        [_TITLE, _EXTRACT], query_embedding=query, candidate_embeddings=np.stack([query, _unit(-1, 0)])
    )
    assert order == [_EXTRACT, _TITLE]


def test_a_false_item_is_unfaithful_whatever_the_threshold() -> None:
    scored = Scorer(faithfulness_threshold=0.0).score(
        [_FALSE_NUMBER, _TITLE], article=ArticleProfile(_SOURCE)
    )
    assert scored.chosen.candidate == _TITLE


def test_a_faithful_candidate_that_is_closer_beats_an_extract() -> None:
    query = _unit(1, 0)
    order = _order(
        [_EXTRACT, _FAITHFUL], query_embedding=query, candidate_embeddings=np.stack([_unit(0, 1), query])
    )
    assert order == [_FAITHFUL, _EXTRACT]


def test_an_extract_that_repeats_the_headline_loses_to_one_that_does_not() -> None:
    source = Source(f"{_SENTENCE}\n{_SENTENCE} {_SECOND} {_SECOND.replace('ferries', 'docks')}", "en")
    source.headline = _SENTENCE
    assert (
        Scorer().score([_EXTRACT, _SECOND_EXTRACT], article=ArticleProfile(source)).chosen.candidate
        == _SECOND_EXTRACT
    )


def test_of_equals_the_earlier_wins() -> None:
    twins = [replace(_EXTRACT, query_focused=focused) for focused in (True, False)]
    assert _order(twins) == twins
    assert _order(twins[::-1]) == twins[::-1]


def test_cosines_are_mapped_and_unknown_ones_left_out() -> None:
    query, opposite = _unit(1, 0), _unit(-1, 0)
    scored = Scorer().score(
        [_EXTRACT],
        article=ArticleProfile(_SOURCE),
        query_embedding=query,
        candidate_embeddings=np.stack([opposite]),
    )
    assert scored.chosen.scores.query_similarity == 0.0
    assert scored.chosen.scores.closeness is None
    assert scored.chosen.faithfulness.score == scored.chosen.scores.faithfulness == 1.0


def _caring_for(**weights: float) -> QualityModel:
    features = {name: FeatureWeight(0.0, 1.0, weights.get(name, 0.0)) for name in FEATURES}
    return QualityModel(ScorerWeights(format=1, summarizer="test@1", features=features))


def test_without_a_query_the_total_is_the_quality() -> None:
    scores = (
        Scorer(_caring_for(faithfulness=2.0)).score([_EXTRACT], article=ArticleProfile(_SOURCE)).chosen.scores
    )
    assert scores.total == pytest.approx(scores.novelty / (1 + np.exp(-2.0)))


def test_with_a_query_the_total_is_the_weighted_mean_of_quality_and_query_similarity() -> None:
    scorer = Scorer(_caring_for(), query_weight=3.0)
    embedded = replace(_EXTRACT, embedding=_unit(0, 1))
    scores = scorer.score(
        [embedded], article=ArticleProfile(_SOURCE), query_embedding=_unit(3, 4)
    ).chosen.scores
    assert scores.query_similarity == pytest.approx(0.9)
    assert scores.total == pytest.approx((scores.novelty * 0.5 + 3 * 0.9) / 4)


def test_the_query_decides_as_much_as_it_weighs() -> None:
    query = _unit(1, 0)
    candidates = [replace(_EXTRACT, embedding=query), replace(_SECOND_EXTRACT, embedding=-query)]
    by_numbers = _caring_for(number_density=-100.0)
    for weight, chosen in ((0.0, _SECOND_EXTRACT), (10.0, _EXTRACT)):
        scorer = Scorer(by_numbers, query_weight=weight)
        assert (
            scorer.score(candidates, article=ArticleProfile(_SOURCE), query_embedding=query).chosen.candidate
            == chosen
        )


def test_the_model_is_named_by_the_content_of_its_weights() -> None:
    assert Scorer().model == shipped_quality_model().model
    assert Scorer(_caring_for(length=1.0)).model != Scorer(_caring_for(length=2.0)).model
    assert Scorer(_caring_for(length=1.0)).model == Scorer(_caring_for(length=1.0)).model


@pytest.mark.parametrize(
    ("origin", "faithfulness", "tier"),
    [
        (Origin.EXTRACTED, Faithfulness(0.0, ()), Tier.TRUSTED),
        (Origin.HEADLINE, Faithfulness(1.0, ()), Tier.HEADLINE),
        (Origin.GENERATED, Faithfulness(0.5, ()), Tier.TRUSTED),
        (Origin.GENERATED, Faithfulness(0.49, ()), Tier.UNFAITHFUL),
        (Origin.GENERATED, Faithfulness(1.0, (Unsupported(Kind.WORDS, "x"),)), Tier.TRUSTED),
        (Origin.GENERATED, Faithfulness(1.0, (Unsupported(Kind.NAME, "x"),)), Tier.UNFAITHFUL),
    ],
)
def test_tiers(origin: Origin, faithfulness: Faithfulness, tier: Tier) -> None:
    assert tier_of(origin, faithfulness) == tier


def test_the_threshold_decides_what_is_faithful() -> None:
    strict = Scorer(faithfulness_threshold=1.1).score([_FAITHFUL, _TITLE], article=ArticleProfile(_SOURCE))
    lenient = Scorer(faithfulness_threshold=0.0).score([_FAITHFUL, _TITLE], article=ArticleProfile(_SOURCE))
    assert strict.chosen.candidate == _TITLE
    assert lenient.chosen.candidate == _FAITHFUL


def test_a_broken_candidate_loses_to_an_extract_and_to_the_headline() -> None:
    broken = Candidate("Harbour Line said its profit rose 12 as more passengers.", Origin.GENERATED)
    order = Scorer().score([broken, _TITLE, _EXTRACT], article=ArticleProfile(_SOURCE)).candidates
    assert [each.candidate for each in order] == [_EXTRACT, _TITLE, broken]
    assert order[2].broken_places
    assert [each.is_sound for each in order] == [True, True, False]
    assert tier_of(Origin.GENERATED, Faithfulness(1.0, ()), is_broken=True) is Tier.BROKEN
    # In a language whose phrases nobody looks for nothing is said to be broken.
    other = Source(_SOURCE.text, "sv", headline=_HEADLINE)
    assert not Scorer().score([broken], article=ArticleProfile(other)).chosen.broken_places


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one candidate"):
        Scorer().score([], article=ArticleProfile(_SOURCE))
    with pytest.raises(ValueError, match="1 embeddings for 2 candidates"):
        Scorer().score(
            [_EXTRACT, _TITLE], article=ArticleProfile(_SOURCE), candidate_embeddings=np.stack([_unit(1, 0)])
        )
    for weight in (-1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match="weight of the query"):
            Scorer(query_weight=weight)


@given(
    st.lists(st.text(min_size=1, max_size=60), min_size=1, max_size=4),
    st.tuples(st.floats(-1, 1, width=16), st.floats(-1, 1, width=16)),
)
def test_all_scores_are_in_bounds(texts: list[str], values: tuple[float, float]) -> None:
    candidates = [Candidate(text, Origin.GENERATED) for text in texts]
    embedding = _unit(*values, 1.0)
    scored = Scorer().score(
        candidates,
        article=ArticleProfile(_SOURCE, _unit(1, 1, 1)),
        query_embedding=embedding,
        candidate_embeddings=np.stack([embedding] * len(candidates)),
    )
    assert sorted(each.candidate.text for each in scored.candidates) == sorted(texts)
    for each in scored.candidates:
        scores = each.scores
        known = [scores.faithfulness, scores.length, scores.novelty, scores.total]
        known += [score for score in (scores.query_similarity, scores.closeness) if score is not None]
        assert all(0.0 <= score <= 1.0 for score in known)
