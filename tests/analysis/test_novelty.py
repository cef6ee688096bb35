import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import NearestCentroid, NearestNeighbors
from torch import Tensor

from pauca.analysis import (
    class_mean_distance,
    class_overlap,
    energy,
    few_labels,
    goodness_novelty,
    label_thresholds,
    labels_above,
    low_confidence,
    neighbour_distance,
    novelty_auroc,
    novelty_measures,
    overlap_novelty,
)
from pauca.errors import InputError
from pauca.metrics import auroc
from pauca.rng import generator_from


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), threshold=st.sampled_from([0.0, 0.5]))
def test_overlap_is_the_jaccard_index_of_active_units_and_members(
    seed: int, threshold: float
) -> None:
    g = generator_from(seed)
    x = torch.randn(6, 12, generator=g) * (torch.rand(6, 12, generator=g) < 0.5)
    members = torch.rand(3, 12, generator=g) < 0.4
    members[2] = False
    x[0] = 0
    found, novel = (f(x, members, threshold=threshold) for f in (class_overlap, overlap_novelty))
    for i in range(6):
        active = {j for j in range(12) if abs(float(x[i, j])) > threshold}
        overlaps = []
        for k in range(2):
            own = set(members[k].nonzero().flatten().tolist())
            if not own:
                assert math.isnan(float(found[i, k]))
                continue
            overlaps.append(len(active & own) / len(active | own))
            assert float(found[i, k]) == pytest.approx(overlaps[-1])
        assert math.isnan(float(found[i, 2]))
        right = 1 - max(overlaps) if overlaps else math.nan
        assert float(novel[i]) == pytest.approx(right, nan_ok=True)
    order = torch.randperm(12, generator=g)
    torch.testing.assert_close(
        class_overlap(x[:, order], members[:, order], threshold=threshold), found, equal_nan=True
    )


def test_a_silent_sample_is_wholly_novel_and_without_ensembles_nothing_is_said() -> None:
    members = torch.eye(3, dtype=torch.bool)
    x = np.array([[0.0, 0, 0], [0, 2, 0], [1, 1, 1]])
    found = overlap_novelty(x, members.numpy())
    np.testing.assert_allclose(found, [1, 0, 2 / 3])
    assert isinstance(found, np.ndarray)
    assert bool(overlap_novelty(torch.from_numpy(x), members & False).isnan().all())


def test_energy_is_low_where_a_label_fits() -> None:
    goodness = torch.tensor([[9.0, 0, 0], [1, 1, 1], [900, 0, 0]], dtype=torch.float64)
    found = energy(goodness, temperature=2.0)
    for row, value in zip(goodness[:2].tolist(), found.tolist(), strict=False):
        assert value == pytest.approx(-2 * math.log(sum(math.exp(v / 2) for v in row)))
    assert float(found[2]) == pytest.approx(-900)
    assert bool((found.diff()[1:] < 0).all())
    with pytest.raises(InputError, match="temperature"):
        energy(goodness, temperature=0.0)


def test_auroc_of_each_score() -> None:
    g = generator_from(0)
    unseen = torch.arange(60) >= 40
    good = unseen + 0.5 * torch.randn(60, generator=g)
    noise = torch.randn(60, generator=generator_from(2))
    found = novelty_auroc({"good": good, "noise": noise.numpy(), "against": -good}, unseen)
    assert found["good"] == auroc(good[unseen].double(), good[~unseen].double())
    assert found["good"].low > 0.7
    assert found["noise"].low < 0.5 < found["noise"].high
    assert found["against"].mean == pytest.approx(1 - found["good"].mean)
    for wrong in (unseen[:9], unseen.long(), unseen & False):
        with pytest.raises(InputError):
            novelty_auroc({"good": good}, wrong)
    with pytest.raises(InputError, match="NaN"):
        novelty_auroc({"good": good * math.nan}, unseen)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), dtype=st.sampled_from([torch.float32, torch.float64]))
def test_scores_of_goodness_and_probabilities_by_plain_loops(seed: int, dtype: torch.dtype) -> None:
    g = generator_from(seed)
    goodness = 4 * torch.rand(7, 3, 2, generator=g, dtype=dtype)
    theta = [1.5, 2.5]
    counts = labels_above(goodness, theta)
    probs = goodness.sum(2).softmax(1)
    for i in range(7):
        rows = goodness[i].tolist()
        assert float(goodness_novelty(goodness)[i]) == pytest.approx(-max(map(sum, rows)))
        by_layer = [sum(row[layer] > theta[layer] for row in rows) for layer in range(2)]
        assert counts[i].tolist() == by_layer
        assert float(few_labels(goodness, theta)[i]) == pytest.approx(-sum(by_layer) / 2)
        assert float(low_confidence(probs)[i]) == pytest.approx(1 - max(probs[i].tolist()))
    assert torch.equal(labels_above(goodness, 2.0), labels_above(goodness, [2.0, 2.0]))
    assert isinstance(few_labels(goodness.numpy(), 2.0), np.ndarray)
    # names of labels do not count
    order = torch.randperm(3, generator=g)
    by_goodness: tuple[Callable[[Tensor], Tensor], ...] = (
        goodness_novelty,
        lambda x: few_labels(x, theta),
    )
    for score in by_goodness:
        torch.testing.assert_close(score(goodness[:, order]), score(goodness))


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 1000), n=st.integers(1, 40), keep=st.sampled_from([0.5, 0.9, 0.95, 1.0]))
def test_the_right_label_passes_its_threshold_as_often_as_said(
    seed: int, n: int, keep: float
) -> None:
    g = generator_from(seed)
    goodness = torch.randint(0, 5, (n, 3, 2), generator=g).double()
    labels = torch.randint(3, (n,), generator=g)
    theta = label_thresholds(goodness, labels, keep=keep)
    own = goodness[torch.arange(n), labels]
    assert bool(((own > theta).sum(0) >= keep * n - 1e-9).all())
    # and with any higher one it would pass too seldom
    assert bool(((own > theta + 1e-9).sum(0) < keep * n + 1e-9).all())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 1000), k=st.integers(1, 12), normalise=st.booleans())
def test_distances_are_those_of_scikit_learn(seed: int, k: int, normalise: bool) -> None:
    g = generator_from(seed)
    x, known = (3 + torch.randn(size, 6, generator=g) for size in (9, 10))
    labels = torch.randint(4, (10,), generator=g)
    rows, held = (normalised(each) if normalise else each.numpy() for each in (x, known))
    near = NearestNeighbors(n_neighbors=min(k, 10)).fit(held)
    found = neighbour_distance(x, known, k=k, normalise=normalise)
    np.testing.assert_allclose(found, near.kneighbors(rows)[0][:, -1], atol=2e-3)
    centres = NearestCentroid().fit(known.numpy(), labels.numpy()).centroids_
    apart = np.linalg.norm(x.numpy()[:, None] - centres, axis=2).min(1)
    np.testing.assert_allclose(class_mean_distance(x, known, labels), apart, rtol=1e-4, atol=1e-4)
    exact = neighbour_distance(x.double(), known.double(), k=k, normalise=normalise)
    torch.testing.assert_close(found, exact.float(), atol=2e-3, rtol=1e-3)


def test_a_labelled_item_is_at_no_distance_and_rotation_changes_nothing() -> None:
    g = generator_from(3)
    known = torch.randn(20, 5, generator=g, dtype=torch.float64)
    labels = torch.arange(20) % 4
    assert float(neighbour_distance(known, known, k=1).max()) < 1e-6
    turn = torch.linalg.qr(torch.randn(5, 5, generator=g, dtype=torch.float64)).Q
    x = torch.randn(8, 5, generator=g, dtype=torch.float64)
    distances: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
        lambda a, b: class_mean_distance(a, b, labels),
        lambda a, b: neighbour_distance(a, b, normalise=False),
        neighbour_distance,
    )
    for score in distances:
        torch.testing.assert_close(score(x @ turn, known @ turn), score(x, known))


def test_measures_of_novelty_against_scikit_learn() -> None:
    g = generator_from(5)
    unseen = torch.arange(90) >= 60
    scores = {"good": unseen + torch.randn(90, generator=g), "flat": torch.zeros(90)}
    found = novelty_measures(scores, unseen)
    assert found["good"]["auroc"] == pytest.approx(roc_auc_score(unseen, scores["good"]))
    assert found["good"]["aupr"] == pytest.approx(average_precision_score(unseen, scores["good"]))
    border = scores["good"][~unseen].sort().values[56]  # 57 of 60 lie at it or below
    caught = (scores["good"][unseen] <= border).double().mean()
    assert found["good"]["fpr95"] == pytest.approx(float(caught))
    assert found["flat"] == {"auroc": 0.5, "aupr": pytest.approx(1 / 3), "fpr95": 1.0}


def test_scores_refuse_what_does_not_fit() -> None:
    goodness, features = torch.ones(4, 3, 2), torch.ones(4, 5)
    labels = torch.tensor([0, 1, 2, 0])
    for wrong in (
        lambda: goodness_novelty(goodness[0]),
        lambda: goodness_novelty(goodness * math.nan),
        lambda: labels_above(goodness, [1.0, 2.0, 3.0]),
        lambda: label_thresholds(goodness, labels + 1),
        lambda: label_thresholds(goodness, labels[:2]),
        lambda: label_thresholds(goodness, labels, keep=0),
        lambda: low_confidence(features),
        lambda: class_mean_distance(features, features[:, :4], labels),
        lambda: class_mean_distance(features, features, labels[:2]),
        lambda: neighbour_distance(features, features[:0]),
        lambda: neighbour_distance(features, features, k=0),
        lambda: novelty_measures({"one": torch.zeros(3)}, torch.ones(3, dtype=torch.bool)),
    ):
        with pytest.raises(InputError):
            wrong()


def normalised(x: torch.Tensor) -> np.ndarray[Any, Any]:
    rows: np.ndarray[Any, Any] = (x / x.norm(dim=1, keepdim=True)).numpy()
    return rows
