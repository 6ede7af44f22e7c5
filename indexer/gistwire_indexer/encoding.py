"""How vectors, times and fingerprints are written in the types of a store; used by both indices."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from gistwire_models.encoder import Embedding

_EMBEDDING_DTYPE = np.dtype("<f2")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def encode_embedding(embedding: Embedding) -> bytes:
    """A unit vector in half precision, which halves its size and moves cosines by less than 0.0001."""
    return embedding.astype(_EMBEDDING_DTYPE).tobytes()


def decode_embeddings(blobs: Sequence[bytes], dimension: int) -> Embedding:
    """Vectors that `encode_embedding` wrote, as ``float32 [len(blobs), dimension]`` of unit length again."""
    stored = np.frombuffer(b"".join(blobs), _EMBEDDING_DTYPE).reshape(len(blobs), dimension)
    vectors = stored.astype(np.float32)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, np.newaxis]
    unit: Embedding = np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return unit


def to_microseconds(instant: datetime) -> int:
    """Microseconds from the Unix epoch to an instant; exact, unlike a float of seconds."""
    return (instant - _EPOCH) // timedelta(microseconds=1)


def from_microseconds(microseconds: int) -> datetime:
    """The instant (in UTC) that many microseconds from the Unix epoch."""
    return _EPOCH + timedelta(microseconds=microseconds)


def to_signed(value: int) -> int:
    """The signed 64-bit integer with the bits of an unsigned one."""
    bits = value & (2**64 - 1)
    return bits - 2**64 if bits >= 2**63 else bits
