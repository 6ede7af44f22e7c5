"""Tests of `convert_encoder`."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.conversion import convert_encoder
from gistwire_models.encoder_folder import read_description
from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from gistwire_models.local_encoder import LocalEncoder
from safetensors.numpy import save_file

from tests.models.tiny_bert import HIDDEN, POSITIONS, reference_embedding, tiny_config, tiny_weights


async def test_computes_what_the_reference_does(tiny_bert: Path, tmp_path: Path) -> None:
    convert_encoder(tiny_bert, tmp_path / "converted", name="tiny", quantization="float32")
    encoder = LocalEncoder.load(tmp_path / "converted", threads=1)
    embeddings = await encoder.encode(["oil prices rise", "war"])
    await encoder.close()
    np.testing.assert_allclose(embeddings[0], reference_embedding(["oil", "prices", "rise"]), atol=1e-4)
    np.testing.assert_allclose(embeddings[1], reference_embedding(["war"]), atol=1e-4)


def test_describes_the_encoder(tiny_bert: Path, tmp_path: Path) -> None:
    description = convert_encoder(tiny_bert, tmp_path / "converted", name="tiny")
    assert description == read_description(tmp_path / "converted")
    assert (description.name, description.dimension, description.max_tokens) == ("tiny", HIDDEN, POSITIONS)


def test_the_version_follows_weights_tokenizer_and_quantization(tiny_bert: Path, tmp_path: Path) -> None:
    def version(name: str, *, quantized: bool = True) -> str:
        quantization = "int8" if quantized else "float32"
        return convert_encoder(tiny_bert, tmp_path / name, name="tiny", quantization=quantization).version

    first = version("first")
    assert version("again") == first
    assert version("float32", quantized=False) != first
    (tiny_bert / "tokenizer.json").write_text((tiny_bert / "tokenizer.json").read_text() + "\n")
    other_tokenizer = version("other tokenizer")
    assert other_tokenizer != first
    weights = tiny_weights()
    weights["embeddings.LayerNorm.bias"] += 1
    save_file(weights, str(tiny_bert / "model.safetensors"))
    assert version("other weights") not in {first, other_tokenizer}


def test_half_precision_weights_are_read(tiny_bert: Path, tmp_path: Path) -> None:
    halves = {name: tensor.astype(np.float16) for name, tensor in tiny_weights().items()}
    save_file(halves, str(tiny_bert / "model.safetensors"))
    assert convert_encoder(tiny_bert, tmp_path / "converted", name="tiny").dimension == HIDDEN


def test_processes_that_convert_at_once_all_succeed(tiny_bert: Path, tmp_path: Path) -> None:
    target = tmp_path / "cache" / "converted"
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as processes:
        jobs = [processes.submit(convert_encoder, tiny_bert, target, name="tiny") for _ in range(6)]
        descriptions = {job.result() for job in jobs}
    assert descriptions == {read_description(target)}
    assert [path.name for path in target.parent.iterdir()] == ["converted"]


def test_another_encoder_is_not_replaced(tiny_bert: Path, tmp_path: Path) -> None:
    kept = convert_encoder(tiny_bert, tmp_path / "converted", name="tiny")
    with pytest.raises(ModelFormatError, match="holds tiny@"):
        convert_encoder(tiny_bert, tmp_path / "converted", name="tiny", quantization="float32")
    assert read_description(tmp_path / "converted") == kept


def test_a_folder_of_something_else_is_not_replaced(tiny_bert: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "notes.txt").write_text("mine")
    with pytest.raises(ModelFormatError, match="cannot be made"):
        convert_encoder(tiny_bert, tmp_path / "taken", name="tiny")
    assert (tmp_path / "taken" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tiny_bert: Path, tmp_path: Path, file: str) -> None:
    (tiny_bert / file).unlink()
    with pytest.raises(ModelNotFoundError, match=file):
        convert_encoder(tiny_bert, tmp_path / "converted", name="tiny")
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_broken_file_is_named(tiny_bert: Path, tmp_path: Path, file: str) -> None:
    (tiny_bert / file).write_bytes(b"\x00 not what it should be")
    with pytest.raises(ModelFormatError, match=file):
        convert_encoder(tiny_bert, tmp_path / "converted", name="tiny")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "relu"),
        ("position_embedding_type", "relative_key"),
        ("hidden_size", "16"),
        ("num_attention_heads", 3),
        ("num_attention_heads", 0),
        ("vocab_size", 9),
        ("intermediate_size", 31),
        ("num_hidden_layers", 3),
    ],
)
def test_a_config_that_does_not_fit_is_refused(
    tiny_bert: Path, tmp_path: Path, field: str, value: object
) -> None:
    (tiny_bert / "config.json").write_text(json.dumps({**tiny_config(), field: value}))
    with pytest.raises(ModelFormatError):
        convert_encoder(tiny_bert, tmp_path / "converted", name="tiny")
    assert not (tmp_path / "converted").exists()
