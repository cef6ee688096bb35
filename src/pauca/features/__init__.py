"""Frozen features: a data set of images, texts or rows becomes one of embeddings, once."""

from pauca.features.base import (
    AbstractExtractor,
    Extracted,
    extractors,
    featured,
    resolve_features,
)

__all__ = ["AbstractExtractor", "Extracted", "extractors", "featured", "resolve_features"]
