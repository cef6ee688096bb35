from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.errors import DataError, InputError, UnknownNameError
from pauca.features import featured
from pauca.learners import make_learner
from pauca.learners.backprop import Backprop
from pauca.rng import generator_from
from pauca.testing import check_dataset
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

_DATA = tiny_image_dataset(30)
_PARAMS = {"widths": [4, 4], "hidden": 8}


@pytest.fixture(scope="module")
def learner() -> Backprop:
    made = make_learner("backprop", task=_DATA.task, net_params=_PARAMS, steps=10)
    assert isinstance(made, Backprop)
    assert _DATA.train.y is not None
    made.fit(_DATA.train.x, _DATA.train.y, generator=generator_from(0))
    return made


def choice(path: Path, **more: Any) -> dict[str, Any]:
    return {"name": "net", "path": str(path), "net_params": _PARAMS, **more}


@pytest.mark.parametrize("whole", [True, False])
def test_features_are_those_of_the_learner(learner: Backprop, whole: bool, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(learner.state() if whole else learner.net.state_dict(), path)
    found = featured(_DATA, choice(path, standardise=False))
    check_dataset(found)
    ids = torch.arange(30)
    expected = learner.outputs(_DATA.train.x, ids, needs=frozenset({"features"})).features
    assert expected is not None
    assert torch.allclose(found.train.x, expected, atol=1e-5)
    assert any("weights.pt (sha256 " in note for note in found.notes)
    tapped = featured(_DATA, choice(path, tap="conv1", standardise=False))
    layers = learner.activations(_DATA.train.x)
    assert torch.allclose(tapped.train.x, layers["conv1"], atol=1e-5)


def test_they_are_standardised_by_the_transform(learner: Backprop, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(learner.state(), path)
    found = featured(_DATA, choice(path))
    seen = found.task.evaluate(found.train.x, None)
    varies = found.train.x.std(0) > 0
    assert float(seen.mean(0).abs().max()) < 1e-5
    ones = torch.ones(int(varies.sum()))
    assert torch.allclose(seen.std(0, correction=0)[varies], ones, atol=1e-4)


def test_a_net_of_other_classes_serves_as_well(learner: Backprop, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(learner.state(), path)
    task = replace(_DATA.task, classes=("a", "b", "c", "d", "e"))
    five = featured(replace(_DATA, task=task), choice(path))
    assert torch.equal(five.train.x, featured(_DATA, choice(path)).train.x)


def test_weights_that_do_not_fit_are_refused(learner: Backprop, tmp_path: Path) -> None:
    path, junk, other = (tmp_path / name for name in ("weights.pt", "junk.pt", "other.pt"))
    torch.save(learner.state(), path)
    junk.write_text("no weights")
    torch.save({"a": 3}, other)
    for wrong, word in (
        (choice(tmp_path / "none.pt"), "cannot be read"),
        (choice(tmp_path), "cannot be read"),
        (choice(junk), "not one of weights"),
        (choice(other), "no weights of a net"),
        ({**choice(path), "net_params": {"widths": [4]}}, "another net"),
        ({"name": "net", "path": str(path), "net": "mlp"}, "another net"),
    ):
        with pytest.raises(DataError, match=word):
            featured(_DATA, wrong)
    torch.save({"a": torch.ones(3)}, other)
    with pytest.raises(DataError, match="no weights of a head"):
        featured(_DATA, choice(other))
    with pytest.raises(UnknownNameError, match="unknown tap 'conv11'"):
        featured(_DATA, choice(path, tap="conv11"))
    with pytest.raises(UnknownNameError, match="'convnet'"):
        featured(_DATA, choice(path, net="convnt"))
    with pytest.raises(InputError, match="does not read items"):
        featured(tiny_table_dataset(9), choice(path))
