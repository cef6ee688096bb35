"""Imported by workers of a study: texts stay sparse however few there are."""

from pauca.data import sparse

sparse.SPARSE_BYTES = 0
