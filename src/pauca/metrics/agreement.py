"""How far people who label the same items agree, beyond what chance gives."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from pauca.checks import check_count, typed
from pauca.errors import InputError
from pauca.metrics.arrays import Floats, as_ints, as_table, check_same

__all__ = ["answer_entropy", "cohen_kappa", "fleiss_kappa"]


@typed
def cohen_kappa(a: Any, b: Any, *, undefined: float = math.nan) -> float:
    """Agreement of two on the same n items: (p_o - p_e) / (1 - p_e), at most 1.

    p_o is the share of items with the same class, p_e that expected of two who keep their own
    shares of the classes and draw at random. 0 is chance, 1 perfect. Where both gave all items one
    and the same class, chance alone agrees fully and the formula is 0 / 0.

    Args:
        a: Classes that one gave, whole numbers [n], n >= 1.
        b: Classes that the other gave, [n].
        undefined: What 0 / 0 is: NaN for people, of whom nothing is known; 1 for two models that
            are asked whether they still agree.

    Raises:
        InputError: wrong types or sizes.

    Reference: Cohen, Educational and Psychological Measurement 20, 1960, eq. 1.
    """
    first, second = as_ints(a, "a"), as_ints(b, "b")
    check_same(first, second, "a and b")
    # numbered from 0 without gaps, so that large names cost nothing
    classes = np.unique(np.concatenate([first, second]), return_inverse=True)[1]
    n, c = len(first), int(classes.max()) + 1
    of_a, of_b = (np.bincount(part, minlength=c) for part in (classes[:n], classes[n:]))
    found = _beyond(float((first == second).mean()), float(of_a @ of_b) / n**2)
    return undefined if math.isnan(found) else found


@typed
def fleiss_kappa(counts: Any) -> float:
    """Agreement of any number of people: (mean P_i - P_e) / (1 - P_e), at most 1.

    P_i is the share of pairs of answers to item i that agree, P_e the sum of the squared shares of
    the classes among all answers. With the same number of answers an item this is Fleiss' kappa; an
    item with another number counts as one item all the same, and its answers in the shares. Items
    with fewer than two answers say nothing and are left out. NaN where one class got all answers.

    Args:
        counts: How many people gave item i class j, whole numbers >= 0, [n, c].

    Raises:
        InputError: another shape, negative or broken numbers, no item with two answers.

    Reference: Fleiss, Psychological Bulletin 76, 1971, eq. 2 to 7.
    """
    table = as_table(counts, "counts", "n c")
    if (table < 0).any() or (table != np.floor(table)).any():
        raise InputError(
            "counts are out of range",
            expected="whole numbers >= 0",
            got="others",
            todo="count the answers of each class for each item",
        )
    table = table[table.sum(1) >= 2]
    if not len(table):
        raise InputError(
            "no item has two answers",
            expected="at least one",
            got="none",
            where="counts",
            todo="have some items answered by two people",
        )
    each = table.sum(1)
    alike = ((table * (table - 1)).sum(1) / (each * (each - 1))).mean()
    shares = table.sum(0) / table.sum()
    return _beyond(float(alike), float((shares**2).sum()))


@typed
def answer_entropy(counts: Sequence[int] | Floats, c: int) -> float:
    """Entropy of the answers to one item over log c, in [0, 1]; 0 where all agree, or c is 1.

    Args:
        counts: How many gave each class that occurs, whole numbers >= 0.
        c: Number of classes, >= 1.

    Raises:
        InputError: a negative number, no answer, c < 1.
    """
    check_count(c, "c", least=1)
    given = as_ints(counts, "counts")
    if given.sum() < 1:
        raise InputError(
            "there is no answer",
            expected="at least one",
            got=list(counts),
            todo="leave out items that nobody answered",
        )
    shares = given[given > 0] / given.sum()
    return 0.0 if c == 1 else float(-(shares * np.log(shares)).sum() / np.log(c)) + 0.0


def _beyond(seen: float, chance: float) -> float:
    return math.nan if chance >= 1 else (seen - chance) / (1 - chance)
