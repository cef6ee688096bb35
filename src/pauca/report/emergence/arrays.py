"""The arrays of a cell: members of ensembles, live units, mean activity of classes."""

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from pauca.errors import StoreError
from pauca.report.emergence.nets import Net
from pauca.report.emergence.values import dig
from pauca.store.base import AbstractStore

__all__ = ["BLOB", "Arrays"]

BLOB = "emergence.npz"
"""Name of the arrays that a run of kind ``emergence`` keeps."""


class Arrays:
    """Reads arrays of runs; what was not kept is None.

    Args:
        store: Where they are.
    """

    def __init__(self, store: AbstractStore) -> None:
        self._store = store
        self._held: dict[str, dict[str, NDArray[np.generic]]] = {}

    def members(
        self, net: Net, repetition: int, layer: str, definition: str
    ) -> NDArray[np.bool_] | None:
        """Ensembles of training items, no answer shown, bool [c, u]."""
        found = self._get(net, repetition, f"members/{net.own}/{layer}/{definition}")
        return None if found is None else self._bits(net, repetition, layer, found)

    def live(self, net: Net, repetition: int, layer: str) -> NDArray[np.bool_] | None:
        """Units that are ever active, bool [u]."""
        found = self._get(net, repetition, f"live/{net.own}/{layer}")
        return None if found is None else self._bits(net, repetition, layer, found)

    def means(self, net: Net, repetition: int, layer: str) -> NDArray[np.float64] | None:
        """Mean activity of each class over test items, float64 [c, u]."""
        found = self._get(net, repetition, f"means/{net.own}/{layer}")
        return None if found is None else np.asarray(found, dtype=np.float64)

    def _bits(
        self, net: Net, repetition: int, layer: str, packed: NDArray[np.generic]
    ) -> NDArray[np.bool_]:
        u = dig(net.records[repetition], "units", layer)
        return np.unpackbits(packed.astype(np.uint8), axis=-1, count=u).astype(bool)

    def _get(self, net: Net, repetition: int, name: str) -> NDArray[np.generic] | None:
        run = net.runs[repetition]
        if run not in self._held:
            self._held[run] = self._read(run)
        return self._held[run].get(name)

    def _read(self, run: str) -> dict[str, NDArray[np.generic]]:
        if BLOB not in self._store.blobs(run):
            return {}
        wanted = ("neutral", "none")
        with _sound(run), np.load(io.BytesIO(self._store.blob(run, BLOB))) as held:
            return {name: held[name] for name in held.files if name.split("/")[1] in wanted}


@contextmanager
def _sound(run: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, IndexError, zipfile.BadZipFile) as error:
        raise StoreError(
            "the ensembles of a run cannot be read",
            expected=f"{BLOB} with members, live units and means",
            got=str(error),
            where=f"run {run}",
            todo="the store is damaged; run the study again in a new folder",
        ) from None
