"""Softmax regression with an L2 penalty, solved to the optimum by truncated Newton steps.

Sizes: m labelled items, d numbers of a row, c classes, r = min(m, d + 1) or d + 1 coordinates.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pauca.data.sparse import SparseRows
from pauca.errors import RunError

__all__ = ["Solution", "softmax_regression"]

_GAP = 1e-10  # of 1 + the loss: where it stops
_WORST = 1e-6  # of 1 + the loss: what is still an optimum where rounding ends the search
_STEPS = 200
_PRODUCTS = 250  # with the Hessian, in one step
_SPARSE = 0.1  # part of the entries below which products with zeros are left out
_SMALL = 20_000  # entries from which that is worth it

_Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Solution:
    """The optimum, and how well it is known.

    Args:
        weight: float64 [c, d].
        bias: float64 [c].
        loss: Of all items together, penalty included, in nats.
        gap: The loss is at most this far above the least there is.
        steps: Newton's steps.
    """

    weight: Tensor
    bias: Tensor
    loss: float
    gap: float
    steps: int


@dataclass(frozen=True, eq=False)
class _Rows:
    """Coordinates of the items, a constant 1 among them, as what is done with them.

    Args:
        scores: Weights [c, r] -> [c, m].
        back: [c, m] -> [c, r], the transposed map.
        whole: Weights [c, r] -> [c, d + 1].
        r: Coordinates.
    """

    scores: _Map
    back: _Map
    whole: _Map
    r: int


def softmax_regression(x: Tensor, y: Tensor, classes: int, l2: float) -> Solution:
    """Least of sum_i -log p(y_i | x_i) + l2 / 2 (|W|^2 + |b|^2), p the softmax of W x + b.

    The bias is the weight of a constant 1, and is held back like the others: a class without any
    item is unlikely, and not impossible. With a penalty on all weights there is one optimum, whose
    weights lie in the span of the items, so where items are fewer than numbers the problem is
    solved in an orthonormal basis of it. The penalty also bounds how far away the optimum is: by
    |gradient|^2 / (2 l2).

    Args:
        x: float [m, d], m >= 1, on any device; solved in float64 on the CPU.
        y: int64 [m].
        classes: c.
        l2: > 0; 1 / C of scikit-learn.

    Raises:
        RunError: rounding ends the search before the optimum is near (an l2 far too small beside
            the items' squared lengths).

    Cost: O(c m r) a product with the Hessian, tens to hundreds of them; O(m^2 d) for the basis.

    Reference: Böhning, Annals of the Institute of Statistical Mathematics 1992 (the Hessian); Dembo
        and Steihaug, Mathematical Programming 1983 (truncated Newton); Lin, Weng and Keerthi, JMLR
        2008.
    """
    with torch.inference_mode():  # many short operations: a quarter less time
        whole, loss, gap, steps = _solved(x, y.cpu(), classes, l2)
    whole = whole.clone()
    return Solution(whole[:, :-1].contiguous(), whole[:, -1].contiguous(), loss, gap, steps)


def _solved(x: Tensor, y: Tensor, classes: int, l2: float) -> tuple[Tensor, float, float, int]:
    """Weights [c, d + 1], loss, gap and steps."""
    rows = _coordinates(x.cpu())
    w = torch.zeros(classes, rows.r, dtype=torch.float64)
    loss, p = _look(rows, y, w, l2)
    slope = _slope(rows, y, w, p, l2)
    steps, stuck = 0, False
    while (gap := _squared(slope) / (2 * l2)) > _GAP * (1 + loss) and not stuck:
        # the nearer, the more exactly: Newton's steps then become superlinear
        exact = min(0.5, (gap / (1 + loss)) ** 0.25)
        way = _direction(rows, p, slope, l2, exact)
        w, loss, p, stuck = _along(
            rows, y, w, way, float(slope.flatten() @ way.flatten()), loss, l2
        )
        slope = _slope(rows, y, w, p, l2)
        steps += 1
        stuck |= steps == _STEPS
    if not gap <= _WORST * (1 + loss):
        raise RunError(
            "logistic regression did not reach its optimum",
            expected=f"a loss within {_WORST:g} of the least",
            got=f"a loss of {loss:.6g}, known to within {gap:.2g}, after {steps} steps",
            where=f"l2 = {l2:g}",
            todo="raise l2, or bring the items to a smaller scale",
        )
    return rows.whole(w), loss, gap, steps


def _coordinates(x: Tensor) -> _Rows:
    """The cheapest exact way to multiply with these rows, float [m, d], and a constant 1."""
    m, d = len(x), x.shape[1] + 1
    filled = m + (len(x.entries) if isinstance(x, SparseRows) else int(x.count_nonzero()))
    if m * d >= _SMALL and filled < _SPARSE * m * d:
        return _sparse(x)
    x = torch.cat([x.double(), torch.ones(m, 1)], dim=1)
    if m < d:
        basis, corner = torch.linalg.qr(x.T)  # [d + 1, m], [m, m]
        across = corner.T.contiguous()
        return _Rows(lambda w: w @ corner, lambda e: e @ across, lambda w: w @ basis.T, m)
    turned = x.T.contiguous()
    return _Rows(lambda w: w @ turned, lambda e: e @ x, lambda w: w, d)


def _sparse(x: Tensor) -> _Rows:
    from scipy.sparse import csr_array, hstack  # costs a fifth of a second to import

    entries = x.scipy() if isinstance(x, SparseRows) else csr_array(x.numpy())
    constant = csr_array(np.ones((len(x), 1)))
    rows = hstack([entries.astype(np.float64), constant], format="csr")
    columns = rows.T.tocsr()

    def times(matrix: csr_array) -> _Map:
        # [c, .] -> [., c] -> [c, .]
        return lambda w: torch.from_numpy(matrix @ w.T.contiguous().numpy()).T.contiguous()

    return _Rows(times(rows), times(columns), lambda w: w, x.shape[1] + 1)


def _look(rows: _Rows, y: Tensor, w: Tensor, l2: float) -> tuple[float, Tensor]:
    """The loss, and probabilities [c, m]."""
    logits = rows.scores(w)
    log_p = logits.log_softmax(0)
    own = log_p.gather(0, y[None]).sum()
    return float(l2 / 2 * _squared(w) - own), log_p.exp_()


def _slope(rows: _Rows, y: Tensor, w: Tensor, p: Tensor, l2: float) -> Tensor:
    """Gradient [c, r]."""
    error = p.scatter_add(0, y[None], torch.full_like(p[:1], -1.0))
    return rows.back(error).add_(w, alpha=l2)


def _curved(rows: _Rows, p: Tensor, v: Tensor, l2: float) -> Tensor:
    """The Hessian times v, [c, r]."""
    q = rows.scores(v).mul_(p)
    q = q.sub_(p * q.sum(0))
    return rows.back(q).add_(v, alpha=l2)


def _direction(rows: _Rows, p: Tensor, slope: Tensor, l2: float, exact: float) -> Tensor:
    """Newton's step by conjugate gradients, until its residual is ``exact`` of the gradient."""
    way, rest = torch.zeros_like(slope), -slope
    v, size = rest.clone(), _squared(rest)
    enough = exact**2 * size
    for _ in range(_PRODUCTS):
        bent = _curved(rows, p, v, l2)
        length = size / float(v.flatten() @ bent.flatten())
        way.add_(v, alpha=length)
        rest.sub_(bent, alpha=length)
        before, size = size, _squared(rest)
        if size <= enough:
            break
        v.mul_(size / before).add_(rest)
    return way


def _along(
    rows: _Rows, y: Tensor, w: Tensor, way: Tensor, fall: float, loss: float, l2: float
) -> tuple[Tensor, float, Tensor, bool]:
    """Weights, loss, probabilities; and whether no step lowers the loss any more."""
    length = 1.0
    while length > 1e-8:
        there = w + length * way
        lower, p = _look(rows, y, there, l2)
        # near the optimum a fall is smaller than the rounding of the loss
        if lower <= loss + 1e-4 * length * fall + 1e-13 * abs(loss):
            return there, lower, p, False
        length /= 2
    return w, *_look(rows, y, w, l2), True


def _squared(x: Tensor) -> float:
    return float(x.flatten() @ x.flatten())
