"""Tests of the description in an encoder's folder."""

from pathlib import Path

import pytest
from gistwire_models.encoder_folder import EncoderDescription, read_description
from gistwire_models.errors import ModelFormatError, ModelNotFoundError
from gistwire_models.model_folder import write_description

DESCRIPTION = EncoderDescription(name="n", version="v", dimension=3, max_tokens=8, pooling="mean")


def test_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_description(tmp_path, DESCRIPTION)
    assert read_description(tmp_path) == DESCRIPTION


def test_a_folder_without_one_holds_no_encoder(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError):
        read_description(tmp_path)
    with pytest.raises(ModelNotFoundError):
        read_description(tmp_path / "missing")


@pytest.mark.parametrize("written", [b"", b"[]", b'{"name": "n"}', b"\xff", b'{"name": "\xff"}'])
def test_a_broken_one_is_refused(tmp_path: Path, written: bytes) -> None:
    (tmp_path / "gistwire.json").write_bytes(written)
    with pytest.raises(ModelFormatError, match=r"gistwire\.json"):
        read_description(tmp_path)


def test_another_pooling_is_refused(tmp_path: Path) -> None:
    write_description(tmp_path, DESCRIPTION)
    path = tmp_path / "gistwire.json"
    path.write_text(path.read_text().replace("mean", "cls"))
    with pytest.raises(ModelFormatError, match="pooling"):
        read_description(tmp_path)
