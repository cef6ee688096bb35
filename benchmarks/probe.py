"""What a round of the learner probe costs beside scikit-learn's logistic regression.

Both minimise the same loss to the same optimum: scikit-learn is given the constant as a column (so
that its weight is held back there too), and its default solver a tolerance at which its loss is
within 1e-6 of pauca's, tried from the loosest on. Times are of the training alone, forms in turn in
one process, one thread: median (least - most) of processor time, and the ratio of each pair.

    PAUCA_DATA=... OMP_NUM_THREADS=1 python benchmarks/probe.py --repeats 7
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from torch import Tensor

import pauca
from pauca.features import featured
from pauca.learners._softmax import softmax_regression
from pauca.rng import generator_from

_TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9)


def seconds(work: Callable[[], object]) -> float:
    """Processor time of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def spread(values: list[float], digits: int = 1) -> str:
    """Median and range."""
    shown = (statistics.median(values), min(values), max(values))
    return "{:.{n}f} ({:.{n}f} - {:.{n}f})".format(*shown, n=digits)


def total(weights: Tensor, rows: Tensor, y: Tensor, l2: float) -> float:
    """The loss of weights [c, d + 1] on rows with their constant."""
    logits = rows @ weights.T
    fit = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
    return float(fit + l2 / 2 * weights.square().sum())


def compare(name: str, x: Tensor, y: Tensor, l2: float, repeats: int) -> None:
    """Print both forms on m labelled rows of which all classes have one."""
    classes, y = torch.unique(y, return_inverse=True)
    c = len(classes)
    found = softmax_regression(x, y, c, l2)
    rows = torch.cat([x.double(), torch.ones(len(x), 1)], dim=1)
    mine = total(torch.cat([found.weight, found.bias[:, None]], 1), rows, y, l2)
    data, labels = rows.numpy(), y.numpy()
    for tolerance in _TOLERANCES:
        model = LogisticRegression(C=1 / l2, fit_intercept=False, tol=tolerance, max_iter=100_000)
        model.fit(data, labels)
        off = total(torch.from_numpy(model.coef_), rows, y, l2) / mine - 1
        if off < 1e-6:
            break
    plain = LogisticRegression(C=1 / l2, fit_intercept=False)
    ours, theirs, defaults = [], [], []
    for _ in range(repeats):
        ours.append(1e3 * seconds(lambda: softmax_regression(x, y, c, l2)))
        theirs.append(1e3 * seconds(lambda: model.fit(data, labels)))
        defaults.append(1e3 * seconds(lambda: plain.fit(data, labels)))
    left = total(torch.from_numpy(plain.coef_), rows, y, l2) / mine - 1
    pairs = [other / one for one, other in zip(ours, theirs, strict=True)]
    print(
        f"{name}, m {len(x)}, d {x.shape[1]}, c {c}, l2 {l2:g}: pauca {spread(ours)} ms; "
        f"scikit-learn, tol {tolerance:g} (loss {off:.0e} above): {spread(theirs)} ms, ratio "
        f"{spread(pairs)}; at its defaults (loss {left:.0e} above): {spread(defaults)} ms",
        flush=True,
    )


def prediction(x: Tensor, task: pauca.Task, y: Tensor, repeats: int) -> None:
    """Print what a look at a whole pool costs."""
    for head in ("logistic", "mlp"):
        learner = pauca.make_learner("probe", task=task, head=head)
        fit = partial(learner.fit, x[:200], y[:200], generator=generator_from(0))
        needs = frozenset({"probs", "features"})
        ask = partial(learner.outputs, x, torch.arange(len(x)), needs=needs)
        train = [1e3 * seconds(fit) for _ in range(repeats)]
        look = [1e3 * seconds(ask) for _ in range(repeats)]
        print(
            f"head {head}: fit on 200 labels {spread(train)} ms; probabilities and features of "
            f"{len(x)} rows {spread(look)} ms",
            flush=True,
        )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    np.seterr(all="raise", under="ignore")
    warnings.simplefilter("ignore", ConvergenceWarning)
    digits = featured(pauca.load_dataset("mnist"), "pca")
    pixels = pauca.load_dataset("mnist")
    texts = pauca.load_dataset("banking77", vocabulary=5000)
    for name, data, sizes in (
        ("MNIST, 64 components", digits, (200, 1000)),
        ("MNIST, pixels", pixels, (200,)),
        ("Banking77, tf-idf", texts, (200, 1000)),
    ):
        y = data.train.y
        assert y is not None
        order = torch.randperm(len(y), generator=generator_from(0))
        for m in sizes:
            some = order[:m]
            rows = data.task.evaluate(data.train.x[some], None).flatten(1)
            for l2 in (1.0, 0.01):
                compare(name, rows, y[some], l2, given.repeats)
    assert digits.train.y is not None
    order = torch.randperm(len(digits.train.y), generator=generator_from(0))
    prediction(digits.train.x[order], digits.task, digits.train.y[order], given.repeats)


if __name__ == "__main__":
    main()
