import numpy as np
import pytest
from gistwire_server.candidate_features import FEATURES
from gistwire_training.scorer.examples import RankingExample
from gistwire_training.scorer.ranker import Ranker
from gistwire_training.scorer.report import compare

_COUNT = len(FEATURES)
_BY_LENGTH = Ranker(np.zeros(_COUNT), np.ones(_COUNT), np.eye(_COUNT)[FEATURES.index("log_words")])


def _example(
    source: str, rouge: list[float], *, closeness: list[float], words: list[float]
) -> RankingExample:
    features = np.zeros((len(rouge), _COUNT))
    features[:, FEATURES.index("closeness")] = closeness
    features[:, FEATURES.index("log_words")] = words
    return RankingExample(
        article_id="a",
        source=source,
        features=features,
        novelties=np.ones(len(rouge)),
        tiers=np.zeros(len(rouge), dtype=np.int64),
        rouge=np.array(rouge),
    )


_EXAMPLES = [
    _example("harbour", [0.2, 0.4, 0.6], closeness=[1, 0, 0], words=[0, 1, 0]),
    _example("harbour", [0.1, 0.5, 0.3], closeness=[0, 0, 1], words=[0, 1, 0]),
    _example("market", [0.4, 0.2], closeness=[np.nan, 0.1], words=[0, 1]),
]


def test_each_way_to_choose_has_its_mean() -> None:
    (harbour,) = compare(_BY_LENGTH, _EXAMPLES[:2], "test")
    assert harbour.first.value == pytest.approx((0.2 + 0.1) / 2)
    assert harbour.random.value == pytest.approx((0.4 + 0.3) / 2)
    assert harbour.closest.value == pytest.approx((0.2 + 0.3) / 2)
    assert harbour.chosen.value == pytest.approx((0.4 + 0.5) / 2)
    assert harbour.oracle.value == pytest.approx((0.6 + 0.5) / 2)


def test_the_way_closed_is_from_first_to_oracle_and_may_be_backwards() -> None:
    groups = {each.source: each for each in compare(_BY_LENGTH, _EXAMPLES, "test")}
    assert [groups[name].articles for name in ("harbour", "market", "all")] == [2, 1, 3]
    assert groups["harbour"].way_closed.value == pytest.approx((0.2 + 0.4) / (0.4 + 0.4))
    assert groups["harbour"].way_closed.low == pytest.approx(0.5)
    assert groups["harbour"].way_closed.high == pytest.approx(1.0)
    assert groups["all"].way_closed.value == pytest.approx((0.2 + 0.4 - 0.2) / (0.4 + 0.4))


def test_a_split_without_articles_has_no_comparison() -> None:
    assert compare(_BY_LENGTH, [], "validation") == []
