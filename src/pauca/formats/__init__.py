"""Formats of other people's files, one module each, found by themselves."""

from pauca.formats.base import (
    AbstractFormat,
    AnswerRow,
    Answers,
    Images,
    ItemRecord,
    Items,
    LabelSheet,
    Part,
    Raw,
    TextOptions,
    check_file,
    find_format,
    formats,
    formats_with,
    read_items,
    reading,
)

__all__ = [
    "AbstractFormat",
    "AnswerRow",
    "Answers",
    "Images",
    "ItemRecord",
    "Items",
    "LabelSheet",
    "Part",
    "Raw",
    "TextOptions",
    "check_file",
    "find_format",
    "formats",
    "formats_with",
    "read_items",
    "reading",
]
