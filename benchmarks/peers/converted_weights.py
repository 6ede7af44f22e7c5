"""Reads the weights of a folder that CTranslate2 serves, as float32; `torch_checkpoints.py` calls it."""

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.errors import UnknownWeightsError

Weights = dict[str, NDArray[np.float32]]

_BINARY_VERSION = 6
"""Of CTranslate2's ``CURRENT_BINARY_VERSION`` (`specs/model_spec.py`), whose order of fields this follows."""

_TYPES = (np.dtype("<f4"), np.dtype("i1"), np.dtype("<i2"), np.dtype("<i4"), np.dtype("<f2"))
"""By their number in the file."""

_SCALE = "_scale"


def read_converted_weights(path: Path) -> Weights:
    """Reads a ``model.bin``; matrices in int8 come back as the numbers that they stand for.

    CTranslate2 stores a row of a matrix as ``round(row × scale)`` with ``scale = 127 / max |row|``, so that dividing
    by the scale gives what its int8 kernels multiply with: the original, rounded to 1/127 of its row’s largest.

    Raises:
        UnknownWeightsError: the file is of another version, or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        try:
            stored, aliases = _read(file)
        except (struct.error, ValueError, IndexError) as error:
            raise UnknownWeightsError(f"{path}: {error}") from error
    weights = {
        name: _as_float(values, stored.get(name + _SCALE))
        for name, values in stored.items()
        if not name.endswith(_SCALE)
    }
    return weights | {alias: weights[name] for alias, name in aliases}


def _read(file: BinaryIO) -> tuple[dict[str, NDArray[np.generic]], list[tuple[str, str]]]:
    version = _integer(file, "<I")
    if version != _BINARY_VERSION:
        raise UnknownWeightsError(f"the file's version is {version}, not {_BINARY_VERSION}")
    _text(file)  # name of the architecture
    _integer(file, "<I")  # its revision
    stored: dict[str, NDArray[np.generic]] = {}
    for _ in range(_integer(file, "<I")):
        name = _text(file)
        shape = [_integer(file, "<I") for _ in range(_integer(file, "<B"))]
        kind = _TYPES[_integer(file, "<B")]
        stored[name] = np.frombuffer(file.read(_integer(file, "<I")), dtype=kind).reshape(shape)
    return stored, [(_text(file), _text(file)) for _ in range(_integer(file, "<I"))]


def _integer(file: BinaryIO, form: str) -> int:
    (value,) = struct.unpack(form, file.read(struct.calcsize(form)))
    return int(value)


def _text(file: BinaryIO) -> str:
    return file.read(_integer(file, "<H")).removesuffix(b"\0").decode()


def _as_float(values: NDArray[np.generic], scale: NDArray[np.generic] | None) -> NDArray[np.float32]:
    numbers: NDArray[np.float32] = values.astype(np.float32)
    if scale is None:
        return numbers
    restored: NDArray[np.float32] = numbers / scale.astype(np.float32)[:, np.newaxis]
    return restored
