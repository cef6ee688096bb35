"""How many units two random sets share: the hypergeometric distribution, in closed form.

A has a units of u, B is a uniformly random set of b units. P(|A and B| = k) is
C(a, k) C(u - a, b - k) / C(u, b). Sums run over logarithms of factorials in float64: relative
errors of probabilities stay below 1e-9 for the widths of a layer.
"""

import torch
from torch import Tensor

__all__ = ["mean_jaccard", "moments", "pmf", "tails"]

_CELLS = 1 << 22  # of a table of probabilities held at once: 32 MiB
_TIE = 1e-7  # relative: outcomes as likely as the observed one, up to rounding, as Fisher's test


def pmf(a: Tensor, b: Tensor, units: Tensor) -> Tensor:
    """P(k shared), k = 0 .. max min(a, b): int64 [...] each -> float64 [..., m + 1]."""
    a, b, u = (x.to(torch.float64)[..., None] for x in (a, b, units))
    most = int(torch.minimum(a, b).max()) if a.numel() else 0
    k = torch.arange(most + 1, dtype=torch.float64, device=a.device)
    inside = (k <= torch.minimum(a, b)) & (k >= a + b - u)
    log = _log_choose(a, k) + _log_choose(u - a, b - k) - _log_choose(u, b)
    return torch.where(inside, log.exp(), 0.0)


def moments(a: Tensor, b: Tensor, units: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the number shared, float64 [...] each."""
    a, b, u = (x.to(torch.float64) for x in (a, b, units))
    mean = a * b / u
    # the larger factor first: neither over- nor underflows, and is 0 where it has to be
    variance = mean * ((u - a) / u) * ((u - b) / (u - 1))
    return mean, variance.clamp(min=0).sqrt()


def mean_jaccard(a: Tensor, b: Tensor, units: Tensor) -> Tensor:
    """Expected Jaccard index of random sets of those sizes, [...] -> float64 [...].

    The exact mean, not the ratio of means. 0 where one set is empty, NaN where both are.
    """
    p = pmf(a, b, units)
    k = torch.arange(p.shape[-1], dtype=torch.float64, device=p.device)
    joint = (a + b).to(torch.float64)[..., None] - k
    share = torch.where(joint > 0, k / joint.clamp(min=1), 0.0)
    return torch.where(a + b > 0, (p * share).sum(-1), torch.nan)


def tails(shared: Tensor, a: Tensor, b: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """P(as few or fewer), P(as many or more), and both sides, of the sum over r independent draws.

    Two-sided is the probability of every outcome that is no more likely than the observed one.

    Args:
        shared: Units shared in each of r repetitions and p pairs, int64 [r, p].
        a: Size of the one set, int64 [r, p].
        b: Size of the other, int64 [r, p].
        units: Units drawn from, int64 [r, p].

    Returns:
        Three float64 [p].
    """
    longest = int(torch.minimum(a, b).amax(1).sum()) + 1 if a.numel() else 1
    step = max(1, _CELLS // longest)
    parts = [
        _tails(
            shared[:, i : i + step], a[:, i : i + step], b[:, i : i + step], units[:, i : i + step]
        )
        for i in range(0, shared.shape[1], step)
    ]
    empty = torch.zeros(0, dtype=torch.float64, device=shared.device)
    below, above, both = (torch.cat([empty, *(part[s] for part in parts)]) for s in range(3))
    return below, above, both


def _tails(shared: Tensor, a: Tensor, b: Tensor, units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    total = pmf(a[0], b[0], units[0])
    for r in range(1, len(shared)):
        total = _convolved(total, pmf(a[r], b[r], units[r]))
    seen = shared.sum(0)[:, None]
    k = torch.arange(total.shape[1], device=shared.device)
    level = total.gather(1, seen) * (1 + _TIE)
    below = torch.where(k <= seen, total, 0).sum(1)
    above = torch.where(k >= seen, total, 0).sum(1)
    both = torch.where(total <= level, total, 0).sum(1)
    return below.clamp(max=1), above.clamp(max=1), both.clamp(max=1)


def _convolved(p: Tensor, q: Tensor) -> Tensor:
    """Distribution of a sum, row by row: [p, m] and [p, k] -> [p, m + k - 1]."""
    out = p.new_zeros(len(p), p.shape[1] + q.shape[1] - 1)
    # term by term, since a Fourier transform would lose the tails
    for k in range(q.shape[1]):
        out[:, k : k + p.shape[1]] += q[:, k : k + 1] * p
    return out


def _log_choose(n: Tensor, k: Tensor) -> Tensor:
    """Logarithm of C(n, k); meaningless, but finite, outside 0 <= k <= n."""
    k = torch.minimum(k.clamp(min=0), n)
    return torch.lgamma(n + 1) - torch.lgamma(k + 1) - torch.lgamma(n - k + 1)
