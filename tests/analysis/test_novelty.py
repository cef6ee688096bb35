import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.analysis import class_overlap, energy, novelty_aupr, novelty_auroc, overlap_novelty
from pauca.errors import InputError
from pauca.metrics import aupr, auroc
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


def test_aupr_of_each_score() -> None:
    unseen = torch.arange(60) >= 40
    good = unseen + 0.5 * torch.randn(60, generator=generator_from(0))
    found = novelty_aupr({"good": good, "flat": torch.zeros(60).numpy()}, unseen)
    assert found["good"] == aupr(good[unseen].double(), good[~unseen].double())
    assert found["flat"].mean == pytest.approx(1 / 3)
    with pytest.raises(InputError):
        novelty_aupr({"good": good}, unseen & False)
