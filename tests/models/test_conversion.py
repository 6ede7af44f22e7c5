import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gistwire_models import conversion
from gistwire_models.conversion import convert_encoder
from gistwire_models.encoder_folder import EncoderDescription, read_description
from gistwire_models.errors import GistwireModelError, ModelFormatError, ModelNotFoundError
from gistwire_models.local_encoder import LocalEncoder
from safetensors.numpy import save_file

from tests.models.tiny_bert import CONFIG, embed, write_tiny_bert

CONVERT_WHEN_TOLD = """
import sys
from pathlib import Path
from gistwire_models.conversion import convert_encoder
print("ready", flush=True)
sys.stdin.readline()
print(convert_encoder(Path(sys.argv[1]), Path(sys.argv[2]), name="tiny", quantization="float32").version)
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
    description = convert_encoder(source, tmp_path / "made" / "here" / "tiny", name="tiny")
    assert description == read_description(tmp_path / "made" / "here" / "tiny")
    assert description == EncoderDescription(
        name="tiny", version=description.version, dimension=16, max_tokens=8, pooling="mean"
    )


def test_a_long_context_is_cut_at_256_tokens(source: Path, tmp_path: Path) -> None:
    (source / "config.json").write_text(json.dumps(CONFIG | {"max_position_embeddings": 300}))
    save_with(source, {"embeddings.position_embeddings.weight": np.zeros((300, 16), np.float32)})
    assert convert_encoder(source, tmp_path / "tiny", name="tiny").max_tokens == 256


def test_half_precision_weights_are_converted(source: Path, tmp_path: Path) -> None:
    weights = conversion._read_weights(
        source / "model.safetensors", conversion._read_config(source / "config.json")
    )
    save_file(
        {name: tensor.astype(np.float16) for name, tensor in weights.items()}, source / "model.safetensors"
    )
    convert_encoder(source, tmp_path / "tiny", name="tiny")
    assert read_description(tmp_path / "tiny").dimension == 16


def save_with(source: Path, changes: dict[str, np.ndarray | None]) -> None:  # type: ignore[type-arg]
    pass
