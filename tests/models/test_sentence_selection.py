"""Tests of relevance and selection, on embeddings chosen by hand and by Hypothesis."""

import numpy as np
from gistwire_models.article_sentences import ArticleSentences
from gistwire_models.encoder import Embedding
from gistwire_models.sentence_selection import propose_selections, relevance, select_sentences
from hypothesis import given
from hypothesis import strategies as st


def make_article(
    *rows: list[float], tokens: list[int] | None = None, dependent: list[bool] | None = None
) -> ArticleSentences:
    embeddings = np.array(rows, dtype=np.float32)
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return ArticleSentences(
        texts=tuple(f"Sentence {place}." for place in range(len(rows))),
        tokens=tuple(tokens or [10] * len(rows)),
        dependent=np.array(dependent or [False] * len(rows)),
        embeddings=embeddings,
    )


def rated(*values: float) -> Embedding:
    return np.array(values, dtype=np.float32)


def test_what_repeats_a_selected_sentence_comes_last() -> None:
    article = make_article([1, 0], [1, 0.1], [0, 1])
    scores = rated(1.0, 0.9, 0.6)
    assert select_sentences(article, scores, max_tokens=20, trade_off=0.5) == (0, 2)
    assert select_sentences(article, scores, max_tokens=20, trade_off=1.0) == (0, 1)


def test_novelty_is_measured_to_the_nearest_selected_sentence() -> None:
    # The third repeats the second, which is not the first selected.
    article = make_article([1, 0, 0], [0, 1, 0], [0, 1, 0.1], [0, 0, 1])
    scores = rated(1.0, 0.9, 0.8, 0.5)
    assert select_sentences(article, scores, max_tokens=30, trade_off=0.5) == (0, 1, 3)


def test_selections_are_in_the_order_of_the_article() -> None:
    article = make_article([1, 0], [0, 1])
    assert select_sentences(article, rated(0.1, 0.9), max_tokens=20, trade_off=0.7) == (0, 1)


def test_what_does_not_fit_is_passed_over() -> None:
    article = make_article([1, 0, 0], [0, 1, 0], [0, 0, 1], tokens=[10, 11, 5])
    assert select_sentences(article, rated(0.9, 0.8, 0.1), max_tokens=20, trade_off=0.7) == (0, 2)


def test_the_best_is_taken_even_if_it_is_too_long() -> None:
    article = make_article([1, 0], [0, 1], tokens=[50, 5])
    assert select_sentences(article, rated(0.9, 0.8), max_tokens=20, trade_off=0.7) == (0,)


def test_a_dependent_sentence_is_lifted_by_the_one_it_leans_on() -> None:
    # The second and the third are as near to the first, and rated the same after the penalty.
    article = make_article([1, 0, 0], [0, 1, 0], [0, 0, 1], dependent=[False, True, False])
    scores = rated(0.9, 0.4, 0.5)
    assert select_sentences(article, scores, max_tokens=20, trade_off=0.7) == (0, 1)


def test_a_query_moves_relevance_to_its_sentence() -> None:
    article = make_article([1, 0], [1, 0], [0, 1])
    assert int(relevance(article, article_embedding=None, query=None).argmax()) == 0
    query = np.array([0, 1], dtype=np.float32)
    assert int(relevance(article, article_embedding=None, query=query).argmax()) == 2


def test_the_embedding_of_the_article_is_preferred_to_the_mean() -> None:
    article = make_article([1, 0], [1, 0], [0, 1])
    whole = np.array([0, 1], dtype=np.float32)
    assert int(relevance(article, article_embedding=whole, query=None).argmax()) == 2


def test_the_lead_wins_among_equals_and_dependence_costs() -> None:
    equal = make_article([1, 0], [1, 0], [1, 0])
    assert list(np.argsort(-relevance(equal, article_embedding=None, query=None))) == [0, 1, 2]
    leaning = make_article([1, 0], [1, 0], dependent=[True, False])
    assert int(relevance(leaning, article_embedding=None, query=None).argmax()) == 1


@st.composite
def articles(draw: st.DrawFn) -> ArticleSentences:
    count = draw(st.integers(1, 12))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    return make_article(
        *random.normal(size=(count, 8)).tolist(),
        tokens=draw(st.lists(st.integers(1, 60), min_size=count, max_size=count)),
        dependent=draw(st.lists(st.booleans(), min_size=count, max_size=count)),
    )


@given(articles(), st.integers(1, 120), st.floats(0, 1), st.integers(1, 12))
def test_a_selection_is_ascending_within_its_limits_and_holds_the_best(
    article: ArticleSentences, max_tokens: int, trade_off: float, limit: int
) -> None:
    scores = relevance(article, article_embedding=None, query=None)
    selection = select_sentences(
        article, scores, max_tokens=max_tokens, trade_off=trade_off, max_sentences=limit
    )
    assert list(selection) == sorted(set(selection))
    assert int(scores.argmax()) in selection
    assert len(selection) <= limit
    assert len(selection) == 1 or sum(article.tokens[place] for place in selection) <= max_tokens
    # Greedy until nothing fits: no more can be added.
    room = max_tokens - sum(article.tokens[place] for place in selection)
    others = [tokens for place, tokens in enumerate(article.tokens) if place not in selection]
    assert len(selection) == limit or all(tokens > room for tokens in others)


@given(articles(), st.integers(1, 120))
def test_every_proposal_keeps_to_the_room(article: ArticleSentences, max_tokens: int) -> None:
    scores = relevance(article, article_embedding=None, query=None)
    proposals = propose_selections(article, scores, max_tokens=max_tokens)
    assert (0,) in proposals
    assert (int(scores.argmax()),) in proposals
    assert all(
        len(selection) == 1 or sum(article.tokens[place] for place in selection) <= max_tokens
        for selection in proposals
    )
