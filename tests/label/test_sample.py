"""The random sample stays one of the whole pool, and what it says of a wanted class holds."""

from collections import Counter
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import chisquare, hypergeom

from pauca.errors import InputError, UnknownNameError
from pauca.label import Wanted
from pauca.label.choosing import Situation, choose, random_order, sample_size
from pauca.label.model import make_for
from pauca.label.status import recall_of, said_saving
from pauca.metrics import hypergeometric_interval
from pauca.strategies import strategies
from tests.label.helpers import clusters, npz, project, truth

N, M = 30, 30  # items before, and added
SHARE = 0.4


def test_every_order_is_equally_likely() -> None:
    """Two additions of one item each, to two items."""
    draws = 6000
    seen = Counter(tuple(random_order(4, seed, [1, 1]).tolist()) for seed in range(draws))
    assert set(seen) == set(permutations(range(4)))
    assert chisquare(list(seen.values())).pvalue > 1e-4


@pytest.mark.parametrize("added", [[5], [1, 7, 3]])
def test_what_was_there_keeps_its_order(added: list[int]) -> None:
    for seed in range(20):
        before = random_order(20, seed)
        after = random_order(20 + sum(added), seed, added)
        assert sorted(after.tolist()) == list(range(20 + sum(added)))
        assert np.array_equal(after[after < 20], before)
        assert np.array_equal(random_order(20, seed), before)


def asked_for(seed: int, x: torch.Tensor) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The random sample after questions before and after an addition, and all that was asked.

    What is not random is chosen by where items lie, hence is no random sample of their labels.
    """
    closed: list[int] = []
    strategy = strategies.make("margin", {})

    def learner() -> Any:
        return make_for({"name": "probe"}, x.shape[1], ("a", "b"))

    for round_ in range(6):
        late = round_ > 2
        n = N + M if late else N
        order = random_order(n, seed, [M] if late else [])
        now = Situation(
            x=x[:n],
            labelled=np.empty(0, dtype=np.int64),
            y=torch.empty(0, dtype=torch.int64),
            c=2,
            closed=np.sort(np.array(closed, dtype=np.int64)),
            asked=len(closed),
            round=round_,
            seed=seed,
            share=SHARE,
            order=order,
        )
        closed += [pick.item for pick in choose(now, 5, strategy, learner)]
    sample = order[: sample_size(SHARE, len(closed), n)]
    everything = np.zeros(n, dtype=np.bool_)
    everything[closed] = True
    return sample, everything


def test_the_sample_stays_random_when_items_are_added() -> None:
    """Every item, old or new, is as likely to be in it; so its mean is that of the whole pool."""
    rng = np.random.default_rng(0)
    label = np.r_[np.zeros(24), np.ones(6), np.zeros(6), np.ones(24)]  # another mixture later
    x = torch.from_numpy(np.c_[label * 3, rng.normal(size=(N + M, 2))].astype(np.float32))
    draws = 300
    counts, means, whole = np.zeros(N + M), [], []
    for seed in range(draws):
        sample, everything = asked_for(seed, x)
        assert everything[sample].all()  # all of it was asked for
        counts[sample] += 1
        means.append(label[sample].mean())
        whole.append(label[everything].mean())
    size = counts.sum() / draws
    assert counts.sum() == size * draws  # of one size
    assert chisquare(counts).pvalue > 1e-3
    old = counts[:N].sum() / counts.sum()
    assert abs(old - N / (N + M)) < 4 * np.sqrt(0.25 / counts.sum())
    error = np.std(means) / np.sqrt(draws)
    assert abs(np.mean(means) - label.mean()) < 4 * error
    assert abs(np.mean(whole) - label.mean()) > 4 * error  # what was asked for as a whole is not


def test_the_sample_ends_where_nobody_has_looked_at_new_items(tmp_path: Path) -> None:
    x, _ = clusters(240)
    with project(tmp_path, n=120, random_share=0.5, batch=40) as made:
        for leased in made.lease("anna", 80):
            made.answer("anna", leased.item, truth(leased.item))
        assert len(made._engine.sample()) == 40
        made.add(npz(tmp_path / "b.npz", x=x[120:]))
        order = made._engine.pool.order
        first = int(np.flatnonzero(order >= 120)[0])
        assert len(made._engine.sample()) == first < 10
        items = made.suggest(20)
        assert len(made._engine.sample()) == first  # asked for, but not looked at
        while held := made.lease("anna", 20, refill=made.labels.m < 130):
            for leased in held:
                made.answer("anna", leased.item, truth(leased.item))
        sample = made._engine.sample()
        assert len(sample) == sample_size(0.5, made.status().asked, 240)
        assert np.array_equal(sample, order[: len(sample)])
        assert 0.3 < (sample >= 120).mean() < 0.7
        assert len([item for item in items if item >= 120]) > 10


def test_the_sample_leaves_out_what_was_removed_and_ends_at_deleted_answers(
    tmp_path: Path,
) -> None:
    with project(tmp_path, n=90, random_share=1.0) as made:
        for leased in made.lease("anna", 60):
            made.answer("anna", leased.item, truth(leased.item))
        sample = made._engine.sample()
        assert len(sample) == 60
        made.remove([int(sample[5])])
        assert np.array_equal(made._engine.sample(), np.delete(sample, 5))
        made.delete_class("cat", unlabel=True)
        kept = np.delete(sample, 5)
        ends = int(np.flatnonzero(kept % 3 == 2)[0])
        assert np.array_equal(made._engine.sample(), kept[:ends])
        made.restore_class("cat")
        assert np.array_equal(made._engine.sample(), kept)


# ---------------------------------------------------------------------------------------- recall


@pytest.mark.parametrize(("population", "n"), [(1, 1), (12, 5), (60, 20), (60, 60), (200, 30)])
def test_the_interval_covers_whatever_the_truth_is(population: int, n: int) -> None:
    """Exactly: by the probability of every sample, for every number there may be."""
    found = [hypergeometric_interval(hits, n, population) for hits in range(n + 1)]
    for true in range(population + 1):
        chances = hypergeom.pmf(np.arange(n + 1), population, true, n)
        covered = np.array([each.low <= true <= each.high for each in found])
        assert chances[covered].sum() >= 0.95 - 1e-9


def test_the_interval_is_that_of_its_definition() -> None:
    population, n, level = 40, 15, 0.9
    for hits in range(n + 1):
        possible = np.arange(hits, population - n + hits + 1)
        inside = (hypergeom.cdf(hits, population, possible, n) > 0.05) & (
            hypergeom.sf(hits - 1, population, possible, n) > 0.05
        )
        found = hypergeometric_interval(hits, n, population, level)
        assert (found.low, found.high) == (possible[inside].min(), possible[inside].max())
        assert found.mean == hits * population / n


@pytest.mark.parametrize("given", [(0, 0, 5), (4, 3, 5), (1, 6, 5), (-1, 3, 5), (1, 1, 0)])
def test_no_interval_of_nothing(given: tuple[int, int, int]) -> None:
    with pytest.raises(InputError):
        hypergeometric_interval(*given)


def test_recall_covers_though_the_strategy_chooses_what_it_likes() -> None:
    """A strategy that looks at labels finds most; the interval holds all the same."""
    items, positives, covered, tight = 300, 30, 0, 0
    draws = 1000
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        label = np.zeros(items, dtype=bool)
        label[rng.choice(items, positives, replace=False)] = True
        order = random_order(items, seed)
        sample = order[:60]
        rest = np.setdiff1d(np.arange(items), sample)
        # it finds a part of what is there, the more the less the sample has of it
        share = 0.9 if label[sample].sum() < 6 else 0.4
        chosen = rest[np.where(label[rest], rng.random(len(rest)) < share, False)]
        told = recall_of(
            "a",
            found=int(label[sample].sum() + len(chosen)),
            other=int((~label[sample]).sum()),
            sample=len(sample),
            sample_found=int(label[sample].sum()),
            unknown=0,
            items=items,
        )
        true = (label[sample].sum() + len(chosen)) / positives
        assert told.high is not None
        covered += told.low <= true <= told.high
        tight += told.low > 0.3
    assert covered >= 0.95 * draws - 2 * np.sqrt(draws * 0.95 * 0.05)
    assert tight > 0.4 * draws  # it says something


def wanted(**given: Any) -> Wanted:
    return recall_of("a", **{"unknown": 0, "items": 100, "other": 0, **given})


def test_recall_at_its_ends() -> None:
    none = wanted(found=0, sample=0, sample_found=0)
    assert (none.low, none.high, none.recall, none.met) == (0.0, None, None, None)
    assert (none.least, none.most) == (0, 100)
    everything = wanted(found=10, other=90, sample=20, sample_found=2, target=1.0)
    assert (everything.recall, everything.low, everything.high) == (1.0, 1.0, 1.0)
    assert everything.met is True
    few = wanted(found=10, other=50, sample=30, sample_found=3, target=0.9)
    assert (few.least, few.most) == (10, 24)  # by scipy.stats.hypergeom
    assert few.low == 10 / 24
    assert few.met is False
    without = wanted(found=5, other=40, sample=30, sample_found=0)
    assert without.recall is None  # nothing of it in the sample: only the bound is told
    assert 0 < without.low < 1
    assert "at least" in str(without)
    gone = wanted(found=0, other=100, sample=10, sample_found=0)
    assert (gone.low, gone.recall) == (1.0, None)


def test_status_says_how_much_of_a_wanted_class_was_found(tmp_path: Path) -> None:
    with project(tmp_path, n=90, random_share=0.5, wanted="cat", recall=0.9) as made:
        told = made.status()
        assert told.wanted is not None
        assert (told.wanted.found, told.wanted.met) == (0, False)
        assert "not yet met" in told.advice.reason
        while held := made.lease("anna", 30):
            for leased in held:
                made.answer("anna", leased.item, truth(leased.item))
            told = made.status()
            assert told.wanted is not None
            true = told.balance["cat"] / 30
            assert told.wanted.low <= true <= (told.wanted.high or 1)
            if told.advice.stop:
                break
        assert told.wanted.met
        assert "every item was asked" in told.advice.reason or "reached" in told.advice.reason
        assert told.plain()["wanted"]["name"] == "cat"
        other = made.status(wanted="ant").wanted
        assert other is not None
        assert other.name == "ant"
        with pytest.raises(UnknownNameError):
            made.status(wanted="cow")
        made.rename_class("cat", "lynx")
        renamed = made.status().wanted
        assert renamed is not None
        assert (renamed.name, renamed.found) == ("lynx", told.wanted.found)
        made.delete_class("lynx", unlabel=True)
        assert made.status().wanted is None


def test_a_wanted_class_has_to_be_there(tmp_path: Path) -> None:
    with (
        pytest.raises(UnknownNameError, match="did you mean 'cat'"),
        project(tmp_path, n=30, wanted="cats"),
    ):
        pass


SAVING = {"ratio": 1.0, "low": None, "high": None, "bound": "at least", "value": 0.4,
          "labels": 10, "random_labels": 10, "up_to": 10, "n": 40}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "shown"),
    [
        ({}, False),
        ({"ratio": 1.3, "value": 0.0, "bound": "exact"}, False),
        ({"ratio": 1.004}, False),
        ({"ratio": 1.3}, True),
        ({"bound": "exact", "low": 0.8, "high": 1.4}, True),
    ],
)
def test_no_saving_is_said_that_says_nothing(changed: dict[str, Any], shown: bool) -> None:
    said = said_saving({"saving": {**SAVING, **changed}})
    assert said.startswith("random choice needs") is shown
    assert said.startswith("it cannot be told yet") is not shown


def test_removed_items_count_for_no_recall(tmp_path: Path) -> None:
    with project(tmp_path, n=30, random_share=1.0) as made:
        for item in range(30):
            made.answer("anna", item, truth(item))
        made.remove(list(range(2, 30, 3))[:4])
        told = made.status(wanted="cat").wanted
        assert told is not None
        assert (told.found, told.least, told.most) == (6, 6, 6)
