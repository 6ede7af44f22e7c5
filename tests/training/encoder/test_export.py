"""Tests of written and exported encoders."""

from pathlib import Path

import numpy as np
import torch
from gistwire_models.encoder_folder import read_description
from gistwire_models.shipped import default_encoder_folder
from gistwire_training.encoder import export_encoder, measure_parity, write_encoder
from gistwire_training.encoder.network import SentenceEncoder
from gistwire_training.registry import read_version, verify_version
from transformers import BertModel

from tests.training.encoder.conftest import NOISE, TOPICS, write_tiny_encoder

TEXTS = [f"{topic} {noise} {topic}" for topic in TOPICS for noise in NOISE]


def test_a_written_encoder_is_read_back_as_it_was(encoder: SentenceEncoder, tmp_path: Path) -> None:
    with torch.no_grad():
        for value in encoder.bert.parameters():
            value.mul_(1.1)
    write_encoder(encoder, tmp_path / "written")
    read = SentenceEncoder.load(tmp_path / "written")
    np.testing.assert_array_equal(read.embed(TEXTS, max_tokens=8), encoder.embed(TEXTS, max_tokens=8))


def test_a_written_encoder_can_be_loaded_by_transformers(encoder: SentenceEncoder, tmp_path: Path) -> None:
    write_encoder(encoder, tmp_path / "written")
    bert = BertModel.from_pretrained(tmp_path / "written", add_pooling_layer=False)
    for name, value in bert.named_parameters():
        assert torch.equal(value, encoder.weights()[name]), name


def test_an_encoder_takes_the_place_of_the_one_before(encoder: SentenceEncoder, tmp_path: Path) -> None:
    write_encoder(encoder, tmp_path / "written")
    other = SentenceEncoder.load(write_tiny_encoder(tmp_path / "other", seed=2))
    write_encoder(other, tmp_path / "written")
    read = SentenceEncoder.load(tmp_path / "written")
    np.testing.assert_array_equal(read.embed(TEXTS, max_tokens=8), other.embed(TEXTS, max_tokens=8))
    assert {path.name for path in tmp_path.iterdir()} == {"other", "written"}


def test_the_int8_export_agrees_with_the_encoder(encoder: SentenceEncoder, tmp_path: Path) -> None:
    write_encoder(encoder, tmp_path / "written")
    description = export_encoder(tmp_path / "written", tmp_path / "int8", name="tiny")
    assert description == read_description(tmp_path / "int8")
    assert description.name == "tiny"
    assert 0.99 <= measure_parity(tmp_path / "written", tmp_path / "int8", TEXTS) <= 1.0001


def test_parity_tells_another_encoder(encoder: SentenceEncoder, tmp_path: Path) -> None:
    export_encoder(write_tiny_encoder(tmp_path / "other", seed=2), tmp_path / "int8", name="tiny")
    write_encoder(encoder, tmp_path / "written")
    assert measure_parity(tmp_path / "written", tmp_path / "int8", TEXTS) < 0.9


def test_the_encoder_in_this_repository_is_as_it_was_recorded() -> None:
    version = read_version(default_encoder_folder().parents[1], "encoder", 1)
    verify_version(version)
    assert version.checksums is not None
    assert sum(each.size_bytes for each in version.checksums.values()) < 30_000_000
