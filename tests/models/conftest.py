"""MiniLM and a small summarizer, converted once for each run of the models tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gistwire_models.conversion import convert_encoder
from gistwire_models.local_encoder import LocalEncoder
from gistwire_models.shipped import default_encoder_folder
from gistwire_training.base_weights import find_base_weights
from gistwire_training.export.summarizer_export import export_summarizer

from tests.models.tiny_bart import write_tiny_bart


@pytest.fixture(scope="session")
def int8_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MiniLM in int8."""
    folder = tmp_path_factory.mktemp("encoders") / "int8"
    convert_encoder(find_base_weights(), folder, name="int8")
    return folder


@pytest.fixture(scope="session")
def float32_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MiniLM in float32."""
    folder = tmp_path_factory.mktemp("encoders") / "float32"
    convert_encoder(find_base_weights(), folder, name="float32", quantization="float32")
    return folder


@pytest.fixture
async def local_encoder(int8_folder: Path) -> AsyncIterator[LocalEncoder]:
    """MiniLM, loaded."""
    encoder = LocalEncoder.load(int8_folder, threads=2)
    yield encoder
    await encoder.close()


@pytest.fixture(scope="session")
def summarizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A summarizer of random weights over MiniLM's vocabulary, exported."""
    folder = tmp_path_factory.mktemp("summarizers")
    write_tiny_bart(folder / "checkpoint", default_encoder_folder() / "tokenizer.json")
    export_summarizer(
        folder / "checkpoint",
        folder / "exported",
        name="tiny",
        languages=("en",),
        max_source_tokens=96,
        max_target_tokens=32,
        quantization="float32",
    )
    return folder / "exported"
