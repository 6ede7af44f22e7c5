"""Tests of TextRank."""

import numpy as np
import pytest
from gistwire_training.evaluation.textrank import page_rank, textrank_summary
from hypothesis import given, settings
from hypothesis import strategies as st


def test_ranks_are_those_of_the_published_definition() -> None:
    # Two leaves point to the centre and it to both: r = 0.05 + 0.85 · (2 leaves), leaf = 0.05 + 0.425 · r.
    ranks = page_rank(np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    centre = (0.05 + 2 * 0.85 * 0.05) / (1 - 0.85**2)
    assert ranks.tolist() == pytest.approx([centre, 0.05 + 0.425 * centre, 0.05 + 0.425 * centre], abs=1e-5)


def test_heavier_edges_pass_on_more() -> None:
    ranks = page_rank(np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    assert ranks[1] > ranks[2]


def test_nodes_without_edges_share_the_rest() -> None:
    assert page_rank(np.zeros((4, 4))).tolist() == pytest.approx([0.25] * 4)


@given(st.integers(1, 8), st.integers(0, 1000))
@settings(max_examples=40)
def test_ranks_sum_to_one(nodes: int, seed: int) -> None:
    ranks = page_rank(np.random.default_rng(seed).random((nodes, nodes)).round(1))
    assert ranks.sum() == pytest.approx(1.0)
    assert (ranks > 0).all()


TEXT = (
    "Rain fell in the south all week. "
    "Work on the bridge over the river begins in May. "
    "The council approved the new bridge over the river. "
    "Two members of the council voted against the new plan. "
    "Trains ran late."
)


def test_the_sentence_most_like_the_others_is_chosen() -> None:
    assert textrank_summary(TEXT, "en") == "The council approved the new bridge over the river."


def test_several_sentences_keep_their_order() -> None:
    assert textrank_summary(TEXT, "en", sentences=2) == (
        "Work on the bridge over the river begins in May. The council approved the new bridge over the river."
    )


def test_of_equals_the_first_is_chosen() -> None:
    assert textrank_summary("Rain fell. Trains stopped. People waited.", "en") == "Rain fell."


def test_a_text_without_sentences_gives_nothing() -> None:
    assert textrank_summary("  ", "en") == ""
