import pytest
from gistwire_indexer.index import Retrieved, RetrievedLists
from gistwire_server.plan import RetrievalPlan
from gistwire_server.retrieval import FusedHit, collapse, fuse, is_covered, similarity
from hypothesis import given
from hypothesis import strategies as st

PLAN = RetrievalPlan(lexical_weight=1.0, dense_weight=1.0, fusion_constant=20, depth=100)

id_lists = st.lists(st.sampled_from("abcdefghij"), unique=True, max_size=10)


def lists(lexical: list[str], dense: list[str]) -> RetrievedLists:
    return RetrievedLists(
        lexical=tuple(Retrieved(each, 10.0 - rank) for rank, each in enumerate(lexical)),
        dense=tuple(Retrieved(each, 0.9 - rank / 20) for rank, each in enumerate(dense)),
    )


def ids(hits: list[FusedHit]) -> list[str]:
    return [hit.id for hit in hits]


def test_an_article_that_both_lists_name_comes_first() -> None:
    assert ids(fuse(lists(["a", "b"], ["c", "b"]), PLAN))[0] == "b"


def test_scores_are_reciprocal_ranks() -> None:
    first, second = fuse(lists(["a", "b"], []), PLAN)
    assert first.fusion == 1.0
    assert second.fusion == pytest.approx(21 / 22)


def test_weight_zero_leaves_a_list_without_influence_on_the_order() -> None:
    plan = RetrievalPlan(lexical_weight=1.0, dense_weight=0.0, fusion_constant=20, depth=100)
    assert ids(fuse(lists(["a", "b"], ["b", "a"]), plan)) == ["a", "b"]


def test_the_dense_factor_lowers_the_dense_list() -> None:
    both = lists(["a"], ["b"])
    assert ids(fuse(both, PLAN)) == ["a", "b"]
    heavy = RetrievalPlan(lexical_weight=1.0, dense_weight=3.0, fusion_constant=20, depth=100)
    assert ids(fuse(both, heavy)) == ["b", "a"]
    assert ids(fuse(both, heavy, dense_factor=0.25)) == ["a", "b"]


def test_ranks_and_signals_of_each_list_are_kept() -> None:
    hit = next(hit for hit in fuse(lists(["a", "b"], ["b"]), PLAN) if hit.id == "b")
    assert (hit.lexical_rank, hit.dense_rank) == (2, 1)
    assert hit.lexical == pytest.approx(0.9)
    assert hit.dense == pytest.approx(0.95)


@given(id_lists, id_lists)
def test_fusion_names_each_article_once_and_scores_fall(lexical: list[str], dense: list[str]) -> None:
    fused = fuse(lists(lexical, dense), PLAN)
    assert sorted(ids(fused)) == sorted(set(lexical) | set(dense))
    scores = [hit.fusion for hit in fused]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 for score in scores)
    assert not fused or scores[0] == 1.0


@given(id_lists, id_lists)
def test_fusion_does_not_depend_on_which_list_is_which(lexical: list[str], dense: list[str]) -> None:
    assert ids(fuse(lists(lexical, dense), PLAN)) == ids(fuse(lists(dense, lexical), PLAN))


@given(id_lists, st.integers(0, 8))
def test_what_both_lists_rank_higher_is_fused_higher(order: list[str], cut: int) -> None:
    fused = ids(fuse(lists(order, order[:cut]), PLAN))
    assert fused == order


@given(
    id_lists, st.fixed_dictionaries({each: st.none() | st.sampled_from("abcxyz") for each in "abcdefghij"})
)
def test_collapse_keeps_the_best_of_each_group_and_loses_none(
    order: list[str], originals: dict[str, str | None]
) -> None:
    fused = fuse(lists(order, []), PLAN)
    collapsed = collapse(fused, originals)
    kept = [each for hit in collapsed for each in (hit.id, *hit.duplicate_ids)]
    assert sorted(kept) == sorted(order)
    groups = [originals[hit.id] or hit.id for hit in collapsed]
    assert len(groups) == len(set(groups))
    for hit in collapsed:
        assert all(order.index(hit.id) < order.index(each) for each in hit.duplicate_ids)


def test_copies_collapse_also_when_the_original_is_not_in_the_list() -> None:
    fused = fuse(lists(["b", "c"], []), PLAN)
    (hit,) = collapse(fused, {"b": "a", "c": "a"})
    assert (hit.id, hit.duplicate_ids) == ("b", ("c",))


@pytest.mark.parametrize(
    ("query", "covered"),
    [
        ("oil prices", True),
        ("цены на нефть", True),
        ("台风登陆", False),
        ("AI 芯片出口管制", False),
        ("2026", True),
    ],
)
def test_which_queries_the_encoder_covers(query: str, covered: bool) -> None:
    assert is_covered(query) is covered


def test_similarity_maps_rounding_errors_into_range() -> None:
    assert similarity(1.0000001) == 1.0
    assert similarity(-1.0000001) == 0.0
    assert similarity(0.0) == 0.5
