import math
from dataclasses import replace

import numpy as np
import pytest
from gistwire_models.summarizer import Candidate, FinishReason, Origin
from gistwire_server.candidate_features import FEATURES, ArticleProfile, CandidateFeatures, similarity
from gistwire_server.faithfulness import Source
from hypothesis import given
from hypothesis import strategies as st

_HEADLINE = "Harbour Line profit rises"
_LEAD = "Harbour Line said its profit rose 12 percent as more passengers crossed to the islands."
_LAST = "It will take over two new ferries next spring from a yard in the north."
_SOURCE = Source(f"{_HEADLINE}\n{_LEAD} {_LAST}", "en", headline=_HEADLINE)
_PROFILE = ArticleProfile(_SOURCE)

_SHARES = (
    "faithfulness",
    "length",
    "is_generated",
    "compression",
    "ends_in_stop",
    "is_dependent",
    "headline_coverage",
    "beyond_headline",
    "lead_coverage",
    "copied_pairs",
    "position",
)


def _features(text: str, origin: Origin = Origin.EXTRACTED) -> CandidateFeatures:
    return _PROFILE.describe(Candidate(text, origin)).features


def test_what_was_described_is_remembered_for_what_it_depends_on() -> None:
    profile = ArticleProfile(Source(_LEAD, "en"))
    candidate = Candidate(_LEAD, Origin.EXTRACTED)
    assert not profile.has_described(candidate, has_embedding=False, max_tokens=None)
    first = profile.describe(candidate)
    assert profile.has_described(candidate, has_embedding=False, max_tokens=None)
    assert profile.describe(candidate) is first
    for changed, max_tokens in (
        (replace(candidate, origin=Origin.GENERATED), None),
        (replace(candidate, log_probability=-0.5), None),
        (replace(candidate, finish_reason=FinishReason.LENGTH), None),
        (replace(candidate, text=_LAST), None),
        (candidate, 8),
    ):
        assert not profile.has_described(changed, has_embedding=False, max_tokens=max_tokens)
    assert not profile.has_described(candidate, has_embedding=True, max_tokens=None)


def test_the_lead_covers_itself_and_its_pairs_come_first() -> None:
    lead, last = _features(_LEAD), _features(_LAST)
    assert lead.lead_coverage == lead.copied_pairs == lead.ends_in_stop == 1.0
    assert last.lead_coverage < 0.2
    assert lead.position is not None
    assert last.position is not None
    assert 0.0 <= lead.position < 0.5 < last.position <= 1.0


def test_of_words_that_the_article_repeats_the_first_place_counts() -> None:
    profile = ArticleProfile(Source(f"{_LEAD} {_LAST} {_LEAD}", "en"))
    position = profile.describe(Candidate(_LEAD, Origin.EXTRACTED)).features.position
    assert position is not None
    assert position < 0.3


def test_the_headline_is_told_from_what_goes_beyond_it() -> None:
    headline, last = _features(_HEADLINE), _features(_LAST)
    assert (headline.headline_coverage, headline.beyond_headline) == (1.0, 0.0)
    assert (last.headline_coverage, last.beyond_headline) == (0.0, 1.0)


def test_form_is_seen() -> None:
    assert _features(_LAST).is_dependent == 1.0
    assert _features(_LEAD).is_dependent == 0.0
    assert _features(_LEAD.rstrip(".")).ends_in_stop == 0.0
    assert _features(f"{_LEAD} {_LAST}").sentences == 2.0
    assert _features(f"{_LEAD} " * 9).sentences == 4.0
    assert _features(_LEAD).number_density == pytest.approx(1 / 15)
    assert _features("profit rose").number_density == 0.0
    assert _features("Harbour Line profit rose").name_density > 0.0


def test_length_is_counted_in_words_of_which_two_chinese_characters_are_one() -> None:
    assert math.exp(_features("one two three four").log_words) == pytest.approx(4)
    chinese = ArticleProfile(Source("渡轮票价上涨", "zh")).describe(Candidate("渡轮票价", Origin.EXTRACTED))
    assert math.exp(chinese.features.log_words) == pytest.approx(2)
    assert chinese.features.compression == pytest.approx(2 / 3)


def test_a_text_that_broke_off_is_of_worse_length() -> None:
    cut = Candidate(_LEAD, Origin.GENERATED, finish_reason=FinishReason.LENGTH)
    assert _PROFILE.describe(cut).features.length < _features(_LEAD).length


def test_where_text_comes_from_is_known() -> None:
    written = _PROFILE.describe(Candidate(_LEAD, Origin.GENERATED, log_probability=-0.5)).features
    assert (written.is_generated, written.log_probability) == (1.0, -0.5)
    assert (_features(_LEAD).is_generated, _features(_LEAD).log_probability) == (0.0, None)


def test_closeness_needs_both_embeddings() -> None:
    first, second = np.array([1, 0], dtype=np.float32), np.array([0, 1], dtype=np.float32)
    profile = ArticleProfile(_SOURCE, first)
    assert profile.describe(Candidate(_LEAD, Origin.EXTRACTED), embedding=second).features.closeness == 0.5
    assert profile.describe(Candidate(_LEAD, Origin.EXTRACTED)).features.closeness is None
    assert similarity(first, -first) == 0.0
    assert similarity(None, first) is None


def test_the_vector_has_all_features_in_order_and_nan_for_the_unknown() -> None:
    features = _features(_LEAD)
    vector = features.vector()
    assert vector.shape == (len(FEATURES),)
    assert np.isnan(vector[FEATURES.index("closeness")])
    assert vector[FEATURES.index("log_words")] == features.log_words


@given(st.text(max_size=80), st.text(max_size=200), st.sampled_from(["en", "zh", "und"]))
def test_any_text_has_features_in_bounds(text: str, article: str, language: str) -> None:
    profile = ArticleProfile(Source(article, language, headline=article[:20]))
    features = profile.describe(Candidate(text, Origin.GENERATED)).features
    for name in _SHARES:
        value = getattr(features, name)
        assert value is None or 0.0 <= value <= 1.0, name
    known = features.vector()
    assert np.isfinite(known[~np.isnan(known)]).all()
