"""Tests of the figures of retrieval, and of the sets they are taken on."""

import math
from collections.abc import Sequence
from pathlib import Path

import gistwire_training
import numpy as np
import pytest
from gistwire_indexer.analysis import analyze
from gistwire_models.encoder import Embedding
from gistwire_training.encoder import compare_encoders, judged_sets, known_items, read_judged_set
from gistwire_training.encoder.retrieval_evaluation import RetrievalSet, estimate_mean, measure_ranking
from gistwire_training.errors import TrainingDataError
from gistwire_training.pairs import Pair
from hypothesis import given
from hypothesis import strategies as st


def test_figures_follow_their_formulas() -> None:
    quality = measure_ranking([[7, 3, 5]], [{3: 2, 5: 1, 9: 1}])
    assert quality.reciprocal_rank.tolist() == [0.5]
    found, ideal = 3 / math.log2(3) + 1 / 2, 3 + 1 / math.log2(3) + 1 / 2
    assert quality.ndcg.tolist() == [pytest.approx(found / ideal)]
    assert quality.recall.tolist() == [pytest.approx(2 / 3)]


def test_only_the_first_ten_count() -> None:
    ranking = list(range(20))
    quality = measure_ranking([ranking, ranking], [{9: 1}, {10: 1}])
    assert quality.reciprocal_rank.tolist() == [0.1, 0]
    assert quality.ndcg.tolist() == [pytest.approx(1 / math.log2(11)), 0]
    assert quality.recall.tolist() == [1, 0]


@given(st.permutations(range(12)), st.dictionaries(st.integers(0, 11), st.integers(1, 3), min_size=1))
def test_figures_are_shares_and_the_best_order_is_perfect(order: list[int], relevant: dict[int, int]) -> None:
    best = sorted(order, key=lambda place: -relevant.get(place, 0))
    quality = measure_ranking([order, best], [relevant, relevant])
    for values in (quality.reciprocal_rank, quality.ndcg, quality.recall):
        assert 0 <= values[0] <= values[1] + 1e-12
    assert quality.ndcg[1] == pytest.approx(1)
    assert quality.reciprocal_rank[1] == 1


def test_known_items_are_whole_pairs() -> None:
    pairs = [
        Pair(id="0", headline="Storm", body="A storm."),
        Pair(id="1", headline="Only a headline"),
        Pair(id="2", headline="Ferry", body="A ferry."),
    ]
    items = known_items("test", pairs)
    assert items == RetrievalSet("test", ["Storm", "Ferry"], ["A storm.", "A ferry."], [{0: 1}, {1: 1}])
    with pytest.raises(TrainingDataError, match="test: no pair"):
        known_items("test", pairs[1:2])


def test_judged_queries_are_those_of_the_sample_corpus() -> None:
    chinese, first, second = judged_sets()
    assert [len(each.queries) for each in (chinese, first, second)] == [12, 20, 20]
    assert len(first.documents) == 125
    assert first.name == "judged queries, english-1"
    place = next(iter(first.relevant[0]))
    assert first.queries[0] == "what caused the nationwide payment failure"
    assert "payment" in first.documents[place].lower()
    assert all(
        grade in (1, 2) for relevant in [*first.relevant, *second.relevant] for grade in relevant.values()
    )


ARTICLES = """\
{"id": "a", "headline": "Old", "body": "x"}
{"id": "b", "headline": "B"}
{"id": "a", "headline": "New"}
"""


def test_judged_queries_are_read_with_the_articles_beside_them(tmp_path: Path) -> None:
    (tmp_path / "news.jsonl").write_text(ARTICLES)
    (tmp_path / "queries.jsonl").write_text('{"query": "which?", "relevant": {"a": 2}}\n')
    judged = read_judged_set(tmp_path / "queries.jsonl", tmp_path / "news.jsonl")
    assert judged == RetrievalSet("judged queries, news", ["which?"], ["New\n", "B\n"], [{0: 2}])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no queries"),
        ('{"query": "which?", "relevant": {"c": 2, "a": 1}}', r"news\.jsonl lacks c"),
        ('{"query": "which?", "relevant": {}}', "cannot be read"),
        ('{"query": "which?", "relevant": {"a": 0}}', "cannot be read"),
        ('{"query": "which?", "relevant": {"a": 5000}}', "cannot be read"),
        ("{", "cannot be read"),
    ],
)
def test_judged_queries_that_say_nothing_are_refused(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "news.jsonl").write_text(ARTICLES)
    (tmp_path / "queries.jsonl").write_text(content)
    with pytest.raises(TrainingDataError, match=message):
        read_judged_set(tmp_path / "queries.jsonl", tmp_path / "news.jsonl")


def test_judged_queries_need_their_articles(tmp_path: Path) -> None:
    (tmp_path / "queries.jsonl").write_text('{"query": "which?", "relevant": {"a": 2}}')
    with pytest.raises(TrainingDataError, match=r"news\.jsonl cannot be read"):
        read_judged_set(tmp_path / "queries.jsonl", tmp_path / "news.jsonl")


def test_the_queries_of_the_written_corpus_ask_for_its_articles_in_other_words() -> None:
    corpus = Path(gistwire_training.__path__[0]) / "written_corpus"
    judged = read_judged_set(corpus / "queries" / "part-b.jsonl", corpus / "part-b.jsonl")
    assert len(set(judged.queries)) == 98
    assert len(judged.documents) == 130
    shared = [
        len(set(analyze(query, "en")) & set(analyze(judged.documents[place].partition("\n")[0], "en")))
        for query, relevant in zip(judged.queries, judged.relevant, strict=True)
        for place in relevant
    ]
    assert np.mean(shared) < 1


def one_hot(places: dict[str, int]) -> dict[str, Embedding]:
    return {text: np.eye(8, dtype=np.float32)[place] for text, place in places.items()}


def test_encoders_are_compared_query_by_query_with_the_first() -> None:
    retrieval = known_items(
        "test", [Pair(id=str(number), headline=f"h{number}", body=f"b{number}") for number in range(4)]
    )
    right = one_hot({f"{kind}{number}": number for kind in "hb" for number in range(4)})
    shifted = right | one_hot({f"h{number}": number + 1 for number in range(4)})

    def embed(texts: Sequence[str]) -> Embedding:
        return np.stack([right[text] for text in texts])

    def embed_shifted(texts: Sequence[str]) -> Embedding:
        return np.stack([shifted[text] for text in texts])

    base, better = compare_encoders(
        retrieval, {"base": (embed_shifted, embed_shifted), "better": (embed, embed)}
    )
    assert (better.encoder, better.queries, better.documents) == ("better", 4, 4)
    assert better.mrr.value == better.ndcg.value == better.recall.value == 1
    assert base.mrr.value < 0.6
    assert base.ndcg_gain.value == base.ndcg_gain.high == 0
    assert better.ndcg_gain.value == pytest.approx(1 - base.ndcg.value)
    assert better.ndcg_gain.low > 0


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_queries() -> None:
    few = estimate_mean(np.tile([0.0, 1.0], 10))
    many = estimate_mean(np.tile([0.0, 1.0], 1000))
    assert few.low < few.value == 0.5 < few.high
    assert many.high - many.low < (few.high - few.low) / 5
