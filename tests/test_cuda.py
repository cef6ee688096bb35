"""The contract once more on a GPU, and every kernel against the CPU; skipped without a GPU."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pauca.learners import make_learner
from pauca.nets import make_net, member_passes
from pauca.rng import Streams, generator_from
from pauca.select.adversarial import bim_distances, deepfool_distances
from pauca.select.codes import k_center_codes, pack_bits
from pauca.select.kcenter import k_center
from pauca.select.kmeans import k_means
from pauca.select.kmeanspp import badge_seeding, kmeans_plusplus
from pauca.select.pca import principal_components
from pauca.select.topk import top_k
from pauca.session import Session
from pauca.strategies import AbstractStrategy, make_strategy, strategies
from pauca.testing.fakes import FakeLearner, tiny_image_dataset, tiny_table_dataset
from pauca.testing.strategies import STRATEGY_CHECKS
from tests.select.data import low_rank, normal, predictions

GPU = "cuda"
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


@pytest.mark.parametrize("name", strategies.names())
@pytest.mark.parametrize("check", STRATEGY_CHECKS, ids=lambda check: check.__name__)
def test_contract(name: str, check: Callable[[AbstractStrategy, str], None]) -> None:
    check(make_strategy(name), GPU)


def test_ties_are_broken_as_on_the_cpu() -> None:
    scores = torch.randint(5, (1000,), generator=generator_from(0)).to(torch.float32)
    here = top_k(scores, 100, generator_from(1))
    there = top_k(scores.to(GPU), 100, generator_from(1))
    assert there.device.type == GPU
    assert torch.equal(here, there.cpu())


KERNELS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "k-center": lambda x, q: k_center(x, 60),
    "k-center beside labelled": lambda x, q: k_center(x, 60, x[:9] + 1),
    "k-means++": lambda x, q: kmeans_plusplus(x, 60, generator_from(2)),
    "k-means++ unpruned": lambda x, q: kmeans_plusplus(x, 60, generator_from(2), prune=False),
    "badge": lambda x, q: badge_seeding(q, x, 60, generator_from(2)),
    "badge unpruned": lambda x, q: badge_seeding(q, x, 60, generator_from(2), prune=False),
    "k-center on codes": lambda x, q: k_center_codes(pack_bits(x > 0).to(x.device), 60),
    "k-means": lambda x, q: k_means(x, 20, generator_from(2)),
    "k-means by faiss": lambda x, q: k_means(x, 20, generator_from(2), engine="faiss"),
}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", ["low rank", "isotropic", "duplicates"])
def test_a_kernel_picks_as_on_the_cpu(kernel: str, dtype: torch.dtype, kind: str) -> None:
    if "faiss" in kernel:
        pytest.importorskip("faiss")
    x = low_rank(30_000, 32, 4) if kind == "low rank" else normal(3_000, 16)
    x = x.repeat(2, 1) if kind == "duplicates" else x
    x, q = x.to(dtype), predictions(len(x), 5).to(dtype)
    there = KERNELS[kernel](x.to(GPU), q.to(GPU))
    assert there.device.type == GPU
    assert torch.equal(KERNELS[kernel](x, q), there.cpu())


def test_principal_components_are_those_of_the_cpu() -> None:
    x = low_rank(3_000, 40, 5).double()
    there = principal_components(x.to(GPU), 5, further=x[:7].to(GPU))
    assert there.device.type == GPU
    assert torch.allclose(principal_components(x, 5, further=x[:7]), there.cpu(), atol=1e-8)


@pytest.mark.parametrize("distances", [bim_distances, deepfool_distances])
def test_boundary_distances_are_those_of_the_cpu(distances: Callable[..., Tensor]) -> None:
    net = make_net("convnet", shape=(1, 8, 8), classes=4, generator=generator_from(0))
    net = net.double().eval()
    x = torch.randn(50, 1, 8, 8, generator=generator_from(1), dtype=torch.float64)
    here = distances(net, x, batch=16)
    there = distances(net.to(GPU), x.to(GPU), batch=16)
    assert there.device.type == GPU
    assert torch.allclose(here, there.cpu(), rtol=1e-6)


def test_dropout_members_are_those_of_the_cpu() -> None:
    net = make_net("convnet", shape=(1, 8, 8), classes=4, generator=generator_from(0))
    net = net.double().eval()
    x = torch.randn(50, 1, 8, 8, generator=generator_from(1), dtype=torch.float64)
    here = member_passes(net, [x], 5, generator_from(2))
    there = member_passes(net.to(GPU), [x.to(GPU)], 5, generator_from(2))
    assert torch.allclose(here, there.cpu(), rtol=1e-6)


def test_a_trained_net_says_the_same_on_either_device() -> None:
    data = tiny_image_dataset(40)
    assert data.train.y is not None
    settings: dict[str, Any] = {"net_params": {"widths": [4, 4], "hidden": 8}, "steps": 20}
    told = []
    learner = make_learner("backprop", task=data.task, **settings)
    learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    for device in ("cpu", GPU):
        other = make_learner("backprop", task=data.task, device=device, **settings)
        other.load_state(learner.state())
        needs = other.gives
        ids = torch.arange(40)
        found = other.outputs(data.train.x, ids, needs=needs, generator=generator_from(1))
        assert found.probs.device.type == device
        told.append(found.to("cpu"))
    here, there = told
    assert here.features is not None
    assert there.features is not None
    assert torch.allclose(here.probs, there.probs, atol=1e-3)
    assert torch.allclose(here.features, there.features, atol=1e-2)


@pytest.mark.parametrize("way", [None, "cross-fit", "held-out"])
@pytest.mark.parametrize("name", ["forward-forward", "bp-ff"])
def test_a_goodness_net_says_the_same_on_either_device(name: str, way: str | None) -> None:
    data = tiny_image_dataset(40)
    assert data.train.y is not None
    settings: dict[str, Any] = {"widths": [12, 8], "steps": 20, "batch": 16, "calibration": way}
    trained = make_learner(name, task=data.task, device=GPU, **settings)
    trained.fit(data.train.x, data.train.y, generator=generator_from(0))
    told = []
    for device in ("cpu", GPU):
        other = make_learner(name, task=data.task, device=device, **settings)
        other.load_state(trained.state())
        found = other.outputs(data.train.x, torch.arange(40), needs=other.gives)
        assert found.probs.device.type == device
        assert found.has == other.gives
        told.append(found.to("cpu"))
    here, there = told
    assert here.goodness is not None
    assert there.goodness is not None
    assert torch.allclose(here.probs, there.probs, atol=1e-3)
    assert torch.allclose(here.goodness, there.goodness, atol=1e-2)
    assert torch.equal(here.extras["theta"], there.extras["theta"])


@pytest.mark.parametrize("name", ["random", "margin", "bald"])
def test_a_session_asks_as_on_the_cpu(name: str) -> None:
    data = tiny_table_dataset()
    assert data.train.y is not None
    events = []
    for device in ("cpu", GPU):
        learner = FakeLearner(task=data.task, device=device)
        session = Session(data.train.x, learner, make_strategy(name), streams=Streams(0))
        for _ in range(4):
            ids = session.ask(6)
            assert ids.device.type == "cpu"
            session.tell(ids, data.train.y[ids])
        events.append(session.events)
    assert events[0] == events[1]
