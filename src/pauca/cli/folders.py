"""Commands on the folders of studies that were run: export a table, merge several."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["export", "merge"]


def export(
    folder: Annotated[Path, typer.Argument(help="Folder of the study.", metavar="DIR")],
    out: Annotated[
        Path, typer.Option(help="File to write, .csv or .parquet.", metavar="FILE.csv|.parquet")
    ],
) -> None:
    """Write the results as one tidy table: a row for each round, a column for each measure.

    Settings that vary have columns of their own, by their dotted names. A study under way gives
    the rounds that are finished so far.
    """
    from pauca.report import export_study

    rows = export_study(folder, out)
    typer.echo(f"{rows} rows: {out.resolve()}")


def merge(
    folders: Annotated[list[Path], typer.Argument(help="Folders of studies.", metavar="DIR...")],
    out: Annotated[Path, typer.Option(help="New folder for the whole.", metavar="DIR")],
    salvage: Annotated[
        bool,
        typer.Option("--salvage", help="Keep what can be read of a damaged folder; also of one."),
    ] = False,
    imports: Annotated[
        list[str] | None,
        typer.Option(
            "--import",
            help="Module to import first: it may register strategies, learners, data sets.",
            metavar="MODULE",
        ),
    ] = None,
) -> None:
    """Make one study of several folders, which stay as they are.

    For shares of a study done on several machines (`pauca run --part`), and for studies that extend
    each other. What is done anywhere is done; of a cell begun in several folders the most rounds
    are kept; what two folders both have must agree to the bit, times excepted.
    """
    from collections import Counter

    from pauca.report import write_report
    from pauca.study import merge_studies

    merged = merge_studies(folders, out, salvage=salvage, imports=imports or ())
    for note in merged.notes:
        typer.echo(f"note: {note}", err=True)
    counts = Counter(run.status for run in merged.runs)
    said = ", ".join(f"{counts[s]} {s}" for s in ("done", "failed", "pending") if counts[s])
    typer.echo(f"{len(merged.runs)} cells: {said}", err=True)
    typer.echo(f"report: {write_report(merged.folder).resolve()}")
