"""Every entry of every axis against the slow, obvious form in NumPy and loops."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from pauca.forward import (
    BatchNorm,
    ChannelWise,
    Conv2dLayer,
    CrossEntropy,
    Difference,
    HybridMask,
    LayerNorm,
    LinearProbe,
    LocalLayer,
    Noise,
    NoScaling,
    Plan,
    RandomPatterns,
    RMSScaling,
    SelfContrastive,
    Spatial,
    TopK,
)
from pauca.forward.step import Step, peer_term
from pauca.rng import generator_from


def some(*size: int, seed: int = 0) -> Tensor:
    return torch.randn(*size, generator=generator_from(seed), dtype=torch.float64)


def close(found: Tensor, expected: Any) -> None:
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-9, atol=1e-12)


# --- goodness


@pytest.mark.parametrize("k", [1, 3, 7])
def test_top_k(k: int) -> None:
    h = some(4, 5, 7).relu()
    close(TopK(k)(h), np.sort(h.numpy() ** 2, -1)[..., -k:].mean(-1))


def test_channel_wise() -> None:
    """Group by group and place by place, for channels of an image."""
    c, each, side, b = 3, 2, 4, 5
    h = some(1, b, c * each, side, side).relu()
    rows = torch.randint(c, (4, b), generator=generator_from(1))
    found = ChannelWise().of(h.flatten(2), rows, c)
    for r in range(4):
        for i in range(b):
            k = int(rows[r, i])
            own = [
                float(h[0, i, k * each + a, y, x]) ** 2
                for a in range(each)
                for y in range(side)
                for x in range(side)
            ]
            assert float(found[r, i]) == pytest.approx(sum(own) / len(own))
    everywhere = ChannelWise().of(h.flatten(2), torch.arange(c).unsqueeze(1), c)
    close(everywhere.mean(0), (h[0].numpy() ** 2).mean((1, 2, 3)))


# --- losses


def test_difference() -> None:
    g = 3 * some(4, 6).abs()
    expected = np.log1p(np.exp(-1.7 * (g[:1] - g[1:]).numpy())).mean()
    close(Difference(1.7)(g[0], g[1:]), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy(smoothing: float) -> None:
    g = 3 * some(4, 6).abs()
    found = CrossEntropy(0.7, smoothing)(g[0], g[1:])
    total = 0.0
    for i in range(6):
        column = np.exp(0.7 * g[:, i].numpy())
        target = np.full(4, smoothing / 4) + np.eye(4)[0] * (1 - smoothing)
        total -= float((target * np.log(column / column.sum())).sum())
    assert float(found) == pytest.approx(total / 6)
    torch.testing.assert_close(
        found,
        F.cross_entropy(0.7 * g.T, torch.zeros(6, dtype=torch.int64), label_smoothing=smoothing),
    )


# --- normalisation


@pytest.mark.parametrize("shape", [(7,), (2, 3, 4)])
def test_rms_and_layer_norm(shape: tuple[int, ...]) -> None:
    x = 5 + 3 * some(2, 4, *shape)
    axes = tuple(range(2, 2 + len(shape)))
    n = x.numpy()
    root = np.sqrt((n**2).mean(axes, keepdims=True))
    close(RMSScaling(shape)(x), n / root)
    close(LayerNorm(shape)(x), F.layer_norm(x, shape).numpy())


def test_batch_norm_learns_by_the_batch_and_answers_by_running_values() -> None:
    """Against torch's own, for features and for channels, over three batches."""
    for shape, torchs in (((6,), torch.nn.BatchNorm1d(6)), ((3, 4, 5), torch.nn.BatchNorm2d(3))):
        mine = BatchNorm(0.2).sized(shape).double()
        theirs = torchs.double()
        theirs.momentum = 0.2
        mean = np.zeros(shape[0])
        variance = np.ones(shape[0])
        axes = (0, 1, *range(3, 2 + len(shape)))
        for seed in range(3):
            x = 2 + some(2, 5, *shape, seed=seed)  # [rows, b, ...]: both count
            close(mine(x), theirs(x.flatten(0, 1)).view_as(x).detach().numpy())
            n = x.numpy()
            mean += 0.2 * (n.mean(axes) - mean)
            variance += 0.2 * (n.var(axes) - variance)
        close(mine.mean.flatten(), mean)
        close(mine.variance.flatten(), variance)
        mine.eval()
        x = some(1, 1, *shape, seed=9)
        view = (-1, *[1] * (len(shape) - 1))
        close(mine(x), (x.numpy() - mean.reshape(view)) / np.sqrt(variance.reshape(view) + 1e-5))


def test_batch_norm_that_is_looked_at_without_a_graph_follows_nothing() -> None:
    mine = BatchNorm().sized((4,))
    before = mine.mean.clone()
    with torch.no_grad():
        mine(3 + torch.randn(5, 4, generator=generator_from(0)))
    assert torch.equal(mine.mean, before)


# --- layers


def windows(x: np.ndarray, kernel: int, stride: int, padding: int, at: tuple[int, int]) -> Any:
    wide = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    y, z = at[0] * stride, at[1] * stride
    return wide[:, y : y + kernel, z : z + kernel]


def pooled(a: np.ndarray, pool: int) -> Any:
    c, h, w = a.shape
    found = np.zeros((c, h // pool, w // pool))
    for y in range(h // pool):
        for x in range(w // pool):
            found[:, y, x] = a[:, y * pool : (y + 1) * pool, x * pool : (x + 1) * pool].max((1, 2))
    return found


@pytest.mark.parametrize("kind", [Conv2dLayer, LocalLayer])
@pytest.mark.parametrize("form", [(3, 1, 1, 1), (2, 1, 0, 2), (3, 2, 1, 1), (1, 1, 0, 3)])
def test_windows_by_nested_loops(kind: Callable[..., Any], form: tuple[int, ...]) -> None:
    kernel, stride, padding, pool = form
    layer = kind(
        4,
        kernel=kernel,
        stride=stride,
        padding=padding,
        pool=pool,
        shape=[2, 6, 7],
        normalisation=NoScaling(),
        generator=generator_from(0),
    ).double()
    x = some(3, 2, 6, 7, seed=1)
    found = layer(x)
    weight, bias = (p.detach().numpy() for p in layer.parameters())
    rows, columns = ((size + 2 * padding - kernel) // stride + 1 for size in (6, 7))
    for i in range(3):
        z = np.zeros((4, rows, columns))
        for y in range(rows):
            for w in range(columns):
                seen = windows(x[i].numpy(), kernel, stride, padding, (y, w)).ravel()
                place = y * columns + w
                for u in range(4):
                    if kind is Conv2dLayer:
                        z[u, y, w] = weight[u].ravel() @ seen + bias[u]
                    else:
                        z[u, y, w] = weight[place, :, u] @ seen + bias[u, place]
        close(found[i], pooled(np.maximum(z, 0), pool))


# --- label codes


def test_random_patterns_are_on_and_off_all_different_and_neutral_is_their_mean() -> None:
    for seed in range(20):
        code = RandomPatterns(10, seed, shape=(4,), classes=2, on=[2.0], off=[-1.0])
        own = code.patterns[:2]
        assert set(own.flatten().tolist()) <= {-1.0, 2.0}
        assert not torch.equal(own[0], own[1])
        torch.testing.assert_close(code.patterns[2], own.mean(0))
        assert set(code.patterns[3].tolist()) == {-1.0}
    again = RandomPatterns(10, 19, shape=(4,), classes=2, on=[2.0], off=[-1.0])
    assert torch.equal(again.patterns, code.patterns)


def test_no_random_pattern_is_the_absent_one() -> None:
    """With ten bits and two classes, one seed in 512 would draw it."""
    for seed in range(2500):
        code = RandomPatterns(10, seed, shape=(4,), classes=2, on=[1.0], off=[0.0])
        assert bool((code.patterns[:2] != code.patterns[3]).any(1).all())


@pytest.mark.parametrize("classes", [2, 7, 12])
def test_waves_are_distinct_within_off_and_on_and_seen_everywhere(classes: int) -> None:
    code = Spatial(shape=(3, 8, 9), classes=classes, on=[1.5, 9, 9], off=[-0.5, -9, -9])
    assert code.shape == (4, 8, 9)
    own = code.patterns[:classes].double()
    assert float(own.min()) >= -0.5
    assert float(own.max()) <= 1.5
    centred = own - own.mean(1, keepdim=True)
    shares = F.normalize(centred) @ F.normalize(centred).T
    assert float((shares - torch.eye(classes)).abs().max()) < 1e-5  # orthogonal: a class each
    torch.testing.assert_close(code.patterns[classes], code.patterns[:classes].mean(0))
    # any 5 x 5 part of the image tells all classes apart
    part = own.view(classes, 8, 9)[:, 2:7, 3:8].flatten(1)
    assert float((torch.cdist(part, part) + 9 * torch.eye(classes)).min()) > 0.1


# --- negatives without labels


def test_hybrid_masks_are_balanced_in_large_blobs_and_mix_two_items() -> None:
    n, side = 40, 28
    x = torch.arange(1.0, n + 1).view(n, 1, 1, 1).expand(n, 3, side, side)
    made = HybridMask().make(x, generator_from(0))
    assert torch.equal(made[0], x)
    blobs, noise = [], []
    bits = np.random.default_rng(0)
    for i, image in enumerate(made[1]):
        assert torch.equal(image[0], image[1])  # one mask for all channels
        other = set(image.flatten().tolist()) - {float(i + 1)}
        assert len(other) == 1
        mask = (image[0] == i + 1).numpy()
        assert 0.45 <= mask.mean() <= 0.5
        blobs.append(ndimage.label(mask)[1])
        noise.append(ndimage.label(bits.random((side, side)) < 0.5)[1])
    assert np.mean(blobs) < 0.25 * np.mean(noise)


def test_a_mask_is_the_blurred_noise_cut_at_its_median() -> None:
    x = some(2, 1, 9, 8).float()
    made = HybridMask(blurs=3).make(x, generator_from(4))[1]
    level = torch.rand(2, 1, 9, 8, generator=generator_from(4)).round().double().numpy()
    kernel = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])
    for i in range(2):
        blurred = level[i, 0]
        for _ in range(3):
            blurred = ndimage.convolve(blurred, kernel, mode="constant")
        mask = blurred > np.sort(blurred.ravel())[(blurred.size - 1) // 2] + 1e-9
        np.testing.assert_allclose(made[i, 0], np.where(mask, x[i, 0], x[1 - i, 0]))


@pytest.mark.parametrize("shape", [(6,), (1, 4, 4)])
def test_self_contrastive_pairs_every_item_with_itself_and_once_with_another(
    shape: tuple[int, ...],
) -> None:
    n = 25
    x = torch.arange(float(n)).view(n, *[1] * len(shape)).expand(n, *shape)
    made = SelfContrastive().make(x, generator_from(0)).flatten(2)[..., 0]
    assert torch.equal(made[0], torch.arange(float(n)))
    others = 2 * made[1] - made[0]
    assert sorted(others.tolist()) == list(range(n))
    assert not bool((others == made[0]).any())


def test_rows_of_a_table_are_mixed_by_random_bits() -> None:
    x = torch.arange(1.0, 201).unsqueeze(1).expand(200, 50)
    mixed = HybridMask().make(x, generator_from(0))[1]
    own = (mixed == x).double().mean(1)
    assert float(own.mean()) == pytest.approx(0.5, abs=0.02)
    assert all(len(set(row.tolist())) == 2 for row in mixed)


# --- readout


def test_linear_probe_is_logistic_regression() -> None:
    """scikit-learn's, on standardised features: C = 1 / (penalty n)."""
    g = generator_from(0)
    y = torch.arange(150) % 3
    x = torch.randn(3, 5, generator=g)[y] * 2 + torch.randn(150, 5, generator=g)
    x = torch.cat([5 + 10 * x, torch.full((150, 1), 7.0)], 1).double()  # the last is constant
    probe = LinearProbe(6, 3, penalty=0.05).double()
    probe.fit(x, y)
    n = x.numpy()
    scaled = (n - n.mean(0)) / np.where(n.std(0) > 0, n.std(0), 1)
    theirs = LogisticRegression(C=1 / (0.05 * 150), tol=1e-10, max_iter=5000)
    expected = theirs.fit(scaled, y.numpy()).predict_proba(scaled)
    np.testing.assert_allclose(probe(x).softmax(1).numpy(), expected, atol=2e-4)


# --- steps


def test_peer_term() -> None:
    h, past = some(8, 5).relu(), some(5, seed=2).abs()
    term, new = peer_term(h.requires_grad_(), past)
    mean = 0.9 * past.numpy() + 0.1 * h.detach().numpy().mean(0)
    close(new, mean)
    close(term, ((mean - mean.mean()) ** 2).mean())
    (gradient,) = torch.autograd.grad(term, h)
    expected = 2 * (mean - mean.mean()) / 5 * 0.1 / 8
    close(gradient, np.broadcast_to(expected, (8, 5)))


def test_the_rate_rises_along_a_line_and_falls_to_nothing() -> None:
    steps = 20
    for decay in ("constant", "linear", "cosine"):
        plan = Plan(steps=1, rate=2.0, warmup=0.25, decay=decay)
        rates = [plan.rate_at(step, steps) for step in range(steps)]
        for step in range(5):
            assert rates[step] == pytest.approx(2 * (step + 1) / 6)
        for step in range(5, steps):
            done = (step - 5) / 15
            left = {"constant": 1, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}
            assert rates[step] == pytest.approx(2 * left[decay])


def test_the_mean_of_the_weights_by_hand() -> None:
    """A tenth of the way at first, slower later: min(average, (1 + t) / (10 + t))."""
    from pauca.forward import Greedy, RandomWrong, Source, Threshold
    from tests.forward.plain import a_net, some_items

    net, items, g = a_net((6,)), some_items(20), generator_from(0)
    source = Source(items, net, RandomWrong(), Noise(0.0, 0.0, g), g)
    plan = Plan(steps=40, rate=0.05, average=0.6)
    step = Step(Greedy().stage(0, source, None), Threshold(), plan, 40)
    mean = [p.detach().numpy().copy() for p in net.parameters()]
    for t in range(40):
        step(torch.arange(20), items.y, t)
        decay = min(0.6, (1 + t) / (10 + t))
        mean = [
            decay * m + (1 - decay) * p.detach().numpy()
            for m, p in zip(mean, net.parameters(), strict=True)
        ]
    step.finish()
    for m, p in zip(mean, net.parameters(), strict=True):
        close(p, m)
        assert p.grad is None


def test_the_rows_of_an_item_lose_the_same_parts() -> None:
    noise = Noise(0.3, 0.4, generator_from(0))
    h = torch.ones(3, 50, 40)
    lost = noise.on_activity(h)
    assert torch.equal(lost[0], lost[1])
    assert torch.equal(lost[0], lost[2])
    np.testing.assert_allclose(sorted(set(lost.flatten().tolist())), [0, 1 / 0.6], rtol=1e-6)
    assert float(lost.mean()) == pytest.approx(1, abs=0.06)
    assert not torch.equal(lost[0, 0], lost[0, 1])  # another item loses others
    assert not torch.equal(noise.on_activity(h), lost)  # and another step
    items = noise.on_items(torch.ones(2, 50, 40))  # positives and negatives of mixed items
    assert torch.equal(items[0], items[1])
    assert float((items == 0).double().mean()) == pytest.approx(0.3, abs=0.04)
    whole = Noise(0.0, 0.0, generator_from(0))
    assert whole.on_activity(h) is h
