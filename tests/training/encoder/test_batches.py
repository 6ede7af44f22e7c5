"""Tests of which pairs meet in a step."""

from pathlib import Path

import msgspec
import numpy as np
import pytest
from gistwire_training.encoder.batches import TrainingBatches, compose_batches, steps_per_epoch, total_steps
from gistwire_training.encoder.mining import NO_NEGATIVE, Places
from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.pairs import Pair
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.encoder.conftest import RECIPE, TOPICS


@st.composite
def mined_negatives(draw: st.DrawFn) -> Places:
    """Up to five negatives for each of some pairs, none twice and none its own."""
    count = draw(st.integers(1, 30))
    mined = np.full((count, 5), NO_NEGATIVE)
    for place in range(count):
        others = sorted(set(range(count)) - {place})
        found = draw(st.lists(st.sampled_from(others), max_size=5, unique=True)) if others else []
        mined[place, : len(found)] = found
    return mined


@settings(max_examples=40)
@given(mined_negatives(), st.integers(1, 12), st.integers(0, 4), st.integers(0, 3))
def test_a_pass_takes_each_pair_once_and_leaves_less_than_a_batch(
    mined: Places, batch_size: int, hard_negatives: int, epoch: int
) -> None:
    recipe = msgspec.structs.replace(RECIPE, batch_size=batch_size, hard_negatives=hard_negatives)
    batches = compose_batches(mined, recipe, epoch)
    taken = batches.reshape(-1).tolist()
    assert len(set(taken)) == len(taken)
    assert set(taken) <= set(range(len(mined)))
    assert batches.shape[0] == steps_per_epoch(len(mined), recipe)
    assert len(taken) == min(len(mined), batches.shape[0] * batch_size)
    assert len(mined) - len(taken) < batch_size
    assert np.array_equal(batches, compose_batches(mined, recipe, epoch))


def test_each_pass_takes_another_order() -> None:
    mined = np.full((32, 5), NO_NEGATIVE)
    assert not np.array_equal(compose_batches(mined, RECIPE, 0), compose_batches(mined, RECIPE, 1))


def test_a_pair_meets_its_hard_negatives() -> None:
    # Each even pair's only negative is the odd one after it, and the other way round.
    mined = (np.arange(64) ^ 1)[:, None]
    for batch in compose_batches(mined, RECIPE, 0).tolist():
        assert {place ^ 1 for place in batch} == set(batch)


def test_the_number_of_steps_follows_from_passes_and_limit() -> None:
    assert total_steps(160, RECIPE) == 30
    assert total_steps(160, msgspec.structs.replace(RECIPE, max_steps=7)) == 7
    assert total_steps(3, RECIPE) == 3


@pytest.fixture
def batches(base: Path) -> TrainingBatches:
    pairs = [
        Pair(id="0", headline="topic1 topic2", body="topic1 topic2 " + "noise1 " * 20),
        Pair(id="1", headline="topic3", body="topic3 noise2"),
        Pair(id="2", headline="Topic3", body="topic4 noise3"),
    ]
    recipe = msgspec.structs.replace(RECIPE, batch_size=3, max_body_tokens=6)
    return TrainingBatches(pairs, SentenceEncoder.load(base), recipe)


def test_a_batch_holds_bodies_beside_their_headlines(batches: TrainingBatches) -> None:
    batch = batches.at(0)
    place = next(place for place, tokens in enumerate(batch.headlines) if len(tokens) == 4)
    assert len(batch.bodies[place]) == 6
    assert list(batch.bodies[place][:3]) == list(batch.headlines[place][:3])


def test_pairs_with_equal_headlines_are_no_negatives_of_each_other(batches: TrainingBatches) -> None:
    same_story = batches.at(0).same_story
    assert same_story.diagonal().all()
    assert int(same_story.sum()) == 5


def test_other_headlines_are_varied_in_each_pass(base: Path) -> None:
    # The tokenizer knows topics in lower case, which only varied headlines are in.
    pairs = [Pair(id=topic, headline=topic.capitalize(), body=topic) for topic in TOPICS]
    recipe = msgspec.structs.replace(RECIPE, batch_size=len(pairs), query_variation=0.5)
    batches = TrainingBatches(pairs, SentenceEncoder.load(base), recipe)
    varied = [{tuple(tokens) for tokens in batches.at(step).headlines} for step in (0, 1)]
    assert all(1 < len(known) < len(TOPICS) for known in varied)
    assert varied[0] != varied[1]


def test_a_step_gives_the_same_batch_whatever_came_before(batches: TrainingBatches) -> None:
    later = batches.at(4).headlines
    batches.at(0)
    assert batches.at(4).headlines == later
