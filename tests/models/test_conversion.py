"""Tests of `convert_encoder`: what it computes, what it refuses, and several processes at once."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.conversion import convert_encoder
from gistwire_models.encoder_folder import (
    EncoderDescription,
    Quantization,
    derive_version,
    read_description,
)
from gistwire_models.errors import GistwireModelError, ModelFormatError, ModelNotFoundError
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.model_folder import write_description
from safetensors.numpy import load_file, save_file

from tests.models.tiny_bert import CONFIG, Weights, embed, write_tiny_bert

CONVERT_WHEN_TOLD = """
import sys
from pathlib import Path
from gistwire_models.conversion import convert_encoder
print("ready", flush=True)
sys.stdin.readline()
print(convert_encoder(Path(sys.argv[1]), Path(sys.argv[2]), name="tiny").version)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_tiny_bert(tmp_path / "source")
    return tmp_path / "source"


def refusal(source: Path, expected: type[GistwireModelError]) -> str:
    """Why a source is refused; nothing may be left of the attempt."""
    target = source.parent / "converted" / "tiny"
    with pytest.raises(expected) as refused:
        convert_encoder(source, target, name="tiny")
    assert not target.parent.exists() or list(target.parent.iterdir()) == []
    return str(refused.value)


def change_weights(source: Path, changes: Weights, *, without: str = "") -> None:
    weights = load_file(source / "model.safetensors") | changes
    weights.pop(without, None)
    save_file(weights, source / "model.safetensors")


async def test_the_converted_encoder_computes_what_the_formulas_say(tmp_path: Path) -> None:
    weights = write_tiny_bert(tmp_path / "source")
    convert_encoder(tmp_path / "source", tmp_path / "tiny", name="tiny", quantization="float32")
    encoder = LocalEncoder.load(tmp_path / "tiny", threads=1)
    try:
        # Of unequal lengths, so that padding must not matter.
        texts = ["harbour strike rises", "storm", "", "ferry falls ferry falls storm"]
        expected = np.array([embed(weights, text.split()) for text in texts])
        np.testing.assert_allclose(await encoder.encode(texts), expected, atol=1e-5)
    finally:
        await encoder.close()


def test_the_description_is_returned_and_written(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "made" / "here" / "tiny"
    version = derive_version(source / "model.safetensors", source / "tokenizer.json", "int8")
    expected = EncoderDescription(name="tiny", version=version, dimension=16, max_tokens=8, pooling="mean")
    assert convert_encoder(source, target, name="tiny") == read_description(target) == expected
    assert [path.name for path in target.parent.iterdir()] == ["tiny"]


def test_a_long_context_is_cut_at_256_tokens(source: Path, tmp_path: Path) -> None:
    (source / "config.json").write_text(json.dumps(CONFIG | {"max_position_embeddings": 300}))
    change_weights(source, {"embeddings.position_embeddings.weight": np.zeros((300, 16), np.float32)})
    assert convert_encoder(source, tmp_path / "tiny", name="tiny").max_tokens == 256


def test_the_version_depends_on_each_file_and_on_the_quantization(tmp_path: Path) -> None:
    paths = []
    for name in ("first", "second"):
        paths.append(tmp_path / name)
        paths[-1].write_text(name)
    quantizations: tuple[Quantization, ...] = ("int8", "float32")
    versions = {
        derive_version(weights, tokenizer, quantization)
        for weights in paths
        for tokenizer in paths
        for quantization in quantizations
    }
    assert len(versions) == 8


async def test_a_vocabulary_of_many_languages_may_have_spare_rows(source: Path, tmp_path: Path) -> None:
    tokenizer = (source / "tokenizer.json").read_text()
    (source / "tokenizer.json").write_text(tokenizer.replace("[UNK]", "<unk>"))
    rows = np.random.default_rng(2).normal(0, 0.5, (13, 16)).astype(np.float32)
    change_weights(source, {"embeddings.word_embeddings.weight": rows})
    (source / "config.json").write_text(json.dumps(CONFIG | {"vocab_size": 13}))
    convert_encoder(source, tmp_path / "tiny", name="tiny", quantization="float32")
    encoder = LocalEncoder.load(tmp_path / "tiny")
    try:
        storm, again, unknown = await encoder.encode(["storm", "storm", "typhoon"])
    finally:
        await encoder.close()
    np.testing.assert_allclose(storm, again)
    assert not np.allclose(storm, unknown, atol=1e-3)


def test_a_tokenizer_without_a_token_for_unknown_words_is_refused(source: Path) -> None:
    tokenizer = (source / "tokenizer.json").read_text()
    (source / "tokenizer.json").write_text(tokenizer.replace("[UNK]", "[OTHER]"))
    assert "unknown words" in refusal(source, ModelFormatError)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(source: Path, file: str) -> None:
    (source / file).unlink()
    assert file in refusal(source, ModelNotFoundError)


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
@pytest.mark.parametrize("written", [b"", b"{}", b"\xff\xfe", b'{"model_type": "\xff"}'])
def test_a_broken_file_is_named(source: Path, file: str, written: bytes) -> None:
    (source / file).write_bytes(written)
    assert file in refusal(source, ModelFormatError)


@pytest.mark.parametrize(
    "change",
    [
        {"model_type": "roberta"},
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"hidden_size": "16"},
        {"hidden_size": 32},
        {"num_attention_heads": 3},
        {"num_attention_heads": 0},
        {"num_hidden_layers": 3},
        {"intermediate_size": 64},
        {"vocab_size": 11},
    ],
)
def test_a_config_of_another_network_is_refused(source: Path, change: dict[str, object]) -> None:
    (source / "config.json").write_text(json.dumps(CONFIG | change))
    refusal(source, ModelFormatError)


@pytest.mark.parametrize("tensor", ["embeddings.LayerNorm.bias", "encoder.layer.1.attention.self.key.weight"])
def test_a_missing_tensor_is_named(source: Path, tensor: str) -> None:
    change_weights(source, {}, without=tensor)
    assert f"lacks the tensor {tensor}" in refusal(source, ModelFormatError)


def test_a_tensor_of_another_shape_is_named(source: Path) -> None:
    change_weights(source, {"encoder.layer.0.output.dense.bias": np.zeros(3, np.float32)})
    assert "encoder.layer.0.output.dense.bias has the shape (3,)" in refusal(source, ModelFormatError)


def test_what_stands_at_the_target_is_kept(source: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes").write_text("mine")
    write_tiny_bert(tmp_path / "other", seed=2)
    convert_encoder(tmp_path / "other", tmp_path / "converted", name="other")
    for name in ("file", "folder", "converted"):
        with pytest.raises(ModelFormatError, match=name):
            convert_encoder(source, tmp_path / name, name="tiny")
    assert (tmp_path / "file").read_text() == (tmp_path / "folder" / "notes").read_text() == "mine"
    assert read_description(tmp_path / "converted").name == "other"
    assert not list(tmp_path.glob(".*"))


def test_the_first_of_two_conversions_stays(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "converted" / "tiny"
    writer = "gistwire_models.conversion.write_description"

    def write_as_the_second(folder: Path, description: EncoderDescription) -> None:
        monkeypatch.setattr(writer, write_description)
        convert_encoder(source, target, name="tiny")
        (target / "first").touch()
        write_description(folder, description)

    monkeypatch.setattr(writer, write_as_the_second)
    assert convert_encoder(source, target, name="tiny") == read_description(target)
    assert (target / "first").exists()
    assert list(target.parent.iterdir()) == [target]


def test_two_processes_converting_at_once_both_succeed(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "converted" / "tiny"
    command = [sys.executable, "-c", CONVERT_WHEN_TOLD, str(source), str(target)]
    processes = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert {output.strip() for output, _ in outputs} == {read_description(target).version}
    assert list(target.parent.iterdir()) == [target]
