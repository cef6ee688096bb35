"""Figures as files: PDF and SVG for print, and a table of the numbers behind each."""

import io
from collections.abc import Iterable
from pathlib import Path

from pauca.report.emergence.plate import DPI, Plate
from pauca.report.style import styled
from pauca.report.whole import put

__all__ = ["FOLDER", "csv_of", "write_figures"]

FOLDER = "figures"


def write_figures(plates: Iterable[Plate], folder: Path) -> tuple[Path, ...]:
    """Write NAME.pdf, NAME.svg and NAME.csv of each figure; their paths.

    Each file is replaced whole; the same study gives the same bytes.

    Raises:
        OSError: the folder may not be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(
        put(folder / f"{plate.name}.{ending}", data)
        for plate in plates
        for ending, data in _files(plate).items()
    )


def csv_of(plate: Plate) -> str:
    """The numbers behind a figure."""
    return plate.frame.to_csv(index=False, lineterminator="\n", na_rep="nan", float_format="%.6g")


def _files(plate: Plate) -> dict[str, bytes]:
    return {"pdf": _pdf(plate), "svg": plate.svg.encode(), "csv": csv_of(plate).encode()}


def _pdf(plate: Plate) -> bytes:
    out = io.BytesIO()
    with styled():
        meta = dict.fromkeys(("CreationDate", "ModDate", "Creator", "Producer"))
        plate.drawing.savefig(out, format="pdf", metadata=meta, dpi=DPI)
    return out.getvalue()
