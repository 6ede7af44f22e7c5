from datetime import timedelta

import numpy as np
from gistwire_server.digests.material import Material, read_material
from gistwire_server.digests.points import in_reading_order, select_points
from gistwire_server.digests.sentence_space import SentenceSpace, word_space
from hypothesis import given
from hypothesis import strategies as st

from tests.server.digests.news import PUBLISHED, indexed

STRIKE = "Dock workers in Ellery walked out on Monday over pay."
STRIKE_TOO = "Over pay, dock workers in Ellery walked out on Monday."
BRIDGE = "The council of Grayle will repair its railway bridge."
OWLS = "Three rare owls were seen near the lighthouse of Norrfell."


def selected(material: Material, most: int = 5, query: str = "") -> list[str]:
    space = word_space(material, query)
    return [material.sentences[wordings[0]].text for wordings in select_points(material, space, most)]


def test_what_two_say_is_one_point_with_both_wordings() -> None:
    material = read_material([indexed("a", STRIKE), indexed("b", STRIKE_TOO), indexed("c", OWLS)], "")
    points = select_points(material, word_space(material, ""), 5)
    assert sorted(points[0]) == [0, 1]
    assert points[1] == (2,)


def test_what_a_query_asks_for_comes_first() -> None:
    material = read_material([indexed("a", f"{BRIDGE} {OWLS}")], "rare owls lighthouse")
    assert selected(material, 1, "rare owls lighthouse") == [OWLS]


def test_the_lead_is_kept_and_not_said_again() -> None:
    material = read_material([indexed("a", STRIKE), indexed("b", STRIKE_TOO), indexed("c", OWLS)], "")
    points = select_points(material, word_space(material, ""), 5, lead=2)
    assert points[0] == (2,)
    assert 2 not in points[1]


def test_points_that_are_worth_much_less_are_left_out() -> None:
    material = read_material([indexed("a", f"{STRIKE} {OWLS}")], "")
    vectors = np.eye(2, 3, dtype=np.float32)
    query = np.array([1, 0, 0], dtype=np.float32)
    space = SentenceSpace(vectors, query, same_point=0.7, relevant=0.5)
    assert select_points(material, space, 5) == [(0,)]


def test_of_an_article_in_another_language_nothing_is_shown() -> None:
    articles = [
        indexed("a", STRIKE),
        indexed("b", BRIDGE),
        indexed("c", "港口每周处理4000个集装箱。", language="zh"),
    ]
    assert "港口每周处理4000个集装箱。" not in selected(read_material(articles, ""))
    assert selected(read_material(articles, "港口集装箱"), query="港口集装箱") == [
        "港口每周处理4000个集装箱。"
    ]


def test_the_best_leads_and_the_rest_follow_time_and_the_article() -> None:
    articles = [
        indexed("late", f"{STRIKE} {BRIDGE}", published=PUBLISHED),
        indexed("early", OWLS, published=PUBLISHED - timedelta(days=1)),
        indexed("unknown", "Nobody knows when this bakery opened in Ellery.", published=None),
    ]
    material = read_material(articles, "")
    assert in_reading_order([(0,), (3,), (1,), (2,)], material) == [(0,), (2,), (1,), (3,)]


@given(
    seed=st.integers(0, 2**32 - 1),
    bodies=st.lists(st.lists(st.sampled_from([STRIKE, STRIKE_TOO, BRIDGE, OWLS]), max_size=4), max_size=5),
    most=st.integers(1, 5),
)
def test_points_are_apart_and_not_too_many(seed: int, bodies: list[list[str]], most: int) -> None:
    material = read_material([indexed(f"a{place}", " ".join(body)) for place, body in enumerate(bodies)], "")
    vectors = np.random.default_rng(seed).normal(size=(len(material.sentences), 6)).astype(np.float32)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    space = SentenceSpace(vectors, None, same_point=0.7, relevant=0.5)
    points = select_points(material, space, most)
    assert len(points) <= most
    assert bool(points) == bool(material.sentences)
    best = [wordings[0] for wordings in points]
    for place, one in enumerate(best):
        assert all(space.similarities[one][other] < 0.7 for other in best[:place])
    assert sorted(in_reading_order(points, material)) == sorted(points)
