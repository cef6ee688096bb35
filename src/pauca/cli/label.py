"""``pauca label``: from data of one's own to labels and a model."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.cli.label_words import choice, options, pair, read_text, words, write_text
from pauca.cli.main import guarded

if TYPE_CHECKING:
    from pauca.label import PoolOptions, Project

__all__ = ["Folder", "label"]

label = typer.Typer(
    name="label",
    help="Label data of your own: the machine chooses what is worth asking.",
    epilog="Example: pauca label init DATA --classes a,b,c --out PROJECT",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="Folder of the project.", metavar="PROJECT")]
Json = Annotated[bool, typer.Option("--json", help="As JSON, on standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Prefix = Annotated[
    str | None,
    typer.Option(
        "--image-prefix",
        help="In front of the paths of images; for Label Studio /data/local-files/?d= if left out.",
        metavar="URL",
    ),
]
Safe = Annotated[
    bool,
    typer.Option(
        "--safe-csv",
        help="In csv, an apostrophe in front of texts that a spreadsheet would compute (= + - @).",
    ),
]
Wanted = Annotated[
    str | None, typer.Option(help="Class whose items are to be found.", metavar="CLASS")
]
Recall = Annotated[
    float | None,
    typer.Option(help="Share of the wanted class that is to be found, such as 0.95.", min=0, max=1),
]
NewClasses = Annotated[
    bool, typer.Option("--add-new-classes", help="Let names that are no class become classes.")
]
Person = Annotated[str, typer.Option(help="Who does it, for the account.")]
_FORMATS = "`pauca label formats` lists them."


@label.command(epilog="Examples: pauca label formats --- pauca label formats --json")
@guarded
def formats(json: Json = False) -> None:
    """Show the formats of files: which hold answers that are read, which are written."""
    from pauca.cli.show import show_json, show_rows
    from pauca.formats import formats as registry
    from pauca.label.exporting import MODELS

    rows = []
    for name in registry.names():
        each = registry.make(name, {})
        can = {"import": "answers", "suggest": "batch", "export": "labels"}
        row = {"name": name, **{verb: what in each.abilities for verb, what in can.items()}}
        rows.append({**row, "predict": each.writes_tables(), "title": each.title})
    none = {"import": False, "suggest": False, "export": True, "predict": False}
    rows += [{"name": name, **none, "title": title} for name, title in MODELS.items()]
    if json:
        show_json(rows)
        return
    shown: dict[object, str] = {True: "yes", False: ""}
    marks = [{key: shown.get(value, value) for key, value in row.items()} for row in rows]
    show_rows(marks, ("name", "import", "suggest", "export", "predict", "title"))


@label.command(
    epilog="Examples: pauca label init photos --classes cat,dog --out pets --- pauca label init "
    "mails.csv --text body --classes spam,ham --out mails --- pauca label init emb.npz --out emb"
)
@guarded
def init(
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder of images, or a file of rows, texts or embeddings: csv, jsonl, xlsx, "
            "parquet, npz, RIS, exports of other tools.",
            metavar="DATA",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder to make.", metavar="PROJECT")],
    classes: Annotated[
        str | None, typer.Option(help="Names of the classes, separated by commas.", metavar="A,B")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Column of texts; several, separated by commas, are joined.")
    ] = None,
    known: Annotated[
        str | None, typer.Option("--label", help="Column of labels that are known already.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column of ids.")] = None,
    columns: Annotated[
        str | None,
        typer.Option(help="Columns of numbers to use, separated by commas.", metavar="A,B"),
    ] = None,
    missing: Annotated[
        str, typer.Option(help="What an empty cell of numbers does: refuse, or mean.")
    ] = "refuse",
    form: Annotated[
        str | None,
        typer.Option("--format", help="Of the data; by what they say if left out.", metavar="NAME"),
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="Any other option of reading, once each: encoding=cp1252, delimiter=;, "
            "skip_broken=true, unusable=leave-out, join_labels=true, ... (docs/datasets.md).",
            metavar="NAME=VALUE",
        ),
    ] = None,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Leave labels alone that the data hold.")
    ] = False,
    features: Annotated[
        str | None,
        typer.Option(
            help="What makes features: pca, tf-idf, lsa, rows, net:path=FILE, "
            "transformers:path=FOLDER. By the kind of the data if left out.",
            metavar="NAME[:KEY=VALUE,...]",
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Side that images are read at for features.", min=1)
    ] = None,
    learner: Annotated[str, typer.Option(help="What learns.", metavar="NAME[:KEY=VALUE,...]")] = "",
    strategy: Annotated[
        str,
        typer.Option(
            help="What chooses once every class was seen.", metavar="NAME[:KEY=VALUE,...]"
        ),
    ] = "margin",
    batch: Annotated[int, typer.Option(help="Items chosen at a time.", min=1)] = 20,
    random_share: Annotated[
        float,
        typer.Option(help="Share of items asked for at random, to measure with.", min=0, max=1),
    ] = 0.1,
    overlap: Annotated[int, typer.Option(help="People that each item is given to.", min=1)] = 1,
    budget: Annotated[int | None, typer.Option(help="Labels that may be spent.", min=1)] = None,
    target: Annotated[
        float | None, typer.Option(help="Accuracy that is wanted, such as 0.95.", min=0, max=1)
    ] = None,
    wanted: Wanted = None,
    recall: Recall = None,
    guidelines: Annotated[
        Path | None, typer.Option(help="Text file for those who label.", metavar="FILE")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of every random number.")] = 0,
    device: Annotated[str, typer.Option(help="Where to compute.")] = "cpu",
    force: Annotated[
        bool,
        typer.Option("--force", help="Take the place of a project that nobody has answered in."),
    ] = False,
) -> None:
    """Make a project of images, texts, rows or embeddings; the data stay where they are."""
    from pauca.label import PoolOptions, Project

    texts = tuple(words(text))
    how = PoolOptions(
        text=texts[0] if len(texts) == 1 else texts or None,
        label=known,
        id=id_,
        features=tuple(words(columns)) or None,
        missing=missing,  # type: ignore[arg-type]  # checked with the other settings
        known=not unlabelled,
        format=form,
        more=options(read),
    )
    with Project.create(
        data,
        out,
        classes=words(classes),
        options=how,
        features=choice(features),
        size=size,
        guidelines=None if guidelines is None else read_text(guidelines),
        learner=choice(learner),
        strategy=choice(strategy),
        batch=batch,
        random_share=random_share,
        overlap=overlap,
        budget=budget,
        target=target,
        wanted=wanted,
        recall=recall,
        seed=seed,
        device=device,
        force=force,
    ) as project:
        for note in project.notes:
            typer.echo(f"note: {note}", err=True)
        given, names = project.labels.m, project.classes.names
        typer.echo(
            f"{project.n} items of kind {project.settings.source.kind}, {given} labelled, "
            f"{len(names)} classes: {', '.join(names) or 'none yet'}"
        )
        typer.echo(f"project: {project.folder.resolve()}")


@label.command(
    epilog="Examples: pauca label suggest pets -k 50 --out batch.csv --- pauca label suggest mails "
    "-k 50 --format label-studio --out tasks.json --config labels.xml"
)
@guarded
def suggest(
    project: Folder,
    k: Annotated[int, typer.Option("-k", help="How many items.", min=1)] = 50,
    form: Annotated[str, typer.Option("--format", help=f"How. {_FORMATS}", metavar="NAME")] = "csv",
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Write Label Studio's labelling interface too.", metavar="FILE.xml"),
    ] = None,
    prefix: Prefix = None,
    safe_csv: Safe = False,
    force: Force = False,
) -> None:
    """Write the next items to label; the same ones again until they are answered.

    Trains first if labels came in since. Fill in the column `label` and `pauca label import` it.
    """
    from pauca.label import labelling_config, write_batch
    from pauca.label.places import check_out

    with _open(project) as opened:
        _train_if_due(opened)
        items = opened.suggest(k)
        if config is not None:
            check_out(opened, config)
            write_text(config, labelling_config(opened), force)
        count = write_batch(
            opened,
            items,
            form,
            out or sys.stdout,
            prefix=prefix,
            safe_csv=safe_csv,
            force=force,
        )
    if out is not None:
        typer.echo(f"{count} items: {out.resolve()}")


@label.command(
    "import",
    epilog="Examples: pauca label import pets batch.csv --person anna --- pauca label import mails "
    "export.json --format label-studio",
)
@guarded
def import_(
    project: Folder,
    file: Annotated[
        Path, typer.Argument(help="Answers: a table, or what Label Studio, Prodigy, ... export.")
    ],
    form: Annotated[
        str | None,
        typer.Option(
            "--format", help=f"By the file's content if left out. {_FORMATS}", metavar="NAME"
        ),
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(help="Whose answers these are, where the file does not say; else import."),
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column of ids.")] = None,
    label_column: Annotated[str | None, typer.Option(help="Column of classes.")] = None,
    control: Annotated[
        str | None,
        typer.Option(help="Question that is read, where the file answers several.", metavar="NAME"),
    ] = None,
    match: Annotated[
        str,
        typer.Option(
            help="How items are known again: id, or content (text, name of the file).",
            metavar="id|content",
        ),
    ] = "id",
    unmatched: Annotated[
        str,
        typer.Option(
            help="Rows of no item of the project: refuse the file, or skip them.",
            metavar="refuse|skip",
        ),
    ] = "refuse",
    join_labels: Annotated[
        bool,
        typer.Option(
            "--join-labels",
            help="Take names that differ from a class by case, blanks or Unicode form for it.",
        ),
    ] = False,
    add_new_classes: NewClasses = False,
) -> None:
    """Take answers in: all of the file, or, if anything in it is wrong, nothing."""
    from pauca.label import import_file

    with _open(project) as opened:
        found = import_file(
            opened,
            file,
            form=form,
            person=person,
            id_column=id_column,
            label_column=label_column,
            control=control,
            match=match,  # type: ignore[arg-type]  # checked there
            unmatched=unmatched,  # type: ignore[arg-type]  # checked there
            join_labels=join_labels,
            add_new_classes=add_new_classes,
        )
        labelled = opened.labels.m
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    same = found.rows - found.new
    typer.echo(
        f"{found.new} answers kept, {same} known already, {found.blank} rows without an answer; "
        f"{labelled} items are labelled"
    )


@label.command(epilog="Examples: pauca label train pets --- pauca label train pets --json")
@guarded
def train(project: Folder, json: Json = False) -> None:
    """Train on the labels so far, with an honest estimate of the accuracy."""
    from pauca.cli.label_show import show_training
    from pauca.cli.show import show_json

    with _open(project) as opened:
        found = opened.train()
    if json:
        show_json(dict(found.record["assessment"]))
    else:
        show_training(found)


@label.command(
    epilog="Examples: pauca label export pets --format imagefolder --out tree --- pauca label "
    "export mails --format parquet --out mails.parquet --- pauca label export mails --answers "
    "--out log.csv --- pauca label export mails --format model --out mails.pauca"
)
@guarded
def export(
    project: Folder,
    out: Annotated[Path, typer.Option(help="File or, for imagefolder, folder to make.")],
    form: Annotated[str, typer.Option("--format", help=f"How. {_FORMATS}", metavar="NAME")] = "csv",
    answers: Annotated[
        bool,
        typer.Option("--answers", help="Every answer with who, when and how long, as a table."),
    ] = False,
    person: Annotated[
        str | None, typer.Option(help="With --answers: those of one person.", metavar="NAME")
    ] = None,
    with_predictions: Annotated[
        bool,
        typer.Option(
            "--with-predictions",
            help="Every item: its label, or what the model says, with the source of each.",
        ),
    ] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Hard links in place of copies, for imagefolder.")
    ] = False,
    prefix: Prefix = None,
    safe_csv: Safe = False,
    force: Force = False,
) -> None:
    """Write what was labelled, one class an item; or the model, to take it away.

    With --format model it trains first if labels came in since. `pauca.label.load` reads the file,
    and `pauca label predict` takes it in place of the project.
    """
    from pauca.label import export as write
    from pauca.label import export_answers, export_model, export_with_predictions
    from pauca.label.exporting import MODELS

    _check_export(answers, person, with_predictions)
    with _open(project) as opened:
        if form in MODELS and not (answers or with_predictions):
            _train_if_due(opened)
            typer.echo(export_model(opened, out, form, force=force))
            typer.echo(f"{form}: {out.resolve()}")
            return
        if answers:
            count = export_answers(opened, out, form, person=person, safe_csv=safe_csv, force=force)
        elif with_predictions:
            _train_if_due(opened)
            count = export_with_predictions(opened, out, form, safe_csv=safe_csv, force=force)
        else:
            count = write(
                opened, out, form, link=link, prefix=prefix, safe_csv=safe_csv, force=force
            )
    typer.echo(f"{count} {'events' if answers else 'items'}: {out.resolve()}")


@label.command(
    epilog="Examples: pauca label predict pets --out rest.csv --- pauca label predict mails --data "
    "new.csv --out said.csv --- pauca label predict mails.pauca --data new.csv --out said.csv"
)
@guarded
def predict(
    project: Annotated[
        Path,
        typer.Argument(
            help="Folder of the project, or a model that was exported.", metavar="PROJECT|MODEL"
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="File to write; standard output if left out.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help=f"How. {_FORMATS}", metavar="NAME")] = "csv",
    data: Annotated[
        Path | None,
        typer.Option(
            help="New items: a folder of images, or a file as `pauca label init` reads them.",
            metavar="NEW",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(help="Column of texts of new items; several, by commas, are joined."),
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column of ids of new items.")] = None,
    data_form: Annotated[
        str | None,
        typer.Option("--data-format", help="Of new items; found if left out.", metavar="NAME"),
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="Any other option of reading new items, once each: encoding=cp1252, ...; those "
            "of the project if left out.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    probabilities: Annotated[
        bool, typer.Option(help="Those of all classes, in columns p:CLASS.")
    ] = True,
    safe_csv: Safe = False,
    force: Force = False,
) -> None:
    """Write class, calibrated confidence and all probabilities of every item without a label.

    With --data of new items. Trains first if labels came in since.
    """
    from pauca.label import PoolOptions, Predictor, write_new_predictions, write_predictions
    from pauca.label.places import check_apart, check_out
    from pauca.label.predictor import load

    texts = tuple(words(text))
    how = PoolOptions(
        text=texts[0] if len(texts) == 1 else texts or None,
        id=id_,
        format=data_form,
        more=options(read),
    )
    _check_new(project, data, how)
    if project.is_file():
        model = load(project)
    else:
        with _open(project) as opened:
            _train_if_due(opened)
            if data is None:
                count = write_predictions(
                    opened,
                    out or sys.stdout,
                    form,
                    probabilities=probabilities,
                    safe_csv=safe_csv,
                    force=force,
                )
                _count(count, out)
                return
            if out is not None:
                check_out(opened, out)
            model = Predictor.of(opened)
    assert data is not None
    if out is not None and project.is_file():
        check_apart(out, model=project)
    count, notes = write_new_predictions(
        model,
        data,
        out or sys.stdout,
        form,
        options=how,
        probabilities=probabilities,
        safe_csv=safe_csv,
        force=force,
    )
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    _count(count, out)


def _check_new(project: Path, data: Path | None, how: "PoolOptions") -> None:
    """Refuse a model without new items, and options of new items where there are none."""
    from pauca.errors import UsageError

    if data is None and project.is_file():
        raise UsageError(
            "a model that was exported has no items of its own",
            expected="--data NEW",
            got="no --data",
            todo="name a file or a folder of new items with --data",
        )
    if data is None and (how.text or how.id or how.format or how.more):
        raise UsageError(
            "options of reading without new items",
            expected="--data NEW",
            got="--text, --id, --data-format or --read",
            todo="name the new items with --data, or leave the options out",
        )


def _count(count: int, out: Path | None) -> None:
    if out is not None:
        typer.echo(f"{count} items: {out.resolve()}")


@label.command(epilog="Examples: pauca label status pets --- pauca label status pets --json")
@guarded
def status(
    project: Folder,
    json: Json = False,
    relabel: Annotated[
        int, typer.Option(help="Show so many labels that deserve a second look.", min=0)
    ] = 0,
    wanted: Wanted = None,
    recall: Recall = None,
) -> None:
    """Show labels so far, accuracy with its interval, saving against random, whether to stop."""
    from pauca.cli.label_show import relabels_plain, show_relabels, show_status
    from pauca.cli.show import show_json

    with _open(project) as opened:
        found, second = opened.status(wanted, recall), opened.relabels(relabel)
        if json:
            show_json({**found.plain(), "relabel": relabels_plain(opened, second)})
            return
        show_status(found)
        if second:
            show_relabels(opened, second)


@label.command(
    epilog="Examples: pauca label classes pets --add horse,cow --- pauca label classes pets "
    "--rename kat=cat --- pauca label classes pets --merge kitten=cat --- pauca label classes pets "
    "--delete other --unlabel"
)
@guarded
def classes(
    project: Folder,
    add: Annotated[
        str | None, typer.Option(help="Names of new classes, separated by commas.", metavar="A,B")
    ] = None,
    rename: Annotated[
        list[str] | None, typer.Option(help="Give a class another name.", metavar="OLD=NEW")
    ] = None,
    merge: Annotated[
        list[str] | None,
        typer.Option(help="Let a class become part of another.", metavar="CLASS=OTHER"),
    ] = None,
    delete: Annotated[
        str | None,
        typer.Option(
            help="Delete a class; where there are answers, with --into or --unlabel.",
            metavar="NAME",
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(help="Class that the answers of the deleted one become.", metavar="OTHER"),
    ] = None,
    unlabel: Annotated[
        bool,
        typer.Option("--unlabel", help="Let the answers of the deleted class count no more."),
    ] = False,
    restore: Annotated[
        str | None,
        typer.Option(help="Undo that a class was deleted with --unlabel.", metavar="NAME"),
    ] = None,
    person: Person = "cli",
    json: Json = False,
) -> None:
    """Show the classes; add, rename, merge and delete them. The account keeps all answers."""
    from pauca.cli.show import show_json, show_rows
    from pauca.errors import UsageError

    if delete is None and (into is not None or unlabel):
        raise UsageError(
            "no class is named that is to be deleted",
            expected="--delete NAME",
            got="--into" if into is not None else "--unlabel",
            todo="name it with --delete",
        )
    with _open(project) as opened:
        renamed, merged = [[pair(one) for one in many or ()] for many in (rename, merge)]
        if add is not None:
            opened.add_classes(words(add), person=person)
        for old, new in renamed:
            opened.rename_class(old, new, person=person)
        for name, other in merged:
            opened.merge_class(name, other, person=person)
        if delete is not None:
            opened.delete_class(delete, into=into, unlabel=unlabel, person=person)
        if restore is not None:
            opened.restore_class(restore, person=person)
        balance = opened.status().balance
        rows = [
            {"id": each.id, "name": each.name, "labelled": balance[each.name]}
            for each in opened.classes
        ]
    if json:
        show_json(rows)
    else:
        show_rows(rows, ("id", "name", "labelled"))


@label.command(
    epilog="Examples: pauca label add mails more.csv --- pauca label add pets photos --known skip"
)
@guarded
def add(
    project: Folder,
    data: Annotated[
        Path,
        typer.Argument(
            help="Folder of images, or a file, as `pauca label init` reads them.",
            metavar="NEW_DATA",
        ),
    ],
    known: Annotated[
        str,
        typer.Option(
            help="Items whose ids are there already: refuse the whole, or skip them.",
            metavar="refuse|skip",
        ),
    ] = "refuse",
    prefix: Annotated[str, typer.Option(help="In front of every id of the new items.")] = "",
    text: Annotated[
        str | None, typer.Option(help="Column of texts; several, separated by commas, are joined.")
    ] = None,
    label_column: Annotated[
        str | None, typer.Option("--label", help="Column of labels that are known already.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="Column of ids.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="Of the data; by what they say if left out.", metavar="NAME"),
    ] = None,
    read: Annotated[
        list[str] | None,
        typer.Option(
            help="Any other option of reading, once each; those of the project if left out.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="Leave labels alone that the data hold.")
    ] = False,
    add_new_classes: NewClasses = False,
    person: Person = "cli",
) -> None:
    """Add items to a running project, also while it is served; no answer changes.

    They get the features that were fitted on the first items, and random places in the order of the
    random sample. Rows without ids are called FILE:ROW.
    """
    from pauca.label import PoolOptions

    texts = tuple(words(text))
    how = PoolOptions(
        text=texts[0] if len(texts) == 1 else texts or None,
        label=label_column,
        id=id_,
        known=not unlabelled,
        format=form,
        more=options(read),
    )
    with _open(project) as opened:
        found = opened.add(
            data,
            options=how,
            known=known,  # type: ignore[arg-type]  # checked there
            prefix=prefix,
            add_new_classes=add_new_classes,
            person=person,
        )
        whole = opened.n - len(opened.removed)
    for note in found.notes:
        typer.echo(f"note: {note}", err=True)
    more = f", {found.known} were there already" if found.known else ""
    new = f"; new classes: {', '.join(found.classes)}" if found.classes else ""
    typer.echo(
        f"{found.items} items added, {found.labelled} of them labelled{more}; the pool has {whole}"
        f"{new}"
    )


@label.command(
    epilog="Examples: pauca label remove mails --ids 17,34 --- pauca label remove pets --file "
    "spoilt.txt"
)
@guarded
def remove(
    project: Folder,
    ids: Annotated[
        list[str] | None,
        typer.Option(help="Ids of items: one, or several between commas.", metavar="ID,ID"),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="Text file with an id in each line; - for standard input."),
    ] = None,
    person: Person = "cli",
) -> None:
    """Take items out of the pool, all or none; the account keeps what was answered.

    They are not asked for, learned from, predicted or exported any more. Their ids are never given
    again.
    """
    from pauca.errors import UsageError

    if not ids and file is None:
        raise UsageError(
            "no item is named",
            expected="--ids ID,ID, or --file FILE",
            got="neither",
            todo="name the items by their ids",
        )
    lines: list[str] = []
    if file is not None:
        told = sys.stdin.read() if str(file) == "-" else read_text(file)
        lines = [line.strip() for line in told.splitlines() if line.strip()]
    with _open(project) as opened:
        items = opened.items
        keys = [key for each in ids or () for key in ([each] if items.has(each) else words(each))]
        count = opened.remove([items.number(key) for key in (*keys, *lines)], person=person)
        whole = opened.n - len(opened.removed)
    typer.echo(f"{count} items removed; the pool has {whole}")


@label.command(epilog="Example: pauca label relocate pets /data/photos")
@guarded
def relocate(
    project: Folder,
    path: Annotated[Path, typer.Argument(help="Where the data lie now.", metavar="NEW_PATH")],
    old: Annotated[
        Path | None,
        typer.Option("--from", help="Where they lay, if items come from several places."),
    ] = None,
    person: Person = "cli",
) -> None:
    """Tell a project that its data were moved; refused unless they are the same data."""
    with _open(project) as opened:
        was, now = opened.relocate(path, old=old, person=person)
    typer.echo(f"the data lie in {now}; before in {was}")


@label.command(epilog="Example: pauca label backup pets --out pets.zip")
@guarded
def backup(
    project: Folder,
    out: Annotated[Path, typer.Option(help="Zip file to make.", metavar="FILE")],
    force: Force = False,
) -> None:
    """Write a project into one file while people work on it; unpacking it restores it.

    The data are not in it: they stay where they are.
    """
    with _open(project) as opened:
        opened.backup(out, force=force)
    typer.echo(f"{out.stat().st_size / 2**20:.1f} MiB: {out.resolve()}")


def _check_export(answers: bool, person: str | None, with_predictions: bool) -> None:
    """Refuse options of ``export`` that say different things.

    Raises:
        UsageError: they do.
    """
    from pauca.errors import UsageError

    if answers and with_predictions:
        raise UsageError(
            "two things cannot be written into one file",
            expected="--answers or --with-predictions",
            got="both",
            todo="leave one of them out",
        )
    if person is not None and not answers:
        raise UsageError(
            "one person's answers are a part of the account",
            expected="--answers too",
            got=f"--person {person}",
            todo="give --answers as well, or leave --person out",
        )


def _open(folder: Path) -> "Project":
    from pauca.label import Project

    return Project.open(folder)


def _train_if_due(project: "Project") -> None:
    """Train if there are two classes, and answers that the model does not know."""
    if project.stale and project.labels.m and len(project.classes) > 1:
        project.train(assessed=False)
