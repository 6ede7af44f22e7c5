"""Tests of `LocalEncoder`: the contract, parity of int8 with float32, and what only it promises."""

import threading
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.encoder import Priority, TextEncoder
from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from gistwire_models.local_encoder import LocalEncoder

from tests.models.text_encoder_contract import TextEncoderContract

SENTENCES = [
    "Oil prices rose to a record high on Friday.",
    "The central bank left interest rates unchanged.",
    "Scientists found water ice near the lunar south pole.",
    "The striker scored twice as the hosts won 3-1.",
    "A strong earthquake struck off the coast; no casualties were reported.",
    "Parliament passed the budget after a night of debate.",
    "The company said quarterly profit fell 12 percent.",
    "Thousands marched through the capital to protest against the law.",
    "A vaccine trial showed promising results in children.",
    "Die Regierung beriet am Montag über den Haushalt.",
    "El presidente viajó a Madrid para la cumbre.",
    "He said no.",
]


class TestContract(TextEncoderContract):
    @pytest.fixture
    def encoder(self, local_encoder: LocalEncoder) -> TextEncoder:
        return local_encoder


async def test_int8_stays_close_to_float32(local_encoder: LocalEncoder, float32_folder: Path) -> None:
    exact = LocalEncoder.load(float32_folder, threads=1)
    cosines = np.sum(await local_encoder.encode(SENTENCES) * await exact.encode(SENTENCES), axis=1)
    await exact.close()
    assert cosines.min() > 0.98
    assert cosines.max() < 1.0 - 1e-6  # they are two models, not one


async def test_finds_the_paraphrase(local_encoder: LocalEncoder) -> None:
    queries = await local_encoder.encode(
        [
            "crude costs more than ever",
            "moon exploration",
            "football result",
            "demonstration against government",
        ],
        priority=Priority.QUERY,
    )
    nearest = (queries @ (await local_encoder.encode(SENTENCES)).T).argmax(axis=1)
    assert nearest.tolist() == [0, 2, 3, 7]


async def test_padding_changes_nothing_but_rounding(local_encoder: LocalEncoder) -> None:
    (alone,) = await local_encoder.encode(["Oil prices rose."])
    padded, _ = await local_encoder.encode(["Oil prices rose.", " ".join(SENTENCES[:2])])
    longer, _ = await local_encoder.encode(["Oil prices rose.", " ".join(SENTENCES[:4])])
    # In int8 a padded batch is rounded in another way than one without padding, as far from float32 as that.
    assert alone @ padded > 0.995
    np.testing.assert_allclose(padded, longer, atol=1e-5)


async def test_only_the_first_256_tokens_count(local_encoder: LocalEncoder) -> None:
    head = "word " * 254
    first, second, cut, shorter = await local_encoder.encode(
        [head + "oil", head + "peace", head, "word " * 100]
    )
    np.testing.assert_allclose(first, second, atol=1e-6)
    np.testing.assert_allclose(first, cut, atol=1e-6)
    assert not np.allclose(first, shorter, atol=1e-3)


def test_counts_content_tokens_without_limit(int8_folder: Path) -> None:
    encoder = LocalEncoder.load(int8_folder, threads=1)
    assert encoder.count_tokens("") == 0
    assert encoder.count_tokens("oil prices rise") == 3
    assert encoder.count_tokens("oil " * 1000) == 1000
    assert encoder.count_tokens("\ud800 oil") > 1


async def test_closing_leaves_no_thread(int8_folder: Path) -> None:
    encoder = LocalEncoder.load(int8_folder, threads=2)
    await encoder.encode(SENTENCES)
    assert any(thread.name.startswith("gistwire-encoder") for thread in threading.enumerate())
    await encoder.close()
    assert not any(thread.name.startswith("gistwire-encoder") for thread in threading.enumerate())


def test_a_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        LocalEncoder.load(tmp_path)


@pytest.mark.parametrize("file", ["model.bin", "tokenizer.json"])
def test_a_broken_file_is_refused(int8_folder: Path, tmp_path: Path, file: str) -> None:
    for path in int8_folder.iterdir():
        (tmp_path / path.name).write_bytes(b"broken" if path.name == file else path.read_bytes())
    with pytest.raises(ModelFormatError):
        LocalEncoder.load(tmp_path)
