"""Tests of story clustering: invariants, agreement of updates with one run, and identifiers that stay."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from gistwire_models.encoder import Embedding
from gistwire_server.topics.stories import StoppedError, Story, StoryClustering, cluster_stories
from gistwire_server.topics.story_articles import StoryArticle
from gistwire_server.topics.story_similarity import StorySettings
from hypothesis import given
from hypothesis import strategies as st

DAY_S = 86_400.0
SUBJECTS = {
    "strike": ("harbour", "strike", "ellery", "crane"),
    "clocks": ("museum", "clock", "gallery", "1610"),
    "flood": ("flood", "valley", "cotter", "rain"),
}


def vector(subject: str, tilt: float = 0.0) -> Embedding:
    """A unit vector of its own for each subject, turned a little towards a common one."""
    place = sorted(SUBJECTS).index(subject)
    values = np.zeros(len(SUBJECTS) + 1, dtype=np.float32)
    values[place], values[-1] = np.cos(tilt), np.sin(tilt)
    return values


def article(
    id_: str, subject: str = "strike", *, day: float = 0.0, tilt: float = 0.0, duplicate_of: str | None = None
) -> StoryArticle:
    return StoryArticle(id_, day * DAY_S, vector(subject, tilt), SUBJECTS[subject], duplicate_of)


def members(stories: Sequence[Story]) -> set[frozenset[str]]:
    return {frozenset(story.article_ids) for story in stories}


_articles = st.lists(
    st.builds(
        article,
        st.uuids().map(str),
        st.sampled_from(sorted(SUBJECTS)),
        day=st.floats(0, 30),
        tilt=st.floats(0, 1.5),
        duplicate_of=st.sampled_from([None, None, None, "x", "y"]),
    ),
    max_size=14,
    unique_by=lambda each: each.id,
)


def test_articles_on_the_same_events_are_a_story() -> None:
    stories = cluster_stories([article("a"), article("b", "clocks"), article("c"), article("d", "clocks")])
    assert members(stories) == {frozenset("ac"), frozenset("bd")}


def test_words_that_are_shared_decide_where_meaning_does_not() -> None:
    like = np.array([0.6, 0.8], dtype=np.float32), np.array([0.8, 0.6], dtype=np.float32)
    shared = [
        StoryArticle(id_, 0.0, each, ("karsk", "reactor")) for id_, each in zip("ab", like, strict=True)
    ]
    others = [StoryArticle("a", 0.0, like[0], ("karsk",)), StoryArticle("b", 0.0, like[1], ("ferry",))]
    strict = StorySettings(threshold=0.7)
    assert len(cluster_stories(shared, strict)) == 1
    assert len(cluster_stories(others, strict)) == 2


def test_a_vector_of_an_encoder_that_does_not_know_the_script_says_nothing() -> None:
    same = np.array([1.0, 0.0], dtype=np.float32)
    strangers = [
        StoryArticle("a", 0.0, same, ("云浦", "茶业"), is_covered=False),
        StoryArticle("b", 0.0, same, ("国王", "大婚"), is_covered=False),
        StoryArticle("c", 0.0, -same, ("国王", "大婚"), is_covered=False),
    ]
    assert members(cluster_stories(strangers)) == {frozenset("a"), frozenset("bc")}


def test_time_sets_stories_apart() -> None:
    settings = StorySettings(threshold=0.95)
    assert len(cluster_stories([article("a"), article("b", day=0.5)], settings)) == 1
    assert len(cluster_stories([article("a"), article("b", day=30)], settings)) == 2


def test_near_duplicates_are_together_whatever_they_say() -> None:
    stories = cluster_stories([article("a"), article("b", "clocks", duplicate_of="a")])
    assert members(stories) == {frozenset("ab")}


def test_copies_do_not_draw_a_story_to_them() -> None:
    copies = [article(f"c{number}", tilt=0.7, duplicate_of="c0") for number in range(20)]
    one = [article("c0", tilt=0.7), article("x"), article("y")]
    assert members(cluster_stories(one)) == {frozenset({"c0", "x", "y"})}
    assert members(cluster_stories([*one, *copies[1:]])) == {
        frozenset({"x", "y", *(each.id for each in copies)})
    }


@given(_articles, st.randoms())
def test_every_article_is_in_one_story_whatever_the_order(
    articles: list[StoryArticle],
    chance: "st.Random",  # type: ignore[name-defined]
) -> None:
    stories = cluster_stories(articles)
    ids = [id_ for story in stories for id_ in story.article_ids]
    assert sorted(ids) == sorted(each.id for each in articles)
    assert len({story.id for story in stories}) == len(stories)
    assert all(story.id == story.article_ids[0] for story in stories)
    times = {each.id: each.place for each in articles}
    assert all(
        list(story.article_ids) == sorted(story.article_ids, key=times.__getitem__) for story in stories
    )
    shuffled = list(articles)
    chance.shuffle(shuffled)
    assert cluster_stories(shuffled) == stories


@given(_articles, st.lists(st.integers(0, 3), min_size=14, max_size=14))
def test_updates_agree_with_one_run(articles: list[StoryArticle], parts: list[int]) -> None:
    # Words are weighed alike from the beginning, as in a window that hardly grows.
    settings = StorySettings(terms_weight=0.0)
    clustering = StoryClustering(settings)
    for part in range(4):
        added = [each for each, number in zip(articles, parts, strict=False) if number == part]
        clustering.update(added=added)
    removed = [each.id for each, number in zip(articles, parts, strict=False) if number == 0]
    clustering.update(removed=removed)
    left = [each for each in articles if each.id not in removed]
    assert members(clustering.stories()) == members(cluster_stories(left, settings))
    names = [story.id for story in clustering.stories()]
    assert len(set(names)) == len(names)
    owner = {id_: story.id for story in clustering.stories() for id_ in story.article_ids}
    # A name belongs to the story that its article is in, as long as that is there.
    assert all(owner.get(name, name) == name for name in names)


def test_a_story_keeps_its_name_when_earlier_articles_come_and_its_first_goes() -> None:
    clustering = StoryClustering()
    clustering.update(added=[article("b", day=1), article("c", day=2)])
    assert [story.id for story in clustering.stories()] == ["b"]
    clustering.update(added=[article("a", day=0)])
    assert clustering.stories() == [Story("b", ("a", "b", "c"))]
    clustering.update(removed=["b"])
    assert clustering.stories() == [Story("b", ("a", "c"))]


def test_a_name_goes_back_with_its_article() -> None:
    clustering = StoryClustering()
    clustering.update(added=[article("b", day=1), article("c", day=2), article("d", day=3)])
    clustering.update(removed=["b"])
    clustering.update(added=[article("b", "clocks", day=4)])
    assert clustering.stories() == [Story("c", ("c", "d")), Story("b", ("b",))]


def test_stories_merge_and_split_as_articles_between_them_come_and_go() -> None:
    left, right = article("l", tilt=0.0), article("r", tilt=1.3)
    between = [article("m", tilt=0.65)]
    settings = StorySettings(threshold=0.6, terms_weight=0.0)
    clustering = StoryClustering(settings)
    clustering.update(added=[left, right])
    assert len(clustering.stories()) == 2
    clustering.update(added=between)
    assert len(clustering.stories()) < 3
    clustering.update(removed=["m"])
    assert members(clustering.stories()) == {frozenset("l"), frozenset("r")}


def test_a_story_has_a_largest_size_and_equal_articles_are_divided_by_time() -> None:
    articles = [article(f"a{number}", day=number / 100) for number in range(10)]
    stories = cluster_stories(articles, StorySettings(max_story_articles=4))
    assert [len(story.article_ids) for story in stories] == [4, 4, 2]


def test_an_update_that_nobody_waits_for_ends() -> None:
    clustering = StoryClustering()
    clustering.stop()
    with pytest.raises(StoppedError):
        clustering.update(added=[article("a"), article("b")])


def test_blocks_do_not_show() -> None:
    """More articles than are compared at once: each subject is still one story."""
    articles = [
        article(f"{subject}-{number}", subject, day=number / 1_000)
        for subject, number in itertools.product(sorted(SUBJECTS), range(250))
    ]
    assert sorted(len(story.article_ids) for story in cluster_stories(articles)) == [250, 250, 250]


def test_among_more_articles_more_likeness_is_asked_for() -> None:
    settings = StorySettings()
    assert settings.threshold_for(10) == settings.threshold_for(1_000) == settings.threshold
    assert settings.threshold_for(4_000) == pytest.approx(settings.threshold + 2 * settings.threshold_rise)
