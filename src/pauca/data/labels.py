"""Class names, labels as numbers, and the held-out part."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.checks import check_fraction
from pauca.errors import DataError, nearest
from pauca.rng import generator_from

__all__ = [
    "Copies",
    "check_classes",
    "check_several",
    "copies_note",
    "encode_labels",
    "group_split",
    "held_out",
    "held_out_note",
    "in_order",
    "listed",
    "numbered_groups",
    "places_of",
    "stratified_split",
]

Copies = Literal["note", "together"]
"""What is done with equal rows when a test part is cut off: say so, or keep them on one side."""


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Names in the order of numbers where all are whole ones, else of letters."""
    known = set(names)
    try:
        return tuple(sorted(known, key=lambda name: (int(name), name)))
    except ValueError:
        return tuple(sorted(known))


def check_several(classes: Sequence[str], where: str) -> tuple[str, ...]:
    """At least two classes.

    Raises:
        DataError: fewer.
    """
    if len(classes) < 2:
        raise DataError(
            "there is only one class" if classes else "there is no class",
            expected="at least two classes",
            got=", ".join(classes) or "none",
            where=where,
            todo="check the labels, or list every class with classes",
        )
    return tuple(classes)


def check_classes(classes: Sequence[str], where: str) -> tuple[str, ...]:
    """At least two classes with distinct names.

    Raises:
        DataError: fewer, a name twice, or two that differ by blanks at their ends only.
    """
    check_several(classes, where)
    seen: set[str] = set()
    bare: dict[str, str] = {}
    for name in classes:
        if name in seen:
            raise DataError("a class is listed twice", got=name, where=where, todo="list it once")
        seen.add(name)
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
                expected=listed(classes),
                got=repr(name),
                where=f"{where}, row {row}",
                todo=f"did you mean {close!r}?" if close else "list every class with classes",
            )
    return y


def numbered_groups(
    columns: Sequence[Iterable[object]], where: str
) -> tuple[list[Tensor], tuple[str, ...]]:
    """Number of the group of each item, int64 [n] by part, and the names of the groups.

    Raises:
        DataError: a group is missing; the row is named.
    """
    names = [[_name(v, row, where, "group") for row, v in enumerate(c)] for c in columns]
    known = in_order({name for part in names for name in part})
    number = {name: i for i, name in enumerate(known)}
    return [torch.tensor([number[name] for name in part]) for part in names], known


def held_out(
    y: Tensor,
    groups: Tensor | None,
    row_keys: Sequence[Any] | NDArray[Any] | None,
    fraction: float,
    seed: int,
    *,
    near_keys: Sequence[Any] | NDArray[Any] | None = None,
    copies: Copies = "note",
    classes: Sequence[str] = (),
) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Cut a test part off: groups stay whole, and copies on both sides are said.

    Without groups every class gives the same share (``stratified_split``). With groups, the share
    of each class is as near as whole groups allow.

    Args:
        y: int64 [n].
        groups: int64 [n], or None.
        row_keys: What stands for each item, [n]: equal keys are copies. None where nobody looked.
        fraction: Share of the test part, in [0, 1).
        seed: Decides which items.
        near_keys: As ``row_keys``, equal for near copies too.
        copies: ``together`` keeps copies (near ones too) on one side.
        classes: Names of the classes, for notes.

    Returns:
        int64 [n - t], int64 [t], both increasing, and what has to be said.

    Raises:
        DataError: no group can be held out, or the test part would take all of a class.
    """
    check_fraction(fraction, "test_fraction", open_end=True)
    blocks = groups
    keys = [_codes(k) for k in (row_keys, near_keys) if k is not None]
    if copies == "together" and keys:
        blocks = _connected([*([] if groups is None else [groups.numpy()]), *keys])
    if fraction > 0 and len(y) > 1 and _distinct(y) == len(y):
        raise DataError(
            "every item has a class of its own, so that none can be held out: is this the id, the "
            "text, or a number (regression)?",
            expected="classes with several items each",
            got=f"{len(y)} classes in {len(y)} items",
            todo="name the column of the labels with label, or set test_fraction = 0",
        )
    if blocks is None:
        kept, held = stratified_split(y, fraction, seed)
        notes = [held_out_note(len(held), len(y), seed)]
    else:
        mask = group_split(blocks, y, fraction, seed)
        if fraction > 0 and not bool(mask.any()):
            raise DataError(
                "no group can be held out: each class would lose its last one",
                expected="two groups or more in a class",
                got=f"{_distinct(blocks)} groups, {_distinct(y)} classes",
                todo="set test_fraction = 0, or leave group out",
            )
        kept, held = (~mask).nonzero().squeeze(1), mask.nonzero().squeeze(1)
        notes = [_groups_note(blocks, held, len(y), seed, groups is not None)]
    notes += _absent(y, held, classes)
    if keys:
        a, b = kept.numpy(), held.numpy()
        said = copies_note(keys[0][a], keys[0][b], (keys[-1][a], keys[-1][b]))
        notes += [f"{note} (copies = 'together' keeps copies on one side)" for note in said]
    return kept, held, tuple(notes)


def held_out_note(held: int, n: int, seed: int) -> str:
    """What is said when a test part was cut off."""
    return (
        f"{held} of {n} items were held out as the test part, the same share of every class, "
        f"seed {seed} (choose with test_fraction)"
    )


def _groups_note(blocks: Tensor, held: Tensor, n: int, seed: int, own: bool) -> str:
    whole, all_ = _distinct(blocks[held]), _distinct(blocks)
    what = f"{whole} of {all_} groups, none cut" if own else "copies on one side"
    return (
        f"{len(held)} of {n} items were held out as the test part: {what}, the share of each "
        f"class as near as that allows, seed {seed} (choose with test_fraction)"
    )


def _distinct(values: Tensor) -> int:
    return len(np.unique(values.numpy()))


def _absent(y: Tensor, held: Tensor, classes: Sequence[str]) -> list[str]:
    """Classes that the test part has no item of."""
    if not len(held):
        return []
    lost = sorted(set(y.tolist()) - set(y[held].tolist()))
    if not lost:
        return []
    names = [classes[i] if i < len(classes) else str(i) for i in lost]
    return [f"classes with too few items to stand in the test part: {listed(names)}"]


def copies_note(
    train: NDArray[Any],
    test: NDArray[Any],
    near: tuple[NDArray[Any], NDArray[Any]],
) -> list[str]:
    """What is said of items of the test part that training holds too.

    Args:
        train: Keys of training, [n], equal for copies.
        test: Keys of the test part, [t].
        near: Keys of both that are equal for near copies too.
    """
    exact = np.isin(test, train)
    alike = np.isin(near[1], near[0]) | exact
    if not alike.any():
        return []
    more = int((alike & ~exact).sum())
    said = f"{int(exact.sum())} of {len(test)} items of the test part stand in training too"
    said += f", {more} more but for case and blanks" if more else ""
    return [said]


def _codes(keys: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers from 0 in the place of keys of any type."""
    import pandas as pd

    plain = keys if isinstance(keys, np.ndarray) else np.array([*keys, None], dtype=object)[:-1]
    return np.asarray(pd.factorize(plain)[0], dtype=np.int64)


def _connected(keys: Sequence[NDArray[np.int64]]) -> Tensor:
    """Number of the block of each item: two items with one key in common are in one block."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    codes = [_codes(one) for one in keys]
    n = len(codes[0])
    if len(codes) == 1:
        return torch.from_numpy(codes[0])
    offsets = np.cumsum([n, *(code.max(initial=0) + 1 for code in codes)])
    ends = np.concatenate([code + offset for code, offset in zip(codes, offsets, strict=False)])
    starts = np.tile(np.arange(n), len(codes))
    graph = coo_array((np.ones(len(ends), bool), (starts, ends)), shape=(offsets[-1],) * 2)
    _, found = connected_components(graph, directed=False)
    return torch.from_numpy(_codes(found[:n]))


def group_split(groups: Tensor, y: Tensor, share: float, seed: int) -> Tensor:
    """Which items are held out, bool [n]: whole groups, about that share of each class.

    A group belongs to the class of its first item. Class by class, groups are taken in random
    order as long as the class stays within its share; a group of several classes is taken where it
    brings the classes nearer to their shares. No class loses its last training item, and each has
    one held out where it has two groups; one group at least is held out where that can be.

    Args:
        groups: int64 [n], numbers from 0 without gaps.
        y: int64 [n].
        share: In [0, 1).
        seed: Decides which groups.
    """
    g, c = int(groups.max()) + 1, int(y.max()) + 1
    inside: list[dict[int, int]] = [{} for _ in range(g)]  # items by class
    pairs, sizes = np.unique(groups.numpy() * c + y.numpy(), return_counts=True)
    for pair, size in zip(pairs.tolist(), sizes.tolist(), strict=True):
        inside[pair // c][pair % c] = size
    first = np.unique(groups.numpy(), return_index=True)[1]
    own = y.numpy()[first].tolist()
    left: list[int] = torch.bincount(y, minlength=c).tolist()
    room, held = [share * count for count in left], [0] * c
    chosen = np.zeros(g, dtype=bool)

    def fits(group: int) -> bool:
        if len(inside[group]) == 1:
            ((label, size),) = inside[group].items()
            return bool(held[label] + size <= room[label])
        gain = sum(
            abs(held[k] - room[k]) - abs(held[k] + size - room[k])
            for k, size in inside[group].items()
        )
        return bool(gain > 0)

    def spares(group: int) -> bool:
        return all(left[k] > size for k, size in inside[group].items())

    def take(group: int) -> None:
        chosen[group] = True
        for k, size in inside[group].items():
            held[k] += size
            left[k] -= size

    shuffle = torch.randperm(g, generator=generator_from(seed)).tolist()
    by_class: dict[int, list[int]] = {}
    for group in shuffle:
        by_class.setdefault(own[group], []).append(group)
    for label, mine in sorted(by_class.items()):
        for group in mine[:-1]:  # one stays for training
            if fits(group) and spares(group):
                take(group)
        spare = [group for group in mine if spares(group)]
        if share > 0 and len(mine) > 1 and not held[label] and spare:
            take(min(spare, key=lambda group: sum(inside[group].values())))
    spare = [group for group in shuffle if spares(group)]
    if share > 0 and not any(held) and spare:
        take(min(spare, key=lambda group: sum(inside[group].values())))
    return torch.from_numpy(chosen[groups.numpy()])


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


def listed(names: Sequence[str], most: int = 10) -> str:
    """Names with commas; of many the first ones and how many there are."""
    return ", ".join(names[:most]) + (f", ... ({len(names)} in all)" if len(names) > most else "")


def _name(value: object, row: int, where: str, what: str = "label") -> str:
    blank = isinstance(value, str) and not value.strip()
    empty = value is None or type(value).__name__ in ("NAType", "NaTType")
    if blank or empty or (isinstance(value, float) and value != value):
        raise DataError(
            f"a {what} is missing",
            expected=f"a {what} in every row",
            got=repr(value),
            where=f"{where}, row {row}",
            todo="fill it in, or leave the row out",
        )
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_whole(name: str) -> bool:
    return name.isdecimal()
