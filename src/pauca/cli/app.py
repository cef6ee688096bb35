"""The commands."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import pauca.cli.label_discover
import pauca.cli.label_serve  # noqa: F401 - both add a command
from pauca.cli.folders import export, merge
from pauca.cli.label import label
from pauca.cli.main import guarded

if TYPE_CHECKING:
    from pauca.study import Result

__all__ = ["app"]

app = typer.Typer(
    name="pauca",
    help="Learn from few labels, and study the few units that carry what is learned.",
    epilog="Start with: pauca demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Folder = Annotated[Path, typer.Argument(help="Folder of the study.", metavar="DIR")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, on standard output.")]
Workers = Annotated[
    int | None,
    typer.Option(
        help="Cells at once; as many as cores allow if left out. Results do not depend on it.",
        min=1,
    ),
]
Engine = Annotated[
    str,
    typer.Option(help="Where the cells are worked on: local (this machine) or ray (a cluster)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to use; RAY_ADDRESS if left out, else a Ray of its own here.",
        metavar="HOST:PORT",
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-cell",
        help="GPUs, or a part of one, for each cell under Ray; one if the device is cuda.",
        min=0,
    ),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        help="Module to import first: it may register strategies, learners, data sets.",
        metavar="MODULE",
    ),
]


Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Setting that wins over the study file's, such as active.query=20; may be repeated.",
        metavar="PATH=VALUE",
    ),
]


class Listed(StrEnum):
    """What can be listed."""

    strategies = "strategies"
    learners = "learners"
    datasets = "datasets"


def _version(wanted: bool) -> None:
    if wanted:
        import pauca

        typer.echo(f"pauca {pauca.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Learn from few labels, and study the few units that carry what is learned."""


@app.command(epilog="Examples: pauca demo --- pauca demo --out /tmp/demo")
@guarded
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.", metavar="DIR")] = Path(
        "runs/demo"
    ),
    workers: Workers = None,
) -> None:
    """Both halves of the system on small digits, in about two minutes on two cores.

    Compares strategies that choose which digits to have labelled, and trains Forward-Forward,
    backpropagation on the same goodness, and plain backpropagation. Needs no network. Run it again
    to go on where it stopped.
    """
    from importlib.resources import as_file, files

    from pauca.cli.show import describe
    from pauca.study import read_study

    with as_file(files("pauca.study") / "demo.toml") as path:
        typer.echo(describe(read_study(path)), err=True)
        _run(path, out, workers, "local", None, {})


@app.command(
    epilog="Examples: pauca run studies/mnist-first.toml --out runs/mnist-first --workers 2 --- "
    "pauca run studies/mnist-first.toml --dry-run --set active.query=50"
)
@guarded
def run(
    study: Annotated[Path, typer.Argument(help="Study file.", metavar="STUDY.toml")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results.", metavar="DIR")] = None,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    gpus: Gpus = None,
    part: Annotated[
        str | None,
        typer.Option(
            help="Do only this share of the cells, say 2/3; `pauca merge` joins the folders.",
            metavar="i/n",
        ),
    ] = None,
    imports: Imports = None,
    overrides: Overrides = None,
    dry: Annotated[
        bool, typer.Option("--dry-run", help="Show the grid and about how long it takes.")
    ] = False,
) -> None:
    """Run a study, then write its report. In the folder of the same study, go on with it."""
    if dry:
        _preview(study, workers, imports, overrides)
        return
    if out is None:
        raise typer.BadParameter("name a folder for the results", param_hint="'--out'")
    _run(study, out, workers, engine, imports, _settings(address, gpus), part, overrides)


@app.command(epilog="Examples: pauca resume runs/demo --- pauca resume runs/demo --failed")
@guarded
def resume(
    folder: Folder,
    workers: Workers = None,
    engine: Engine = "local",
    address: Address = None,
    gpus: Gpus = None,
    failed: Annotated[bool, typer.Option("--failed", help="Try failed cells again too.")] = False,
    cell: Annotated[
        list[str] | None,
        typer.Option(
            help="Of the failed cells, try only that whose id begins like this; may be repeated.",
            metavar="ID",
        ),
    ] = None,
    imports: Imports = None,
) -> None:
    """Go on with a study that was stopped or killed: after the last finished round of each cell."""
    from pauca.progress import display_for
    from pauca.study import resume_study

    with _resumable(folder):
        result = resume_study(
            folder,
            workers=workers,
            failed=failed,
            cells=cell or (),
            engine=engine,
            engine_settings=_settings(address, gpus),
            progress=display_for(),
            imports=imports or (),
        )
    _finish(result)


@app.command(epilog="Examples: pauca status runs/demo --- pauca status runs/demo --json")
@guarded
def status(
    folder: Folder,
    json: Json = False,
    errors: Annotated[
        bool, typer.Option("--errors", help="Show the tracebacks of failed cells.")
    ] = False,
) -> None:
    """Show how far a study is: done, running, failed, time left."""
    from pauca.cli.show import show_json, show_status
    from pauca.study import study_status

    found = study_status(folder)
    if json:
        show_json(found.plain())
    else:
        show_status(found, errors=errors)


@app.command(
    epilog="Examples: pauca report runs/demo --- pauca report runs/demo --text docs/results/demo"
)
@guarded
def report(
    folder: Folder,
    text: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write it as Markdown (README.md) with its figures as files into this folder "
            "instead, to be kept under version control.",
        ),
    ] = None,
) -> None:
    """Write the report of a study anew from what its folder holds; prints its path."""
    from pauca.report import write_report, write_text

    written = write_report(folder) if text is None else write_text(folder, text)
    typer.echo(str(written.resolve()))


app.command(
    epilog="Examples: pauca export runs/demo --out demo.csv --- pauca export runs/demo --out "
    "demo.parquet"
)(guarded(export))
app.command(
    epilog="Example: pauca merge runs/part-1 runs/part-2 --out runs/whole --- pauca resume "
    "runs/whole"
)(guarded(merge))


@app.command("list", epilog="Examples: pauca list strategies --- pauca list datasets --json")
@guarded
def list_(
    what: Annotated[Listed, typer.Argument(help="What to list.")],
    json: Json = False,
) -> None:
    """List what a study can name."""
    from pauca.cli.listing import LISTINGS
    from pauca.cli.show import show_blocks, show_json, show_rows

    listing = LISTINGS[what.value]
    found = listing.rows()
    if json:
        show_json(found)
    elif listing.below:
        show_blocks(found, listing.columns, listing.below)
    else:
        show_rows(found, listing.columns)


app.add_typer(label)


def _preview(
    study: Path, workers: int | None, imports: list[str] | None, overrides: list[str] | None
) -> None:
    from pauca.cli.show import show_preview
    from pauca.progress import display_for
    from pauca.study import preview_study

    with display_for():
        found = preview_study(
            study, workers=workers, imports=imports or (), overrides=overrides or ()
        )
    show_preview(found)


def _settings(address: str | None, gpus: float | None) -> dict[str, Any]:
    """Of the engine; what was not given is left to it."""
    given = {"address": address, "gpus_per_cell": gpus}
    return {key: value for key, value in given.items() if value is not None}


def _run(
    study: Path,
    out: Path,
    workers: int | None,
    engine: str,
    imports: list[str] | None,
    settings: dict[str, Any],
    part: str | None = None,
    overrides: list[str] | None = None,
) -> None:
    from pauca.progress import display_for
    from pauca.study import run_study

    with _resumable(out):
        result = run_study(
            study,
            out,
            workers=workers,
            engine=engine,
            engine_settings=settings,
            part=part,
            progress=display_for(),
            imports=imports or (),
            overrides=overrides or (),
        )
    _finish(result)


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """Say how to go on, if what is done within is stopped."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(
            "stopped; every finished round is kept. Go on with: "
            f"pauca resume {shlex.quote(str(folder))}",
            err=True,
        )
        raise


def _finish(result: "Result") -> None:
    """Write the report, say what failed, and end with the right code."""
    from pauca.cli.show import show_failed
    from pauca.report import write_report

    done = f"{len(result.done)} of {len(result.runs)} cells done"
    typer.echo(f"{done}, {result.worked} of them now", err=True)
    typer.echo(f"report: {write_report(result.folder).resolve()}")
    if result.failed:
        show_failed(result)
        raise typer.Exit(1)
