"""Tests of reading the weights that CTranslate2 serves."""

import struct
from pathlib import Path

import numpy as np
import pytest
from gistwire_models.shipped import default_encoder_folder, default_summarizer_folder

from benchmarks.peers.converted_weights import read_converted_weights
from benchmarks.peers.errors import UnknownWeightsError

FLOAT32, INT8 = 0, 1


def text(value: str) -> bytes:
    return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"


def variable(name: str, values: np.ndarray, kind: int) -> bytes:
    shape = b"".join(struct.pack("<I", size) for size in values.shape)
    content = values.tobytes()
    return (
        text(name) + struct.pack("<B", values.ndim) + shape + struct.pack("<BI", kind, len(content)) + content
    )


def model(*variables: bytes, aliases: tuple[tuple[str, str], ...] = (), version: int = 6) -> bytes:
    head = struct.pack("<I", version) + text("AnySpec") + struct.pack("<II", 1, len(variables))
    tail = struct.pack("<I", len(aliases)) + b"".join(text(alias) + text(name) for alias, name in aliases)
    return head + b"".join(variables) + tail


def written(folder: Path, content: bytes) -> Path:
    path = folder / "model.bin"
    path.write_bytes(content)
    return path


def test_a_row_in_int8_comes_back_as_the_numbers_that_it_stands_for(tmp_path: Path) -> None:
    rows = np.array([[127, -64, 0], [1, 2, -127]], dtype=np.int8)
    scales = np.array([127 / 0.5, 127 / 8.0], dtype=np.float32)
    path = written(
        tmp_path, model(variable("a/weight", rows, INT8), variable("a/weight_scale", scales, FLOAT32))
    )
    weights = read_converted_weights(path)
    assert weights.keys() == {"a/weight"}
    assert weights["a/weight"] == pytest.approx(np.array([[0.5, -32 / 127, 0], [8 / 127, 16 / 127, -8.0]]))


def test_what_is_shared_stands_under_both_names(tmp_path: Path) -> None:
    values = np.array([1.5, 2.5], dtype=np.float32)
    path = written(tmp_path, model(variable("a", values, FLOAT32), aliases=(("b", "a"),)))
    weights = read_converted_weights(path)
    assert weights["b"].tolist() == weights["a"].tolist() == [1.5, 2.5]


@pytest.mark.parametrize("folder", [default_encoder_folder(), default_summarizer_folder()])
def test_all_shipped_weights_are_finite(folder: Path) -> None:
    weights = read_converted_weights(folder / "model.bin")
    assert len(weights) > 50
    assert all(np.isfinite(values).all() for values in weights.values())


def test_another_version_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, model(version=7))
    with pytest.raises(UnknownWeightsError, match="version is 7"):
        read_converted_weights(path)


@pytest.mark.parametrize("kept", [3, 20, 40, 60])
def test_a_file_that_was_cut_off_is_refused(tmp_path: Path, kept: int) -> None:
    whole = model(variable("a/weight", np.ones((2, 3), dtype=np.float32), FLOAT32))
    assert kept < len(whole)
    path = written(tmp_path, whole[:kept])
    with pytest.raises(UnknownWeightsError, match=r"model\.bin"):
        read_converted_weights(path)
