import copy
import pickle

import pytest
import torch
from torch import Tensor

from pauca.errors import InputError
from pauca.oracle import UNKNOWN, AbstractOracle, VaultOracle

LABELS = torch.tensor([3, 1, 4, 1, 5, 9, 2, 6])


def ids(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)


def test_answers_are_the_labels_in_the_order_of_the_ids() -> None:
    oracle = VaultOracle(LABELS)
    assert isinstance(oracle, AbstractOracle)
    assert oracle.answer(ids(4, 0, 7)).tolist() == [5, 3, 6]
    assert oracle.answer(ids()).tolist() == []


def test_each_item_is_paid_for_once() -> None:
    oracle = VaultOracle(LABELS)
    assert oracle.spent == 0
    oracle.answer(ids(4, 0))
    assert oracle.spent == 2
    assert oracle.answer(ids(0, 2)).tolist() == [3, 4]
    assert oracle.spent == 3
    assert oracle.asked.tolist() == [4, 0, 2]
    assert oracle.asked.dtype == torch.int64


@pytest.mark.parametrize("bad", [ids(8), ids(0, -1), ids(2, 2), torch.tensor([0.5]), ids(1)[None]])
def test_unknown_ids_are_refused_and_cost_nothing(bad: Tensor) -> None:
    oracle = VaultOracle(LABELS)
    with pytest.raises(InputError):
        oracle.answer(bad)
    assert oracle.spent == 0


def test_labels_are_copied() -> None:
    labels = LABELS.clone()
    oracle = VaultOracle(labels)
    labels[0] = 0
    answer = oracle.answer(ids(0))
    assert answer.tolist() == [3]
    answer[0] = 7
    assert oracle.answer(ids(0)).tolist() == [3]


def test_no_attribute_and_no_printed_form_holds_the_labels() -> None:
    oracle = VaultOracle(torch.full((5,), 987654))
    oracle.answer(ids(0))
    assert not hasattr(oracle, "__dict__")
    for name in dir(oracle):
        value = getattr(oracle, name)
        assert not isinstance(value, Tensor) or name == "asked", name
        assert "987654" not in repr(value), name
    assert "987654" not in repr(oracle) + str(oracle)


def test_a_vault_is_neither_pickled_nor_copied() -> None:
    oracle = VaultOracle(LABELS)
    with pytest.raises(InputError, match="pickled"):
        pickle.dumps(oracle)
    with pytest.raises(InputError, match="copied"):
        copy.copy(oracle)
    with pytest.raises(InputError, match="copied"):
        copy.deepcopy(oracle)


@pytest.mark.parametrize("bad", [torch.tensor([0.0]), LABELS[None], torch.tensor([0, -1])])
def test_bad_labels_are_refused(bad: Tensor) -> None:
    with pytest.raises(InputError):
        VaultOracle(bad)


def test_an_open_vault_answers_by_place_among_the_known_and_none_of_these() -> None:
    oracle = VaultOracle(LABELS, known=(1, 3, 8))
    found = oracle.answer(ids(*range(8))).tolist()
    # 8 is known though no item has it; 4, 5, 9, 2 and 6 are not
    assert found == [1, 0, UNKNOWN, 0, *[UNKNOWN] * 4]
    assert oracle.spent == 8  # an unknown item costs as much
    assert VaultOracle(LABELS, known=range(10)).answer(ids(5, 0)).tolist() == [9, 3]
    assert "known" not in repr(oracle)


@pytest.mark.parametrize("known", [(), (1, 1), (-1, 2)])
def test_known_classes_that_are_none_are_refused(known: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        VaultOracle(LABELS, known=known)
