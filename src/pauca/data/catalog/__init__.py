"""The catalogue: every data set that has a name, one module each."""

from pauca.data.catalog._entry import Entry, Normalisation, datasets, entries, entry

__all__ = ["Entry", "Normalisation", "datasets", "entries", "entry"]
