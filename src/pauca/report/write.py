"""From a study's folder to its report and its table, and nothing else."""

from pathlib import Path

import pandas as pd

from pauca.errors import StoreError
from pauca.report.emergence import FOLDER, emergence, write_figures
from pauca.report.frame import study_frame, write_csv
from pauca.report.page import Contents, contents, page_of
from pauca.report.text import FILE, text_of
from pauca.report.view import read_study
from pauca.report.whole import put
from pauca.store import SqliteStore

__all__ = ["results_frame", "write_report", "write_text"]

_STORE = "study.db"


def results_frame(folder: Path) -> pd.DataFrame:
    """Every number of a study: one row per run, round and metric.

    Args:
        folder: The study's folder.

    Returns:
        Columns run, kind, group, series, repetition, status, round, labels, metric, value.

    Raises:
        StoreError: there is no study in the folder, or it is damaged.
    """
    with SqliteStore(Path(folder) / _STORE, readonly=True) as store:
        return study_frame(read_study(store))


def write_report(folder: Path) -> Path:
    """Write ``report.html`` and ``results.csv`` beside the store; the path of the page.

    A study of emergence gets its figures as files too, in ``figures``. All are
    replaced whole. A study under way gives a report of what is there so far.

    Raises:
        StoreError: there is no study in the folder, it is damaged, or it may not be written.
    """
    folder = Path(folder)
    found = _contents(folder)
    page = page_of(found)
    try:
        write_csv(study_frame(found.view), folder / "results.csv")
        plates = [plate for one in found.emergence for plate in one.plates]
        if plates:
            write_figures(plates, folder / FOLDER)
        return put(folder / "report.html", page.encode())
    except OSError as error:
        raise StoreError(
            "the report cannot be written",
            got=error.strerror,
            where=folder,
            todo="check that you may write to the folder and that the disk has room, then run "
            f"`pauca report {folder}`; the results are safe in {_STORE}",
        ) from None


def write_text(folder: Path, target: Path) -> Path:
    """Write the report as Markdown into another folder, figures as files beside it; its path.

    Files of these names are replaced whole, others are left as they are.

    Args:
        folder: The study's folder.
        target: Made if it is not there.

    Raises:
        StoreError: there is no study in the folder, it is damaged, or the target may not be
            written.
    """
    files = text_of(_contents(Path(folder)))
    target = Path(target)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            put(target / name, text.encode())
    except OSError as error:
        raise StoreError(
            "the text of the report cannot be written",
            got=error.strerror,
            where=target,
            todo="check that you may write there and that the disk has room",
        ) from None
    return target / FILE


def _contents(folder: Path) -> Contents:
    with SqliteStore(folder / _STORE, readonly=True) as store:
        view = read_study(store)
        return contents(store, view, emergence(store, view))
