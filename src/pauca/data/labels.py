"""Class names, labels as numbers, and a split that keeps the share of every class."""

from collections.abc import Sequence
from itertools import cycle

import torch
from torch import Tensor

from pauca.checks import check_fraction
from pauca.errors import DataError, nearest
from pauca.rng import generator_from

__all__ = ["check_classes", "class_names", "encode_labels", "places_of", "stratified_split"]


def class_names(values: Sequence[object], where: str) -> tuple[str, ...]:
    """The distinct labels, as names in order; whole numbers in the order of numbers.

    Raises:
        DataError: a label is missing, or there is only one class.
    """
    names = {_name(value, row, where) for row, value in enumerate(values)}
    try:
        ordered = sorted(names, key=int)
    except ValueError:
        ordered = sorted(names)
    return check_classes(tuple(ordered), where)


def check_classes(classes: Sequence[str], where: str) -> tuple[str, ...]:
    """At least two classes with distinct names.

    Raises:
        DataError: fewer, a name twice, or two that differ by blanks at their ends only.
    """
    if len(classes) < 2:
        raise DataError(
            "there is only one class" if classes else "there is no class",
            expected="at least two classes",
            got=", ".join(classes) or "none",
            where=where,
            todo="check the labels, or list every class with classes",
        )
    twice = [name for name in classes if list(classes).count(name) > 1]
    if twice:
        raise DataError("a class is listed twice", got=twice[0], where=where)
    bare: dict[str, str] = {}
    for name in classes:
        other = bare.setdefault(name.strip(), name)
        if other != name:
            raise DataError(
                "two classes differ by blanks only",
                got=f"{other!r} and {name!r}",
                where=where,
                todo="take the blanks at the ends of the labels away",
            )
    return tuple(classes)


def encode_labels(values: Sequence[object], classes: Sequence[str], where: str) -> Tensor:
    """Number of the class of each value, int64 [n].

    Whole numbers that are no class name count as numbers of classes.

    Raises:
        DataError: a label is missing or not in the class list; the row is named.
    """
    number = {name: i for i, name in enumerate(classes)}
    by_number = not any(_is_whole(name) for name in classes)
    y = torch.empty(len(values), dtype=torch.int64)
    for row, value in enumerate(values):
        name = _name(value, row, where)
        if name in number:
            y[row] = number[name]
        elif by_number and _is_whole(name) and 0 <= int(name) < len(classes):
            y[row] = int(name)
        else:
            close = nearest(name, classes)
            raise DataError(
                "a label is not in the class list",
                expected=_some(classes),
                got=repr(name),
                where=f"{where}, row {row}",
                todo=f"did you mean {close!r}?" if close else "list every class with classes",
            )
    return y


def stratified_split(y: Tensor, test: float | int, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of a training and a test part with the same share of every class.

    Args:
        y: int64 [n].
        test: Size of the test part: a share in [0, 1), or a count.
        seed: Decides which items.

    Returns:
        int64 [n - t] and int64 [t], increasing. A class of one item stays in training.

    Raises:
        DataError: the test part would take all.
    """
    n = len(y)
    wanted = test if isinstance(test, int) else round(check_fraction(test, "test_fraction") * n)
    classes, counts = torch.unique(y, return_counts=True)
    room = counts - 1
    if wanted < 0 or wanted > int(room.sum()):
        raise DataError(
            "the test part would leave a class without training items",
            expected=f"at most {int(room.sum())} of {n} items",
            got=wanted,
            todo="ask for a smaller test_fraction",
        )
    share = counts.double() * wanted / max(n, 1)
    take = torch.minimum(share.floor().long(), room)
    # the largest remainders get what rounding down left over, then whoever has room
    for place in cycle((share - share.floor()).argsort(descending=True, stable=True).tolist()):
        if int(take.sum()) == wanted:
            break
        take[place] += int(take[place] < room[place])
    generator = generator_from(seed)
    order = torch.randperm(n, generator=generator)
    chosen = torch.zeros(n, dtype=torch.bool)
    for label, count in zip(classes, take.tolist(), strict=True):
        chosen[order[y[order] == label][:count]] = True
    return (~chosen).nonzero().squeeze(1), chosen.nonzero().squeeze(1)


def places_of(kept: Tensor, held: Tensor) -> list[int]:
    """Where each item goes so that the kept ones come first, then the held out ones."""
    places = torch.empty(len(kept) + len(held), dtype=torch.int64)
    places[torch.cat([kept, held])] = torch.arange(len(places))
    return places.tolist()


def _name(value: object, row: int, where: str) -> str:
    missing = value is None or value != value or (isinstance(value, str) and not value.strip())
    if missing:
        raise DataError(
            "a label is missing",
            expected="a class in every row",
            got=repr(value),
            where=f"{where}, row {row}",
            todo="fill it in, or leave the row out",
        )
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_whole(name: str) -> bool:
    return name.isdecimal()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:10]) + (f", ... ({len(names)} in all)" if len(names) > 10 else "")
