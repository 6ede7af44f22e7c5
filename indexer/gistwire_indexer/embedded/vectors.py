"""Vectors by slot and their exact cosines with a query; used by `WorkingSet`."""

import numpy as np
from gistwire_models.encoder import Embedding
from numpy.typing import NDArray


class VectorTable:
    """Unit vectors in one growing block: ``float32 [capacity, dimension]``, zero where a slot is free."""

    def __init__(self, dimension: int) -> None:
        self._vectors = np.zeros((0, dimension), np.float32)

    def reserve(self, capacity: int) -> None:
        """Makes room for slots below `capacity`, at least doubling what there is."""
        present = len(self._vectors)
        if capacity <= present:
            return
        grown = np.zeros((max(capacity, 2 * present), self._vectors.shape[1]), np.float32)
        grown[:present] = self._vectors
        self._vectors = grown

    def put(self, slots: NDArray[np.intp], vectors: Embedding) -> None:
        """Sets the vectors of slots that there is room for; ``float32 [len(slots), dimension]``."""
        self._vectors[slots] = vectors

    def clear(self, slot: int) -> None:
        """Frees a slot."""
        self._vectors[slot] = 0

    def cosines(self, query: Embedding, count: int) -> NDArray[np.float32]:
        """Cosines of the first `count` slots with a query of unit length: ``float32 [count]``."""
        cosines: NDArray[np.float32] = self._vectors[:count] @ query
        return cosines

    def exact_cosines(self, query: Embedding, slots: NDArray[np.intp]) -> NDArray[np.float64]:
        """Cosines of some slots in double precision: ``float64 [len(slots)]``.

        Equal vectors get equal cosines, which a matrix product does not promise: it adds up in another order
        at the edges of its blocks.
        """
        exact: NDArray[np.float64] = (self._vectors[slots] * query.astype(np.float64)).sum(axis=1)
        return exact.clip(-1.0, 1.0)
