"""Encoders of the models tests: a tiny one made here, and the default one, converted once for each run."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from gistwire_models.conversion import convert_encoder
from gistwire_models.local_encoder import LocalEncoder, find_default_weights

from tests.models.tiny_bert import write_tiny_bert


@pytest.fixture
def tiny_bert(tmp_path: Path) -> Path:
    """Folder of a BERT of a few hundred random weights, as it comes from a model hub."""
    return write_tiny_bert(tmp_path / "tiny-bert")


@pytest.fixture(scope="session")
def int8_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default encoder in int8."""
    folder = tmp_path_factory.mktemp("encoders") / "int8"
    convert_encoder(find_default_weights(), folder, name="int8")
    return folder


@pytest.fixture(scope="session")
def float32_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default encoder in float32."""
    folder = tmp_path_factory.mktemp("encoders") / "float32"
    convert_encoder(find_default_weights(), folder, name="float32", quantization="float32")
    return folder


@pytest.fixture
async def local_encoder(int8_folder: Path) -> AsyncIterator[LocalEncoder]:
    """The default encoder, loaded."""
    encoder = LocalEncoder.load(int8_folder, threads=2)
    yield encoder
    await encoder.close()
