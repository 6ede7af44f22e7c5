"""Tests of hard negatives: they share words with the headline, and never tell its story."""

import math
from collections import Counter

import numpy as np
from gistwire_indexer.analysis import analyze
from gistwire_training.encoder.mining import NO_NEGATIVE, group_stories, mine_hard_negatives
from gistwire_training.pairs import Pair
from hypothesis import given, settings
from hypothesis import strategies as st


def pair(number: int, headline: str, body: str) -> Pair:
    return Pair(id=str(number), headline=headline, body=body, language="en")


FERRY = (
    "The ferry between the two islands was halted when a storm tore its moorings loose at night, and the harbour "
    "master said that no boat would sail before the wind had dropped and divers had looked at the piers"
)
PAIRS = [
    pair(0, "Storm halts island ferry", FERRY),
    pair(1, "Ferry halted by storm", FERRY + " today"),
    pair(2, "Ferry fares rise", "Fares of the ferry rise by a tenth from June"),
    pair(3, "Storm warning issued", "A warning of a storm was issued for the coast"),
    pair(4, "Bank cuts rates", "The central bank cut its rates by a quarter point"),
    pair(5, "bank CUTS rates", "Another lender has lowered what it asks of borrowers"),
]


def test_negatives_share_words_with_the_headline_and_tell_other_stories() -> None:
    mined = mine_hard_negatives(PAIRS, group_stories(PAIRS), pool=4)
    assert mined.shape == (6, 4)
    assert set(mined[0].tolist()) == {2, 3, NO_NEGATIVE}
    assert mined[4].tolist() == [NO_NEGATIVE] * 4


def test_near_duplicates_and_equal_headlines_are_one_story() -> None:
    stories = group_stories(PAIRS).tolist()
    assert stories[0] == stories[1]
    assert stories[4] == stories[5]
    assert len(set(stories)) == 4


def test_stories_are_joined_through_chains_of_headlines() -> None:
    chained = [
        pair(0, "Storm halts ferry", FERRY),
        pair(1, "Islands cut off", FERRY),
        pair(2, "Storm halts ferry", "Nothing sails from the northern harbour until the wind drops"),
        pair(3, "Islands cut off", "Supplies run low where no boat can land"),
    ]
    assert len(set(group_stories(chained).tolist())) == 1


_words = st.lists(
    st.sampled_from(["oil", "gold", "rain", "vote", "court", "fire"]), min_size=1, max_size=6
).map(" ".join)


@settings(max_examples=40)
@given(st.lists(st.tuples(_words, _words), min_size=2, max_size=8))
def test_negatives_are_the_best_by_bm25(texts: list[tuple[str, str]]) -> None:
    pairs = [pair(number, headline, body) for number, (headline, body) in enumerate(texts)]
    own_story = np.arange(len(pairs))
    mined = mine_hard_negatives(pairs, own_story, pool=3)
    for place, row in enumerate(mined.tolist()):
        scores = bm25(pairs, place)
        expected = sorted(scores, key=lambda other: (-round(scores[other], 9), other))[:3]
        found = [other for other in row if other != NO_NEGATIVE]
        assert [round(scores[other], 9) for other in found] == [round(scores[other], 9) for other in expected]
        assert place not in found
        assert len(set(found)) == len(found)


def bm25(pairs: list[Pair], place: int) -> dict[int, float]:
    """BM25 of other bodies for a headline, by the formula (k1 = 1.2, b = 0.75), where above 0."""
    counts = [Counter(analyze(each.body, "en")) for each in pairs]
    average = sum(map(Counter.total, counts)) / len(pairs)
    scores: dict[int, float] = {}
    for term in set(analyze(pairs[place].headline, "en")):
        holding = sum(term in count for count in counts)
        idf = math.log(1 + (len(pairs) - holding + 0.5) / (holding + 0.5))
        for other, count in enumerate(counts):
            if other != place and count[term]:
                saturation = 1.2 * (0.25 + 0.75 * count.total() / average)
                scores[other] = scores.get(other, 0) + idf * count[term] * 2.2 / (count[term] + saturation)
    return scores
