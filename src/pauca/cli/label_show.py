"""What ``pauca label`` shows to people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from pauca.label import Disagreement, Project, Status, Training, Wanted

__all__ = ["relabels_plain", "show_relabels", "show_status", "show_training"]

_CLASSES = 30


def show_training(found: "Training") -> None:
    """What a training found out."""
    told = found.record["assessment"]
    typer.echo(f"trained on {found.labels} labels in {told['seconds']:.1f} s")
    typer.echo(f"accuracy: {_accuracy(told)}")
    if told["ece"] is not None:
        before, after = told["ece"]
        typer.echo(
            f"calibration error: {before:.3f}, {after:.3f} after tempering by "
            f"{told['temperature']:.2f} (cross-validated, {told['calibrated_on']})"
        )


def show_status(status: "Status") -> None:
    """How far a project is."""
    from pauca.label.status import said_saving

    typer.echo(
        f"{status.name}: {status.labelled} of {status.items} items labelled"
        + (f" ({status.given} came with the data)" if status.given else "")
    )
    told = [f"{count} {action}" for action, count in status.answers.items() if count]
    typer.echo(f"answers: {', '.join(told) or 'none'}; {status.pending} items wait")
    if len(status.people) > 1:
        typer.echo(f"people: {', '.join(f'{who} {count}' for who, count in status.people.items())}")
    ordered = sorted(status.balance.items(), key=lambda pair: -pair[1])
    shown = ", ".join(f"{name} {count}" for name, count in ordered[:_CLASSES])
    more = f" and {len(ordered) - _CLASSES} more" if len(ordered) > _CLASSES else ""
    typer.echo(f"classes: {shown or 'none'}{more}")
    typer.echo(f"next: round {status.round}, by {status.phase}")
    if status.assessment is not None:
        typer.echo(f"accuracy: {_accuracy(status.assessment)}")
        typer.echo(f"curve: {', '.join(map(_point, status.curve)) or 'not known yet'}")
    typer.echo(f"label saving: {said_saving(status.assessment)}")
    _show_agreement(status.agreement)
    if status.wanted is not None:
        typer.echo(f"wanted: {status.wanted}{_target(status.wanted)}")
    known = 0 if status.assessment is None else status.assessment["labels"]
    if known != status.labelled:
        typer.echo(
            f"accuracy worked out with {known} labels, now there are {status.labelled}: "
            "pauca label train"
        )
    typer.echo(f"stop: {'yes' if status.advice.stop else 'no'}; {status.advice.reason}")


def show_relabels(project: "Project", found: Sequence["Disagreement"]) -> None:
    """Labels that deserve a second look."""
    from pauca.cli.show import show_rows

    rows = relabels_plain(project, found)
    for row in rows:
        row["answers"] = ", ".join(f"{who}: {name}" for who, name in row["answers"].items())
    show_rows(rows, ("id", "answers", "model", "margin", "entropy"))


def relabels_plain(project: "Project", found: Sequence["Disagreement"]) -> list[dict[str, Any]]:
    """The same, as values that JSON holds."""
    classes = project.classes
    return [
        {
            "id": project.items.key(each.item),
            "answers": {who: classes.name(cls) for who, cls in each.answers.items()},
            "model": None if each.model is None else classes.name(each.model),
            "margin": None if each.margin is None else round(each.margin, 3),
            "entropy": round(each.entropy, 3),
        }
        for each in found
    ]


def _target(wanted: "Wanted") -> str:
    if wanted.target is None:
        return ""
    return f"; {100 * wanted.target:g} % are wanted: {'reached' if wanted.met else 'not yet'}"


def _show_agreement(told: Mapping[str, Any]) -> None:
    if not told["items"]:
        return
    kappa = "cannot be told" if told["kappa"] is None else f"{told['kappa']:.3f}"
    method = f"{told['method']}'s kappa" if told["method"] else "kappa"
    typer.echo(
        f"agreement: {told['agreed']} of {told['items']} items with several answers; "
        f"{method} {kappa}"
    )


def _accuracy(told: Mapping[str, Any]) -> str:
    found = told["accuracy"]
    if found is None:
        said = f"cannot be told yet ({told['random']} of the 20 random items that it takes)"
        if told["chosen"] is not None:
            said += f"; {100 * told['chosen']:.1f} % of the chosen items, cross-validated"
        return said
    return (
        f"{100 * found['value']:.1f} % ({100 * found['low']:.1f} to {100 * found['high']:.1f}), "
        f"on {found['n']} random items, cross-validated"
    )


def _point(point: Mapping[str, Any]) -> str:
    return f"{point['labels']}: {100 * point['value']:.1f} %"
