"""Formats of other people's files, one module each, found by themselves."""

from pauca.formats.base import (
    AbstractFormat,
    AnswerRow,
    Images,
    Items,
    Part,
    Raw,
    TextOptions,
    check_file,
    find_format,
    formats,
    read_items,
    reading,
)

__all__ = [
    "AbstractFormat",
    "AnswerRow",
    "Images",
    "Items",
    "Part",
    "Raw",
    "TextOptions",
    "check_file",
    "find_format",
    "formats",
    "read_items",
    "reading",
]
