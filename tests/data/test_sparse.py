"""Rows that stay sparse: the same numbers as dense ones, whoever reads them, in little memory."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.sparse import csr_array
from torch import Tensor

import pauca
from pauca.data import Dataset, Split, Task, load_dataset, sparse
from pauca.data.augment import Pipeline
from pauca.data.sparse import SparseRows, as_dense, text_features
from pauca.errors import CapabilityError, InputError
from pauca.features import featured
from pauca.rng import generator_from
from pauca.session import Session
from pauca.study import run_study
from pauca.study.provenance import data_facts
from pauca.testing.datasets import check_dataset


def pair(
    n: int = 200, d: int = 50, seed: int = 0, share: float = 0.05
) -> tuple[SparseRows, Tensor]:
    """The same rows twice."""
    rng = np.random.default_rng(seed)
    rows = rng.random((n, d), dtype=np.float32) * (rng.random((n, d)) < share)
    return SparseRows.of(csr_array(rows)), torch.from_numpy(rows)


X, DENSE = pair()
INDEX = torch.randint(len(X), (30,), generator=generator_from(1))
MASK = torch.arange(len(X)) % 3 == 1

STAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "positions": lambda x: x[INDEX],
    "negative positions": lambda x: x[torch.tensor([-1, -200])],
    "no position": lambda x: x[INDEX[:0]],
    "mask": lambda x: x[MASK],
    "slice": lambda x: x[3:17],
    "empty slice": lambda x: x[:0],
    "steps": lambda x: x[5::7],
    "slice of a slice": lambda x: x[10:100][-20:][1:],
    "index_select": lambda x: x.index_select(0, INDEX),
    "list": lambda x: x[[4, 2]],
    "split": lambda x: torch.split(x, 33)[-1],
    "cat": lambda x: torch.cat([x[INDEX], x[:5], x[MASK]]),
    "flatten": lambda x: x.flatten(1),
    "view": lambda x: x.view(-1, 50),
    "contiguous": lambda x: x.contiguous(),
    "to": lambda x: x.to("cpu", torch.float32),
    "detach": lambda x: x.detach(),
    "clone": lambda x: x.clone(),
    "pickled": lambda x: pickle.loads(pickle.dumps(x)),
    "copied": lambda x: copy.deepcopy(x),
}
MAKES_DENSE: dict[str, Callable[[Tensor], Tensor]] = {
    "row": lambda x: x[7],
    "double": lambda x: x.double(),
    "sum": lambda x: x.sum(1),
    "product": lambda x: x @ DENSE.T,
    "column": lambda x: x[:, 3],
    "cat with others": lambda x: torch.cat([x, torch.ones(len(x), 1)], dim=1),
    "least": lambda x: torch.stack(list(x.aminmax())),
    "array": lambda x: torch.from_numpy(x.numpy()),
    "lists": lambda x: torch.tensor(x.tolist()),
}


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", STAYS)
def test_stays_sparse(name: str, inference: bool) -> None:
    with torch.inference_mode(mode=inference):
        found, wanted = STAYS[name](X), STAYS[name](DENSE)
        assert isinstance(found, SparseRows)
        assert found.shape == wanted.shape
        assert torch.equal(found.dense(), wanted)


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", MAKES_DENSE)
def test_everything_else_is_done_to_dense_rows(name: str, inference: bool) -> None:
    with torch.inference_mode(mode=inference):
        found = MAKES_DENSE[name](X)
        assert type(found) is Tensor
        assert torch.equal(found, MAKES_DENSE[name](DENSE))


def test_gradients_of_a_net_are_those_of_dense_rows() -> None:
    slopes = []
    for rows in (X, DENSE):
        weight = torch.full((3, 50), 0.5, requires_grad=True)
        F.linear(rows[INDEX], weight).square().sum().backward()  # type: ignore[no-untyped-call]  # torch's own
        slopes.append(weight.grad)
    assert slopes[0] is not None
    assert slopes[1] is not None
    assert torch.equal(slopes[0], slopes[1])


@pytest.mark.parametrize(
    "change", [lambda x: x.zero_(), lambda x: x.__setitem__(0, 1.0), lambda x: x[1:].add_(1)]
)
def test_it_is_read_only(change: Callable[[Tensor], Any]) -> None:
    with pytest.raises(InputError, match="read only"):
        change(X)
    assert torch.equal(X.dense(), DENSE)


def test_positions_out_of_range() -> None:
    with pytest.raises(IndexError):
        X[torch.tensor([200])]


def test_infinite_entries_are_found() -> None:
    rows = csr_array(np.array([[0, np.inf], [0, 0]], dtype=np.float32))
    with pytest.raises(InputError, match="infinite"):
        Split(SparseRows.of(rows), None)


def test_more_than_two_gigabytes_are_not_made_dense() -> None:
    empty = torch.zeros(0)
    rows = SparseRows(torch.zeros(10**6 + 1, dtype=torch.int64), empty.int(), empty, 4096)
    with pytest.raises(CapabilityError, match=r"16\.4 GB.*vocabulary"):
        rows.sum()
    assert torch.equal(as_dense(rows[:3]), torch.zeros(3, 4096))


def test_small_texts_are_dense_and_large_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(text_features(csr_array(DENSE.numpy()))) is Tensor
    monkeypatch.setattr(sparse, "SPARSE_BYTES", DENSE.nbytes - 1)
    assert isinstance(text_features(csr_array(DENSE.numpy())), SparseRows)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A file of 600 short texts in three classes."""
    rng = np.random.default_rng(0)
    lines = ["text,label"]
    for i in range(600):
        words = " ".join(f"w{rng.integers(300)}" for _ in range(6))
        lines.append(f"{words} topic{i % 3}{rng.integers(4)},{'abc'[i % 3]}")
    (tmp_path / "texts.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "texts.csv"


def both(texts: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Dataset, Dataset]:
    """The same texts with sparse and with dense rows."""
    dense = load_dataset(texts)
    monkeypatch.setattr(sparse, "SPARSE_BYTES", 0)
    found = load_dataset(texts)
    assert isinstance(found.train.x, SparseRows)
    assert torch.equal(found.train.x.dense(), dense.train.x)
    return found, dense


def test_data_set(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, _ = both(texts, monkeypatch)
    check_dataset(found)
    assert isinstance(found.train.take(torch.tensor([3, 1])).x, SparseRows)
    assert data_facts(found)["fingerprint"] == data_facts(load_dataset(texts))["fingerprint"]


LEARNERS: dict[str, dict[str, Any]] = {
    "probe": {"head": "mlp", "steps": 20},
    "backprop": {"net": "mlp", "steps": 20},
    "forward-forward": {"widths": [20, 20], "epochs": 2},
}


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_by_batches_say_the_same_to_the_bit(
    name: str, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for data in both(texts, monkeypatch):
        learner = pauca.make_learner(name, task=data.task, **LEARNERS[name])
        assert data.train.y is not None
        learner.fit(data.train.x[:100], data.train.y[:100], generator=generator_from(0))
        needs = frozenset({"probs", "features"}) & learner.gives
        ids = torch.arange(len(data.train))
        said.append(learner.outputs(data.train.x, ids, needs=needs))
    assert torch.equal(said[0].probs, said[1].probs)
    for one, other in zip(*(x.features for x in said), strict=True):
        assert torch.equal(one, other)


def test_the_logistic_head_multiplies_sparse(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = []
    needs = frozenset({"probs", "features", "adversarial_deepfool", "adversarial_bim"})
    for data in both(texts, monkeypatch):
        learner = pauca.make_learner("probe", task=data.task)
        assert data.train.y is not None
        learner.fit(data.train.x[:100], data.train.y[:100], generator=generator_from(0))
        some = data.train.x[100:130]
        said.append((learner.outputs(some, torch.arange(30), needs=needs), learner.state()))
    (one, first), (other, second) = said
    assert torch.equal(first["weight"], second["weight"])
    torch.testing.assert_close(one.probs, other.probs, atol=1e-6, rtol=0)
    assert one.features is not None
    assert other.features is not None
    assert torch.equal(one.features, other.features)
    for name in one.extras:
        torch.testing.assert_close(one.extras[name], other.extras[name], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", ["margin", "entropy", "badge", "k-center", "random"])
def test_a_session_asks_for_the_same_items(
    strategy: str, texts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    for data in both(texts, monkeypatch):
        learner = pauca.make_learner("probe", task=data.task)
        assert data.train.y is not None
        oracle = pauca.VaultOracle(data.train.y)
        session = Session(
            data.train.x,
            learner,
            pauca.make_strategy(strategy),
            streams=pauca.Streams(3),
            initial_strategy="k-center",
        )
        ids = [turn.ids.tolist() for turn in pauca.session.run(session, oracle, k=10, budget=40)]
        asked.append(ids)
    assert asked[0] == asked[1]


def test_frozen_features_are_the_same(texts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, dense = (
        featured(data, {"name": "pca", "dimensions": 8}) for data in both(texts, monkeypatch)
    )
    assert torch.equal(found.train.x, dense.train.x)


@pytest.mark.slow  # two studies, each with a process of its own
def test_a_study_finds_the_same(texts: Path, tmp_path: Path) -> None:
    rounds = []
    for name, imports in (("dense", []), ("sparse", ["tests.data.always_sparse"])):
        study = {
            "name": name,
            "seed": 1,
            "data": {"path": str(texts)},
            "active": {
                "learner": {"name": "probe"},
                "strategies": ["margin", "k-center"],
                "initial": 10,
                "query": 10,
                "budget": 30,
                "repetitions": 1,
                "pool": {"redundancy": 0.1},
            },
        }
        runs = run_study(study, tmp_path / name, workers=1, imports=imports).runs
        rounds.append([record for run in runs for record in run.rounds])
    assert len(rounds[0]) == len(rounds[1]) == 6
    for one, other in zip(*rounds, strict=True):
        for key in ("initial", "asked", "answers", "duplicates"):
            assert one.get(key) == other.get(key)
        for key, value in one["metrics"].items():
            assert other["metrics"][key] == pytest.approx(value, abs=1e-6)


class Blank:
    """What a pool of a million texts with 4,096 words is, without the texts."""

    n, d = 10**6, 4096

    def __init__(self) -> None:
        bounds = torch.arange(self.n + 1)
        columns = (torch.arange(self.n) * 7919 % self.d).int()
        self.x = SparseRows(bounds, columns, torch.ones(self.n), self.d)
        self.task = Task("blank", "text", (self.d,), ("a", "b"), Pipeline(), Pipeline())


@pytest.mark.parametrize("name", ["badge", "k-center"])
def test_what_compares_the_features_of_a_million_says_that_they_do_not_fit(name: str) -> None:
    pool = Blank()
    learner = pauca.make_learner("probe", task=pool.task)
    session = Session(pool.x, learner, pauca.make_strategy(name), streams=pauca.Streams(0))
    session.tell([0, 1], [0, 1])
    with pytest.raises(CapabilityError, match=rf"'{name}' compares.*16\.4 GB.*margin"):
        session.ask(2)


def test_nor_before_any_label() -> None:
    pool = Blank()
    learner = pauca.make_learner("probe", task=pool.task)
    margin = pauca.make_strategy("margin")
    streams = pauca.Streams(0)
    session = Session(pool.x, learner, margin, streams=streams, initial_strategy="k-means")
    with pytest.raises(CapabilityError, match="'k-means' compares"):
        session.ask(2)


_CHILD = """
import sys
import numpy as np, pandas as pd, torch
import pauca
from pauca.data.columns import ColumnOptions, items_of
from pauca.data.sparse import SparseRows
from pauca.data.tables import table_dataset

dense, made = SparseRows.dense, [0]
def counted(self):
    made[0] = max(made[0], len(self))
    return dense(self)
SparseRows.dense = counted

n = int(sys.argv[1])
rng = np.random.default_rng(0)
y = rng.integers(0, 4, n)
numbers = rng.zipf(1.3, (n, 6)) % 8000
texts = [" ".join(f"w{a}" for a in row) + f" topic{k}{row[0] % 3}" for row, k in zip(numbers, y)]
frame = pd.DataFrame({"text": texts, "label": [f"c{k}" for k in y]})
data = table_dataset("large", items_of(frame, None, "large"), ColumnOptions())
assert isinstance(data.train.x, SparseRows)
learner = pauca.make_learner("probe", task=data.task)
margin = pauca.make_strategy("margin")
session = pauca.Session(data.train.x, learner, margin, streams=pauca.Streams(1))
oracle = pauca.VaultOracle(data.train.y)
for _ in range(3):
    ids = session.ask(50)
    session.tell(ids, oracle.answer(ids))
# getrusage would say what the tests' own process took before this one began
status = open("/proc/self/status").read().split()
print(int(status[status.index("VmHWM:") + 1]) / 1e6, made[0], data.train.x.numel() * 4)
"""


def test_many_texts_take_little_memory() -> None:
    """200,000 short texts: dense rows of the pool alone would be 2.6 GB."""
    told = subprocess.run(
        [sys.executable, "-c", _CHILD, "200000"], capture_output=True, text=True, check=True
    )
    peak, rows, dense = told.stdout.split()
    assert int(dense) > 2.6e9
    assert float(peak) < 1.0  # GB, of which the program is some 0.4
    assert int(rows) <= 4096  # at once: no more than a block was ever dense


def test_as_dense_leaves_plain_tensors_alone() -> None:
    assert as_dense(DENSE) is DENSE
