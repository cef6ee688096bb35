import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas
import pytest
import torch
from torch import Tensor

from pauca import checks
from pauca.checks import check_ordered, typed
from pauca.errors import InputError
from tests.select.watch import largest_tensor

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("value", [0, 1, 5])
def test_counts_within_their_range_pass(value: int) -> None:
    assert checks.check_count(value, "k", most=5) == value


@pytest.mark.parametrize("value", [-1, 6, 1.0, True, "1", None])
def test_counts_outside_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match=r"k is out of range.*>= 0 and <= 5"):
        checks.check_count(value, "k", most=5)


def test_a_count_may_have_a_least_value_and_no_greatest() -> None:
    assert checks.check_count(10**12, "k", least=1) == 10**12
    with pytest.raises(InputError, match=">= 1;"):
        checks.check_count(0, "k", least=1)


@pytest.mark.parametrize(
    ("check", "right", "wrong"),
    [
        (checks.check_fraction, [0, 0.5, 1], [-0.1, 1.1, NAN, INF]),
        (
            lambda value, where: checks.check_fraction(value, where, open_end=True),
            [0, 0.999],
            [1, NAN],
        ),
        (checks.check_positive, [1e-300, 3], [0, -1, NAN, INF]),
    ],
)
def test_numbers(
    check: Callable[[float, str], float], right: list[float], wrong: list[float]
) -> None:
    for value in right:
        assert check(value, "rate") == value
    for value in wrong:
        with pytest.raises(InputError, match="rate is out of range"):
            check(value, "rate")


@pytest.mark.parametrize("value", [np.int64(3), np.int8(3), np.uint32(3)])
def test_a_whole_number_of_numpy_becomes_pythons(value: Any) -> None:
    assert type(checks.check_count(value, "k", most=5)) is int


def test_finite_values_are_found_without_a_copy() -> None:
    x = torch.ones(3000, 100)
    assert largest_tensor(lambda: checks.check_finite(x, "x")) <= 8
    for bad in (NAN, INF, -INF):
        with pytest.raises(InputError, match="first at"):
            checks.check_finite(x.index_fill(0, torch.tensor([7]), bad), "x")


def test_finite_values_pass_and_the_first_bad_one_is_named() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert checks.check_finite(x, "x") is x
    assert checks.check_finite(torch.tensor([1]), "x").tolist() == [1]
    x[1, 0], x[1, 2] = NAN, INF
    with pytest.raises(InputError, match=r"x has 2 values.*nan first at \(1, 0\)"):
        checks.check_finite(x, "x")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (torch.tensor([1.0]), "wrong form"),
        (torch.tensor([1], dtype=torch.int32), "wrong form"),
        (torch.tensor([[1]]), "wrong form"),
        (torch.tensor([2, -3]), "negative.*-3"),
        (torch.tensor([2, 5, 2]), "twice.*id 2"),
    ],
)
def test_bad_ids_are_refused(ids: Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checks.check_ids(ids)


def test_good_ids_and_labels_pass() -> None:
    for ids in (torch.tensor([5, 0]), torch.arange(0)):
        assert checks.check_ids(ids) is ids
    labels = torch.tensor([2, 0, 2])
    assert checks.check_labels(labels, 3) is labels


@pytest.mark.parametrize("labels", [[0, 3], [-1], [0.0], [[0]]])
def test_bad_labels_are_refused(labels: Any) -> None:
    with pytest.raises(InputError, match=r"^here (has|holds)"):
        checks.check_labels(torch.tensor(labels), 3, "here")


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        ([[1, 0]], "wrong type"),
        ([[0.5, NAN]], "NaN"),
        ([[1.5, -0.5]], "negative"),
        ([[0.5, 0.5], [0.5, 0.6]], r"1\.1 at \(1,\)"),
        ([[3.0, 4.0]], "softmax"),
    ],
)
def test_what_is_no_probability_is_refused(probs: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        checks.check_probabilities(torch.tensor(probs))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("c", [2, 3, 10, 1000])
def test_softmax_gives_probabilities_in_every_dtype(dtype: torch.dtype, c: int) -> None:
    logits = (4 * torch.randn(2, 300, c, generator=torch.Generator().manual_seed(0))).to(dtype)
    probs = logits.softmax(-1)
    assert checks.check_probabilities(probs) is probs
    assert checks.check_probabilities(probs[:, :0]).shape == (2, 0, c)


def test_sizes_are_checked_along_an_axis() -> None:
    x = torch.zeros(2, 3)
    assert checks.check_size(x, 3, "x", axis=1) is x
    for size, axis in ((3, 0), (1, 2)):
        with pytest.raises(InputError, match=f"{size} along axis {axis}"):
            checks.check_size(x, size, "x", axis=axis)


@checks.shapes("n k", a="n d", b="k d", two="2")
def product(a: Tensor, b: Tensor, two: Tensor | None = None, wrong: bool = False) -> Tensor:
    return a if wrong else a @ b.T


def test_shapes_that_fit_pass_by_place_and_by_name() -> None:
    a, b = torch.zeros(4, 3), torch.zeros(5, 3)
    assert product(a, b).shape == (4, 5)
    assert product(b=b, a=a, two=torch.zeros(2)).shape == (4, 5)
    assert product.__name__ == "product"


@pytest.mark.parametrize(
    ("a", "b", "two", "wrong", "message"),
    [
        ((4, 3), (5, 2), None, False, r"product\(b\).*d = 3"),
        ((4,), (5, 3), None, False, r"product\(a\) has the wrong number of axes"),
        ((4, 3), (5, 3), (3,), False, r"product\(two\).*2 = 2"),
        ((4, 3), (5, 3), None, True, r"the result of product.*k = 5"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(
    a: tuple[int, ...],
    b: tuple[int, ...],
    two: tuple[int, ...] | None,
    wrong: bool,
    message: str,
) -> None:
    pair = None if two is None else torch.zeros(two)
    with pytest.raises(InputError, match=message):
        product(torch.zeros(a), torch.zeros(b), pair, wrong)


ORDERED: list[Any] = [
    [1],
    (1,),
    range(2),
    np.ones(2),
    torch.ones(2),
    pandas.Series([1]),
    deque([1]),
]
UNORDERED: list[Any] = [
    {1},
    frozenset({1}),
    {1: 2},
    {1: 2}.keys(),
    {1: 2}.values(),
    {1: 2}.items(),
    (x for x in [1]),
    iter([1]),
    "ab",
    b"ab",
    None,
    3,
    np.float64(1),
    np.array(1),
    torch.tensor(1),
    torch.eye(2).to_sparse(),
]


@pytest.mark.parametrize("values", ORDERED)
def test_what_has_an_order_is_taken_as_it_is(values: Any) -> None:
    assert check_ordered(values, "x") is values


@pytest.mark.parametrize("values", UNORDERED)
def test_what_has_none_is_refused(values: Any) -> None:
    with pytest.raises(InputError, match=r"order of x is not known|x is no sequence"):
        check_ordered(values, "x")


def test_what_can_be_read_once_is_taken_where_that_is_meant() -> None:
    assert list(check_ordered(iter([1, 2]), "x", once=True)) == [1, 2]
    with pytest.raises(InputError, match="not known"):
        check_ordered({1, 2}, "x", once=True)


@typed
def annotated(
    x: Tensor,
    k: int = 1,
    share: float = 0.5,
    names: Sequence[str] = (),
    way: Literal["up", "down"] = "up",
    sure: bool | None = None,
    *more: int,
    anything: Any = None,
) -> str:
    return f"{k} {share} {way} {len(more)}"


def test_arguments_of_the_kinds_that_annotations_name_are_taken() -> None:
    x = torch.ones(2)
    whole: Any = np.int64(3)
    part: Any = np.float32(0.25)
    names: Any = np.array(["a", "b"]).astype(object)
    assert annotated(x) == "1 0.5 up 0"
    assert annotated(x, whole, part, ["a"], "down", None, 5) == "3 0.25 down 1"
    assert annotated(x, share=2, sure=True, anything={1}) == "1 2 up 0"
    assert annotated(x, names=names) == "1 0.5 up 0"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"x": [1.0]}, "x is of the wrong kind; expected: a dense torch.Tensor"),
        ({"x": torch.ones(2, dtype=torch.complex64)}, "x is of the wrong kind"),
        ({"k": 1.0}, "k is of the wrong kind; expected: a whole number; got: float 1.0"),
        ({"k": True}, "k is of the wrong kind"),
        ({"k": 2**64}, "k is of the wrong kind"),
        ({"share": "half"}, "share is of the wrong kind; expected: a number"),
        ({"names": {"a"}}, "names is of the wrong kind; expected: a list, a tuple or an array of"),
        ({"names": "ab"}, "names is of the wrong kind"),
        ({"names": [1]}, "names is of the wrong kind"),
        ({"way": "left"}, "way is of the wrong kind; expected: 'up' or 'down'"),
        ({"sure": 1}, "sure is of the wrong kind; expected: true or false or None"),
    ],
)
def test_arguments_of_another_kind_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        annotated(**{"x": torch.ones(2), **given})


def test_a_call_that_is_wrong_in_itself_stays_pythons() -> None:
    with pytest.raises(TypeError, match="missing a required argument"):
        annotated()  # type: ignore[call-arg]
