"""Formats of other people's files, one module each, found by themselves."""

from pauca.formats.base import (
    AbstractFormat,
    AnswerRow,
    Images,
    Items,
    Part,
    Raw,
    TextOptions,
    formats,
)

__all__ = [
    "AbstractFormat",
    "AnswerRow",
    "Images",
    "Items",
    "Part",
    "Raw",
    "TextOptions",
    "formats",
]
