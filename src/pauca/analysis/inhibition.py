"""Excitation and inhibition: what pushes a unit up, what pushes it down, and what if neither did.

Weights are [u, d]: row i is what unit i reads from the d units (or pixels) below. Inputs [n, d] are
what the weights multiply: activity of the layer below after its normalisation, if there is one.
Memory is that of the arguments and of a result [n, u]; no [n, u, d] is ever made.
"""

from dataclasses import dataclass
from typing import Any, Generic, Literal

import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from pauca.analysis._arrays import Array, classes, like, tensor
from pauca.analysis._draws import permutations
from pauca.analysis._means import class_means
from pauca.analysis._members import accuracy
from pauca.analysis.subject import AbstractSubject
from pauca.checks import check_count, check_finite, check_size
from pauca.errors import InputError

__all__ = ["Ablation", "Drives", "ablation", "class_drives", "unit_drives", "without_weights"]

Which = Literal["negative", "positive", "random"]


@dataclass(frozen=True, eq=False)
class Drives(Generic[Array]):
    """What drives each unit; r rows are samples or classes.

    Args:
        positive: Sum of the contributions w x above 0, float [r, u], >= 0.
        negative: Sum of those below 0, float [r, u], <= 0.
        bias: float [u].
        net: positive + negative + bias: what the rectifier reads, float [r, u].
        inhibition: Share of inhibition, |negative| / (positive + |negative|), float [r, u] in
            [0, 1]: .5 where both are equal; NaN where there is neither.
        bias_share: |bias| / (positive + |negative| + |bias|), float [r, u] in [0, 1]; NaN where
            all three are 0.
    """

    positive: Array
    negative: Array
    bias: Array
    net: Array
    inhibition: Array
    bias_share: Array


@dataclass(frozen=True, eq=False)
class Ablation:
    """Accuracy with weights set to zero, each in [0, 1].

    Args:
        base: With all weights.
        negative: Without the negative ones.
        positive: Without as many positive ones at random (all, if there are fewer),
            one a draw.
        random: Without as many of any sign at random, one a draw.
        removed: How many negative weights there are.
        share: Which part of all weights that is.
    """

    base: float
    negative: float
    positive: tuple[float, ...]
    random: tuple[float, ...]
    removed: int
    share: float


def unit_drives(weights: Array, bias: Array, inputs: Array) -> Drives[Array]:
    """Excitation and inhibition of every unit by every sample.

    With W+ = max(W, 0), W- = max(-W, 0) and likewise for x: positive = W+ x+ + W- x-, negative =
    -(W- x+ + W+ x-).

    Args:
        weights: float [u, d].
        bias: float [u].
        inputs: What the weights multiply, float [n, d].

    Raises:
        InputError: sizes that differ; values that are NaN or infinite.
    """
    w, b, x = _checked(weights, bias, inputs)
    return _drives(w, b, x.clamp(min=0), (-x).clamp(min=0), weights)


def class_drives(weights: Array, bias: Array, inputs: Array, labels: Any) -> Drives[Array]:
    """Means over the samples of each class, [c, u]; NaN for a class without samples.

    Drives are linear in x+ and x-, so means are taken of these first: [c, d] in place of [n, u].
    Both shares are those of the mean drives.

    Args:
        weights: float [u, d].
        bias: float [u].
        inputs: What the weights multiply, float [n, d].
        labels: Whole numbers from 0, [n].

    Raises:
        InputError: sizes that differ; values that are NaN or infinite.
    """
    w, b, x = _checked(weights, bias, inputs)
    y, c = classes(labels, len(x), least=1)
    plus, minus = (class_means(part, y, c).to(w) for part in (x.clamp(min=0), (-x).clamp(min=0)))
    return _drives(w, b, plus, minus, weights)  # from [c, d]


def without_weights(
    weights: Array, which: Which, *, count: int | None = None, generator: Generator | None = None
) -> Array:
    """The weights with some of them set to zero; what is given stays as it is.

    Args:
        weights: Any shape.
        which: ``negative`` or ``positive`` ones, or ``random``: whatever their sign.
        count: How many; all of that sign by default, and for ``random`` as many as there are
            negative ones. Where there are fewer, all of them.
        generator: Chooses which, where not all of that sign go.

    Raises:
        InputError: an unknown choice; a choice at random without a generator.
    """
    w = tensor(weights).detach()
    if which not in ("negative", "positive", "random"):
        raise InputError(
            "unknown weights",
            expected="negative, positive or random",
            got=which,
            todo="pass 'negative', 'positive' or 'random'",
        )
    chosen = w < 0 if which == "negative" else w > 0 if which == "positive" else w == w
    if which == "random" and count is None:
        count = int((w < 0).sum())
    if count is not None and check_count(count, "count") < int(chosen.sum()):
        chosen = _some(chosen, count, generator)
    return like(w.masked_fill(chosen, 0), weights)


def ablation(
    subject: AbstractSubject,
    x: Any,
    labels: Tensor | NDArray[Any],
    parameter: str,
    *,
    generator: Generator,
    draws: int = 10,
) -> Ablation:
    """What inhibition is good for: accuracy without the negative weights of one layer.

    Compared with taking away as many positive weights, and as many of any sign, at random.

    Args:
        subject: Whose accuracy.
        x: n items.
        labels: int64 [n].
        parameter: Name of the layer's weights in ``subject.module``.
        generator: Chooses the weights of the comparisons.
        draws: How many of each comparison.

    Raises:
        UnknownNameError: no such parameter.
        InputError: not one label an item; answers that ``subject.predict`` refuses.
    """
    y, _ = classes(labels, len(tensor(labels)), least=1)
    check_count(draws, "draws", least=1)
    w = subject.weight(parameter)
    removed = int((w < 0).sum())

    def rate(new: Tensor) -> float:
        return accuracy(subject.reweighted({parameter: new}).predict(x), y)

    def drawn(which: Which) -> tuple[float, ...]:
        some = (without_weights(w, which, count=removed, generator=generator) for _ in range(draws))
        return tuple(rate(new) for new in some)

    return Ablation(
        base=rate(w),
        negative=rate(without_weights(w, "negative")),
        positive=drawn("positive"),
        random=drawn("random"),
        removed=removed,
        share=removed / w.numel(),
    )


def _checked(weights: Any, bias: Any, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
    """All three as floats of one precision, at least single.

    Raises:
        InputError: sizes that differ; values that are NaN or infinite.
    """
    w, b, x = (tensor(part).detach() for part in (weights, bias, inputs))
    if w.ndim != 2 or x.ndim != 2:
        raise InputError(
            "weights or inputs have the wrong form",
            expected="weights [u, d], inputs [n, d]",
            got=f"{list(w.shape)}, {list(x.shape)}",
            todo="flatten inputs; write a convolution's weights out, or look at its windows",
        )
    check_size(x, w.shape[1], "inputs", axis=1)
    check_size(b, len(w), "bias")
    dtype = torch.promote_types(torch.promote_types(w.dtype, x.dtype), torch.float32)
    for part, name in ((w, "weights"), (b, "bias"), (x, "inputs")):
        check_finite(part, name)
    return w.to(dtype), b.to(dtype), x.to(dtype)


def _drives(w: Tensor, b: Tensor, plus: Tensor, minus: Tensor, given: Array) -> Drives[Array]:
    """From the inputs' positive and negative parts, each float [r, d] >= 0."""
    up, down = w.clamp(min=0).T, (-w).clamp(min=0).T  # [d, u]
    positive, negative = plus @ up, plus @ down
    if bool((minus > 0).any()):
        positive, negative = positive + minus @ down, negative + minus @ up
    both = positive + negative
    return Drives(
        positive=like(positive, given),
        negative=like(-negative, given),
        bias=like(b, given),
        net=like(positive - negative + b, given),
        inhibition=like(negative / both, given),
        bias_share=like(b.abs() / (both + b.abs()), given),
    )


def _some(chosen: Tensor, count: int, generator: Generator | None) -> Tensor:
    """``count`` of the chosen places at random, bool of the same shape."""
    if generator is None:
        raise InputError(
            "weights are chosen at random, and there is no generator", todo="pass a torch.Generator"
        )
    places = chosen.flatten().nonzero().squeeze(1)
    kept = permutations(1, len(places), generator, places.device)[0, :count]
    some = torch.zeros_like(chosen).flatten()
    some[places[kept]] = True
    return some.view_as(chosen)
