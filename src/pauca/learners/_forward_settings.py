"""Settings of the Forward-Forward learners: completed by a recipe, turned into a recipe's parts."""

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from pauca.checks import check_fraction
from pauca.errors import InputError, UsageError
from pauca.forward import (
    Plan,
    Recipe,
    Speed,
    goodnesses,
    label_codes,
    layers,
    losses,
    negatives,
    normalisations,
    readouts,
    schedules,
)
from pauca.learners._recipes import recipe_of
from pauca.learners.calibrations import AbstractCalibration, calibrations
from pauca.learners.starts import AbstractStart, starts
from pauca.registry import Registry

__all__ = [
    "HARDER",
    "Choice",
    "calibration_from",
    "check_same",
    "check_shift",
    "complete",
    "plan_from",
    "recipe_from",
    "speed_from",
    "start_from",
]

Choice = str | dict[str, Any]
"""A name, or a name with settings: ``{"name": "hard", "beta": 2.0}``."""

_AXES: Mapping[str, Registry[Any]] = MappingProxyType(
    {
        "goodness": goodnesses,
        "loss": losses,
        "negatives": negatives,
        "normalisation": normalisations,
        "schedule": schedules,
        "readout": readouts,
    }
)
_LATER: Mapping[str, Registry[Any]] = MappingProxyType(
    {"calibration": calibrations, "start": starts}
)
"""Choices that name no training unless they are made: trainings on record keep their names."""
_NEW = "new"  # the start of a training that has none
HARDER = ("dropout", "item_dropout", "adversarial")
"""Settings that make learning harder: parts, in [0, 1)."""
_PLAN = ("rate", "batch", "decay", "warmup", "weight_decay", "average", "peer")


def complete(
    settings: dict[str, Any], learner: str, own: Mapping[str, Any], fixed_schedule: str | None
) -> dict[str, Any]:
    """What the recipe says where a setting is left out, and the settings of every choice.

    Args:
        settings: As given, None where left out.
        learner: Name, for messages.
        own: Defaults of the learner, where the recipe leaves them open.
        fixed_schedule: The one schedule of the learner, if it has but one.

    Raises:
        UsageError: both steps and epochs; no layer; fewer steps than layers that learn in turn; a
            schedule that is another learner's; an unknown name.
    """
    where = f"learner {learner!r}"
    if settings["steps"] is not None and settings["epochs"] is not None:
        raise UsageError(
            "the length of training is given twice",
            expected="either steps or epochs",
            got=f"steps = {settings['steps']} and epochs = {settings['epochs']}",
            where=where,
            todo="leave one of them out",
        )
    defaults = {**own, **recipe_of(settings["recipe"])}
    if settings["steps"] is not None:
        defaults["epochs"] = None
    whole: dict[str, Any] = {
        key: defaults.get(key) if value is None else value for key, value in settings.items()
    }
    whole["schedule"] = _schedule(settings["schedule"], whole["schedule"], where, fixed_schedule)
    for axis, registry in _AXES.items():
        whole[axis] = _named(registry, whole[axis])
    if whole["label"] != "auto":
        whole["label"] = _named(label_codes, whole["label"])
    for later, registry in _LATER.items():
        chosen = whole.pop(later, None)
        made = None if chosen is None else _named(registry, chosen)
        if made is not None and made["name"] != _NEW:
            whole[later] = made
    whole["widths"] = tuple(w if isinstance(w, int) else _named(layers, w) for w in whole["widths"])
    count = _made(schedules, whole["schedule"]).count(len(whole["widths"]))
    if not whole["widths"] or (whole["steps"] is not None and whole["steps"] < count):
        raise UsageError(
            "a layer would not learn",
            expected="at least one layer, and a step for each that learns in turn",
            got=f"widths = {list(whole['widths'])} and steps = {whole['steps']}",
            where=where,
            todo="allow more steps",
        )
    return whole


def plan_from(whole: Mapping[str, Any]) -> Plan:
    """How long and how fast, from complete settings.

    Raises:
        InputError: a number out of range, of what makes learning harder too.
    """
    for name in HARDER:
        check_fraction(whole[name], name, open_end=True)
    return Plan(whole["epochs"], whole["steps"], **{name: whole[name] for name in _PLAN})


def speed_from(whole: Mapping[str, Any]) -> Speed:
    """Which short cuts are taken, from complete settings.

    Raises:
        UsageError: an unknown short cut.
    """
    given = whole["speed"] or {}
    known = [field.name for field in fields(Speed)]
    if unknown := [name for name in given if name not in known]:
        raise UsageError(
            "unknown short cut of a training",
            expected=", ".join(known),
            got=", ".join(unknown),
            todo="choose from these, or leave `speed` out",
        )
    return Speed(**given)


def calibration_from(whole: Mapping[str, Any]) -> AbstractCalibration | None:
    """How goodness is calibrated, from complete settings.

    Raises:
        InputError: a number out of range.
    """
    chosen = whole.get("calibration")
    return None if chosen is None else _made(calibrations, chosen)


def start_from(whole: Mapping[str, Any], recipe: Recipe) -> AbstractStart | None:
    """What a training starts from, from complete settings.

    Raises:
        UsageError: a start that makes no sense with the recipe, or with a calibration.
        InputError: a number out of range.
    """
    chosen = whole.get("start")
    if chosen is None:
        return None
    made: AbstractStart = _made(starts, chosen)
    made.check(recipe)
    if made.goes_on and whole.get("calibration") is not None:
        raise UsageError(
            "the weights that a training starts from know the items that a calibration leaves out",
            expected="start 'label-free' or none, or no calibration",
            got=f"start = {chosen['name']!r}, calibration = {whole['calibration']['name']!r}",
            todo="change one of these settings",
        )
    return made


def recipe_from(whole: Mapping[str, Any], *, image: bool) -> Recipe:
    """The choice on every axis, from complete settings.

    Args:
        whole: Complete settings.
        image: Whether items are images, which decides what the label code ``auto`` is.

    Raises:
        UsageError: choices that make no sense together.
        InputError: a number out of range.
    """
    made = {axis: _made(registry, whole[axis]) for axis, registry in _AXES.items()}
    label = whole["label"]
    if label == "auto":
        bare = made["goodness"].by_class or not made["negatives"].labelled
        label = {"name": "none" if bare else "overlay" if image else "append"}
    params = {key: value for key, value in label.items() if key != "name"}
    return Recipe(widths=tuple(whole["widths"]), label=label["name"], label_params=params, **made)


def check_shift(shift: int, *, image: bool) -> None:
    """Refuse to move what is no image.

    Raises:
        UsageError: a shift of a table or an embedding.
    """
    if shift and not image:
        raise UsageError(
            "only images can be moved",
            expected="shift = 0",
            got=f"shift = {shift}",
            todo="set shift = 0",
        )


def check_same(state: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Refuse a state that learned by other choices than these; how long and how fast may differ.

    Args:
        state: Of a learner.
        settings: Complete and plain.

    Raises:
        InputError: another choice, named.
    """
    then = state.get("settings")
    for key in (*_AXES, *_LATER, "label", "widths", "pixels"):
        if then is None or then.get(key) != settings.get(key):
            raise InputError(
                "this state belongs to another net",
                expected=f"{key} = {settings.get(key)}",
                got="no settings" if then is None else f"{key} = {then.get(key)}",
                todo="make the learner with the settings it was trained with",
            )


def _schedule(given: Choice | None, chosen: Choice, where: str, fixed: str | None) -> Choice:
    name = chosen["name"] if isinstance(chosen, dict) else chosen
    if fixed is None and name != "end-to-end":
        return chosen
    if fixed is not None and (given is None or name == fixed):
        return fixed
    raise UsageError(
        "this schedule is another learner's",
        expected=fixed or "greedy, simultaneous or overlapping",
        got=name,
        where=where,
        todo="use bp-ff for end-to-end, forward-forward for the others",
    )


def _named(registry: Registry[Any], choice: Choice) -> dict[str, Any]:
    """A choice with every setting, defaults included."""
    settings = {"name": choice} if isinstance(choice, str) else dict(choice)
    name = settings.pop("name", None)
    if not isinstance(name, str):
        raise UsageError(
            f"a {registry.kind} without a name",
            expected='{"name": ...}',
            got=repr(choice),
            todo="name it by `name`, other settings beside it",
        )
    return {"name": name, **registry.resolve(name, settings)}


def _made(registry: Registry[Any], choice: Mapping[str, Any]) -> Any:
    return registry.make(choice["name"], {k: v for k, v in choice.items() if k != "name"})
