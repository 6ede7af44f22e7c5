"""Tests of the sentence encoder in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from gistwire_training.encoder.network import SentenceEncoder, autocast
from gistwire_training.errors import CheckpointError

from tests.training.encoder.conftest import write_tiny_encoder

TEXTS = ["topic1 topic2", "", "topic3 noise1 noise2 topic4 noise1", "lone \ud800 surrogate", "topic1"]


def test_embeddings_are_unit_vectors_in_the_order_of_the_texts(encoder: SentenceEncoder) -> None:
    together = encoder.embed(TEXTS, max_tokens=8)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)
    for text, embedding in zip(TEXTS, together, strict=True):
        np.testing.assert_allclose(encoder.embed([text], max_tokens=8)[0], embedding, atol=1e-5)


def test_texts_of_many_groups_keep_their_order(encoder: SentenceEncoder) -> None:
    texts = [f"topic{number % 16} " * (number % 9) for number in range(400)]
    together = encoder.embed(texts, max_tokens=12)
    for place in (0, 7, 199, 399):
        np.testing.assert_allclose(
            encoder.embed([texts[place]], max_tokens=12)[0], together[place], atol=1e-5
        )


def test_no_texts_have_no_embeddings(encoder: SentenceEncoder) -> None:
    assert encoder.embed([], max_tokens=8).shape == (0, 32)


def test_texts_are_cut_at_the_longest_input(encoder: SentenceEncoder) -> None:
    assert [len(ids) for ids in encoder.tokenize(["topic1 " * 50, "topic1"], max_tokens=6)] == [6, 3]
    assert len(encoder.tokenize(["topic1 " * 50], max_tokens=99)[0]) == 16


def test_embedding_needs_no_dropout_and_leaves_the_mode(base: Path) -> None:
    encoder = SentenceEncoder.load(base, dropout=0.5)
    encoder.train()
    first, second = (encoder.embed(TEXTS, max_tokens=8) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert encoder.training


def test_dropout_works_in_layers_that_learn_alone(base: Path) -> None:
    encoder = SentenceEncoder.load(base, dropout=0.5)
    encoder.freeze(1)
    encoder.train()
    assert not any(module.training for module in encoder.bert.embeddings.modules())
    assert not any(module.training for module in encoder.layers[0].modules())
    assert all(module.training for module in encoder.layers[1].modules())


def test_loading_leaves_the_random_state_alone(base: Path) -> None:
    before = torch.get_rng_state()
    SentenceEncoder.load(base)
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_of_another_encoder_are_refused(encoder: SentenceEncoder, tmp_path: Path) -> None:
    name = "encoder.layer.0.output.dense.bias"
    with pytest.raises(CheckpointError, match=name):
        encoder.set_weights({name: torch.zeros(3)})
    with pytest.raises(CheckpointError, match=r"layer\.9"):
        encoder.set_weights({"encoder.layer.9.output.dense.bias": torch.zeros(32)})


def test_weights_are_copies(encoder: SentenceEncoder, tmp_path: Path) -> None:
    other = SentenceEncoder.load(write_tiny_encoder(tmp_path / "other", seed=2))
    expected = other.embed(TEXTS, max_tokens=8)
    encoder.set_weights(other.weights())
    for value in other.weights().values():
        value.zero_()
    np.testing.assert_array_equal(encoder.embed(TEXTS, max_tokens=8), expected)


def test_mixed_precision_is_used_where_it_is_asked_for() -> None:
    cpu, square = torch.device("cpu"), torch.ones(2, 2)
    with autocast("bf16", cpu):
        assert (square @ square).dtype == torch.bfloat16
    with autocast("off", cpu):
        assert (square @ square).dtype == torch.float32
