"""What was seen while labels arrived: open pools, new classes, when to stop, ensembles."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pauca.metrics import (
    Stop,
    judge_stop,
    stop_by_classification_change,
    stop_by_confidence,
    stop_by_ensemble_stability,
    stop_by_max_uncertainty,
    stop_by_overall_uncertainty,
    stop_by_plateau,
    stop_by_stable_predictions,
)
from pauca.report.curves import curves_record, draw_curves
from pauca.report.estimates import COUNT, SHARE, estimate
from pauca.report.parts import Picture, as_svg
from pauca.report.tables import Cell, Column, Table, cell
from pauca.report.view import Group, Series, number
from pauca.report.words import join, signed
from pauca.store.records import Run

__all__ = [
    "RULES",
    "StopRow",
    "arriving_tables",
    "discovery_table",
    "followed_pictures",
    "novelty_table",
    "openset_table",
    "stop_rows",
    "stop_table",
    "together_pictures",
]

Rule = Callable[[Sequence[float | None]], int | None]

_ACCURACY = "test accuracy"
RULES: Mapping[str, tuple[Rule, str, str]] = {
    "confidence drops": (stop_by_confidence, "confidence", "three rounds in a row"),
    "maximum uncertainty": (stop_by_max_uncertainty, "max_uncertainty", "below .1"),
    "overall uncertainty": (stop_by_overall_uncertainty, "uncertainty", "mean below .05"),
    "classification change": (stop_by_classification_change, "changed", "no class changed"),
    "stable predictions": (stop_by_stable_predictions, "kappa", "kappa .99, last three"),
    "stable ensembles": (stop_by_ensemble_stability, "stability", "Jaccard .9, last three"),
    "predictions settle": (stop_by_plateau, "kappa", "gains under .01 on the three before"),
    "ensembles settle": (stop_by_plateau, "stability", "gains under .01 on the three before"),
    "accuracy settles": (stop_by_plateau, _ACCURACY, "the same; reads test labels, to compare"),
}
"""Each rule with its defaults: the function, what it reads of a round, and in a few words."""

_TOLD_APART = 7
"""At most this many settings are told apart as lines."""
_FOLLOWED = {
    "hoyer": "Hoyer sparsity",
    "selective/size": "units of an ensemble",
    "selective/sharing": "shared units over chance",
    "selective/matched": "Jaccard with the round before",
}


@dataclass(frozen=True)
class StopRow:
    """What one rule would have done in every finished run of a series.

    Args:
        rule: Its name.
        label: Of the series.
        stops: One a run.
        labels: Fewest and most at which a run could have stopped.
    """

    rule: str
    label: str
    stops: tuple[Stop, ...]
    labels: tuple[int, int]


def arriving_tables(group: Group) -> tuple[Table, ...]:
    """Every table of this module that has something to say of a group of kind active."""
    made = (openset_table, novelty_table, discovery_table, stop_table)
    return tuple(table for table in (make(group) for make in made) if table is not None)


def openset_table(group: Group) -> Table | None:
    """Known among asked, asked among known, and items that were of no known class; None if closed.

    After the last training, the initial set counted.
    """
    held = _last(group, "openset")
    if not held:
        return None
    columns = (
        Column("Strategy", numeric=False),
        Column("Precision", "known among asked, %"),
        Column("Recall", "asked among known, %"),
        Column("Rejected", "items of no known class"),
    )
    rows = tuple(
        (
            Cell(label),
            *(_cell(records, name) for name in ("precision", "recall")),
            cell(estimate([number(r.get("rejected")) for r in records], COUNT), _count),
        )
        for label, records in held.items()
    )
    notes = (
        "The pool holds classes that the task does not have. An item of one of them costs a label"
        " and is set aside; accuracy is that on test items of known classes.",
    )
    return Table("What was asked of the open pool", columns, rows, notes)


def novelty_table(group: Group) -> Table | None:
    """AUROC of each score of novelty after the last training, AUPR beside it; None if closed."""
    held = _last(group, "openset")
    names = dict.fromkeys(
        name for records in held.values() for r in records for name in r.get("novelty") or {}
    )
    if not names:
        return None
    columns = (Column("Score", numeric=False), *(Column(label, "AUROC, %") for label in held))
    rows = tuple(
        (Cell(name), *(_found(records, name) for records in held.values())) for name in names
    )
    notes = (
        "Test items of unknown classes against test items of known ones: 50\u202f% tells nothing."
        " Beside it: AUPR, the area under precision and recall of what is unknown; there the share"
        " of unknown items tells nothing. Scores of one column are of the same models: their"
        " intervals may overlap where every model has them in one order.",
    )
    return Table("Is it noticed that an item is of no known class?", columns, rows, notes)


def discovery_table(group: Group) -> Table | None:
    """Groups among what was rejected, and accuracy on all classes once they are accepted."""
    held = {
        label: [r for r in records if "groups" in r]
        for label, records in _last(group, "discovery").items()
    }
    held = {label: records for label, records in held.items() if records}
    if not held:
        return None
    columns = (
        Column("Strategy", numeric=False),
        Column("Groups", "of so many classes"),
        Column("Adjusted Rand", "1 is right"),
        Column("Accuracy before", "all classes, %"),
        Column("Accuracy after", "proposals accepted, %"),
        Column("On new classes", "proposals accepted, %"),
        Column("On new classes", "as if grouped rightly, %"),
    )
    rows = tuple((Cell(label), *_discovered(records)) for label, records in held.items())
    notes = (
        "Rejected items are grouped by the units that they activate. A group is named after the"
        " class that more than half of the exemplars shown have, or turned down; then the learner"
        " is trained anew on what was labelled and on the groups under their names.",
    )
    return Table("New classes among what was rejected", columns, rows, notes)


def stop_rows(group: Group) -> tuple[StopRow, ...]:
    """Every rule on every series whose rounds hold what it reads."""
    rows = []
    for series in group.series:
        for rule, (stops, read, _) in RULES.items():
            found = [_stop(run, stops, read) for _, run in series.done]
            kept = tuple(one for one in found if one is not None)
            if kept:
                spent = [record["labels"] for _, run in series.done for record in run.rounds]
                rows.append(StopRow(rule, series.label, kept, (min(spent), max(spent))))
    return tuple(rows)


def stop_table(group: Group) -> Table | None:
    """When each rule would have stopped, and what that would have cost; None without a stop set."""
    rows = stop_rows(group)
    if not rows:
        return None
    columns = (
        Column("Rule", numeric=False),
        Column("Strategy", numeric=False),
        Column("Stops", "of finished repetitions"),
        Column("Labels", "when it stops, or all"),
        Column("Spared", "of the budget, %"),
        Column("Accuracy lost", "against the end, points"),
    )
    lines = tuple(tuple(_stopped(row)) for row in rows)
    notes = (
        "No rule but the last reads a label that was not paid for. Below zero: more accurate when"
        " it stops than at the end. A repetition that a rule never stops counts with its whole"
        " budget.",
    )
    return Table("When to stop?", columns, lines, notes)


def _stopped(row: StopRow) -> Iterator[Cell]:
    fewest, most = row.labels
    yield Cell(row.rule, RULES[row.rule][2])
    yield Cell(row.label)
    yield Cell(str(sum(one.stopped for one in row.stops)), f"of {len(row.stops)}")
    yield cell(estimate([one.labels for one in row.stops], row.labels), _count)
    yield cell(estimate([one.spared for one in row.stops], (0.0, 1 - fewest / most)))
    yield cell(estimate([one.lost for one in row.stops]), signed)


def followed_pictures(group: Group, key: str) -> Iterator[Picture]:
    """One picture a layer: sparsity, size, sharing and stability of ensembles against labels."""
    for place, layer in enumerate(_layers(group.series)):
        svgs, names = [], []
        for at, (path, name) in enumerate(_FOLLOWED.items()):
            record = curves_record(group, f"follow/{layer}/{path}")
            if any(e.n for curve in record.curves for e in curve.estimates):
                drawing = draw_curves(replace(record, metric=name))
                svgs.append(as_svg(drawing, f"{key}f{place}m{at}", f"{name} of {layer}"))
                names.append(name)
        if svgs:
            how = (
                f"On the same test items in every round: {', '.join(names)}. Ensembles are those of"
                " units that tell a class from the rest; units of two rounds are matched on other"
                " items first. Shared units over chance: 1 is chance, 0 avoidance."
            )
            yield Picture(f"While labels arrive: {layer}", tuple(svgs), how, (), wide=True)


def together_pictures(groups: Sequence[Group], key: str) -> Iterator[Picture]:
    """The same with a line a setting, for one strategy: random choice, or else the first.

    Nothing unless ensembles were followed in two settings or more, and in few enough to tell apart.
    """
    held = [group for group in groups if _layers(group.series)]
    if not 1 < len(held) <= _TOLD_APART:
        return
    series = [
        Series(group.title, group.title, (group.baseline or group.series[0]).runs) for group in held
    ]
    asked = {(group.baseline or group.series[0]).label for group in held}
    whole = replace(held[0], title="", series=tuple(series))
    for picture in followed_pictures(whole, key):
        how = f"Labels asked for by {join(sorted(asked))}. {picture.how}"
        yield replace(picture, title=f"{picture.title}, setting beside setting", how=how)


def _layers(series: Sequence[Series]) -> list[str]:
    found: dict[str, None] = {}
    for one in series:
        for _, run in one.runs:
            for record in run.rounds:
                found |= dict.fromkeys(record.get("follow") or {})
    return list(found)


def _last(group: Group, part: str) -> dict[str, list[Mapping[str, Any]]]:
    """This part of the last round of every finished run, by series; those without it left out."""
    found = {
        series.label: [run.rounds[-1][part] for _, run in series.done if part in run.rounds[-1]]
        for series in group.series
    }
    return {label: records for label, records in found.items() if records}


def _stop(run: Run, rule: Rule, read: str) -> Stop | None:
    held = [record.get("stopping") or {} for record in run.rounds]
    accuracy = [number((record.get("metrics") or {}).get("accuracy")) for record in run.rounds]
    reads = any(record and (read in record or read == _ACCURACY) for record in held)
    if not reads or any(math.isnan(value) for value in accuracy):
        return None
    values = accuracy if read == _ACCURACY else [record.get(read) for record in held]
    return judge_stop([record["labels"] for record in run.rounds], accuracy, rule(values))


def _cell(records: Sequence[Mapping[str, Any]], name: str) -> Cell:
    return cell(estimate([number(record.get(name)) for record in records], SHARE))


def _found(records: Sequence[Mapping[str, Any]], score: str) -> Cell:
    held = [(record.get("novelty") or {}).get(score) or {} for record in records]
    area = _cell(held, "auroc")
    return Cell(area.text, f"{area.sub}, AUPR {_cell(held, 'aupr').text}")


def _discovered(records: Sequence[Mapping[str, Any]]) -> Iterator[Cell]:
    groups = cell(estimate([number(r["groups"]) for r in records], COUNT), _count)
    there = cell(estimate([number(r["categories"]) for r in records], COUNT), _count)
    yield Cell(groups.text, f"of {there.text}")
    yield cell(estimate([number(r["adjusted_rand"]) for r in records], (-1.0, 1.0)), _two)
    for part, name in (
        ("before", "accuracy"),
        ("accepted", "accuracy"),
        ("accepted", "accuracy_new"),
        ("truth", "accuracy_new"),
    ):
        yield _cell([r[part] for r in records], name)


def _count(value: float) -> str:
    return f"{value:,.1f}" if abs(value) < 100 and value != int(value) else f"{value:,.0f}"


def _two(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")
