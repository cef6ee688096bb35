"""What pre-trained encoders bring: accuracy of a logistic head on few labels, mean of 5 draws.

    PAUCA_DATA=... python benchmarks/encoders.py marks
    PAUCA_DATA=... python benchmarks/encoders.py words
    PAUCA_DATA=... python benchmarks/encoders.py images

``marks``: random labels, with and without encoder, and one run of margin each (a tenth of the
labels at random, then nine rounds). ``words``: the text encoder alone, tf-idf alone, and both side
by side. ``images``: scale of the image encoder's rows against l2. Rows are computed once
(``PAUCA_CACHE``). Needs the extra ``pauca[encoders]``.
"""

import argparse
import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca import load_dataset
from pauca.data.features import text_weights
from pauca.features import featured
from pauca.features.encoders import ImageEncoder, TextEncoder
from pauca.label.model import make_for
from pauca.rng import Streams
from pauca.session import Session

DRAWS = 5
TEXT_L2, IMAGE_L2 = 0.03, 1.0


@dataclass(frozen=True)
class Sample:
    """A pool and a test part."""

    name: str
    pool: Any
    test: Any
    y: Tensor
    y_test: Tensor
    names: tuple[str, ...]
    labels: int


def texts(name: str) -> Sample:
    """Texts of a data set; of large ones a part, drawn once."""
    csv.field_size_limit(10**9)
    folder, (most, most_test), labels = Path(os.environ["PAUCA_DATA"]) / name, *TEXTS[name]
    label = "category" if name == "banking77" else "label"

    def read(file: str, most: int | None) -> tuple[list[str], list[str]]:
        with (folder / file).open(encoding="utf-8", newline="") as opened:
            rows = [row for row in csv.DictReader(opened) if row["text"].strip()]
        order = np.random.default_rng(0).permutation(len(rows))[:most]
        kept = [rows[i] for i in np.sort(order)]
        return [row["text"] for row in kept], [row[label] for row in kept]

    if (folder / "train.csv").exists():
        (pool, y), (test, y_test) = read("train.csv", most), read("test.csv", most_test)
    else:
        both, answers = read(f"{name}.csv", most + most_test)
        order = np.random.default_rng(1).permutation(len(both)).tolist()
        first, second = order[:most], order[most:]
        pool, y = [both[i] for i in first], [answers[i] for i in first]
        test, y_test = [both[i] for i in second], [answers[i] for i in second]
    names = tuple(sorted({*y, *y_test}))
    place = {each: i for i, each in enumerate(names)}
    numbers = [torch.tensor([place[each] for each in part]) for part in (y, y_test)]
    return Sample(name, pool, test, *numbers, names, labels)


TEXTS: dict[str, tuple[tuple[int, int], int]] = {
    "banking77": ((10_003, 3_080), 770),
    "agnews": ((2_500, 1_500), 80),
    "newsgroups": ((800, 600), 400),
    "subj": ((2_000, 1_500), 100),
}
"""Most texts of pool and test part, and labels."""


def images() -> Sample:
    """CIFAR-10, 3,000 images as the pool and 1,500 of the test part."""
    data = load_dataset(Path(os.environ["PAUCA_DATA"]) / "cifar10")
    parts = []
    for split, k in ((data.train, 3_000), (data.test, 1_500)):
        assert split is not None
        order = torch.from_numpy(np.random.default_rng(0).permutation(len(split))[:k])
        parts.append(split.take(order.sort().values))
    pool, test = parts
    assert pool.y is not None
    assert test.y is not None
    return Sample("cifar10", pool, test, pool.y, test.y, data.task.classes, 200)


def encoded(sample: Sample, *, size: int = 96) -> tuple[Tensor, Tensor]:
    """Rows of the encoder, of pool and test part."""
    made: Any = ImageEncoder(size=size) if sample.name == "cifar10" else TextEncoder()
    kept = made.open_cache()

    def rows(part: Any) -> Tensor:
        items = made.prepare(part.x) if sample.name == "cifar10" else part
        return torch.from_numpy(made.encode(items, kept=kept))

    return rows(sample.pool), rows(sample.test)


def words(sample: Sample) -> tuple[Tensor, Tensor]:
    """tf-idf weights of 4,096 words over pool and test part, as a project has them."""
    both = text_weights([*sample.pool, *sample.test], None, 4096, sample.name)[0]
    x = torch.from_numpy(both.toarray())
    return x[: len(sample.pool)], x[len(sample.pool) :]


def directions(rows: tuple[Tensor, Tensor], d: int = 256) -> tuple[Tensor, Tensor]:
    """Latent semantic analysis of tf-idf weights."""
    from sklearn.decomposition import TruncatedSVD

    x = torch.from_numpy(TruncatedSVD(d, random_state=0).fit_transform(torch.cat(rows).numpy()))
    return x[: len(rows[0])], x[len(rows[0]) :]


def pixels(sample: Sample) -> tuple[Tensor, Tensor]:
    """64 principal components of the pixels, fitted on the pool."""
    from dataclasses import replace

    data = load_dataset(Path(os.environ["PAUCA_DATA"]) / "cifar10")
    found = featured(replace(data, train=sample.pool, test=sample.test), "pca")
    assert found.test is not None
    return found.train.x, found.test.x


def accuracy(
    sample: Sample, rows: tuple[Tensor, Tensor], l2: float, strategy: str, seed: int
) -> float:
    """Of a logistic head: all labels at random, or a tenth and nine rounds of a strategy."""
    learner = make_for({"name": "probe", "l2": l2}, rows[0].shape[1], sample.names)
    rounds = 1 if strategy == "random" else 10
    session = Session(rows[0], learner, strategy, streams=Streams(seed))
    for _ in range(rounds):
        asked = session.ask(sample.labels // rounds)
        session.tell(asked, sample.y[asked])
    session.train()
    found = learner.outputs(rows[1], torch.arange(len(rows[1]))).mean_probs
    return float((found.argmax(1) == sample.y_test).double().mean())


def report(sample: Sample, name: str, rows: tuple[Tensor, Tensor], l2: float) -> None:
    """Mean and deviation over draws, in percent."""
    found = [100 * accuracy(sample, rows, l2, "random", seed) for seed in range(DRAWS)]
    spread = f"{np.mean(found):5.1f} +- {np.std(found, ddof=1):.1f}"
    print(
        f"{sample.name:11s} {sample.labels:4d} labels  {name:28s} l2 {l2:<5g} {spread}", flush=True
    )


def marks(chosen: Sequence[str]) -> None:
    for name in chosen or ("banking77", "agnews", "cifar10"):
        sample = images() if name == "cifar10" else texts(name)
        if name == "cifar10":
            ways = {"pca": pixels(sample), "image-encoder": encoded(sample)}
            l2 = IMAGE_L2
        else:
            found, beside = encoded(sample), words(sample)
            weight = TextEncoder().words
            both = tuple(torch.cat([a, weight * b], 1) for a, b in zip(found, beside, strict=True))
            ways, l2 = {"tf-idf": beside, "text-encoder": both}, TEXT_L2  # type: ignore[dict-item]
        for way, rows in ways.items():
            report(sample, way, rows, l2)
            best = 100 * accuracy(sample, rows, l2, "margin", 0)
            print(f"{'':25s} {way} with margin, one run: {best:.1f}", flush=True)


def compare_words(chosen: Sequence[str]) -> None:
    for name in chosen or TEXTS:
        sample = texts(name)
        found, weights = encoded(sample), words(sample)
        lsa = directions(weights)
        ways: dict[str, Any] = {"tf-idf": weights, "lsa": lsa, "encoder": found}
        for scale in (0.5, 1.0):
            ways[f"encoder, {scale:g} tf-idf"] = _beside(found, weights, scale)
        ways["encoder, 0.5 lsa"] = _beside(found, lsa, 0.5)
        for way, rows in ways.items():
            for l2 in (0.03, 0.01):
                report(sample, way, rows, l2)


def _beside(found: Any, other: Any, scale: float) -> Any:
    return tuple(torch.cat([a, scale * b], 1) for a, b in zip(found, other, strict=True))


def compare_images(chosen: Sequence[str]) -> None:
    sample = images()
    rows: Any = encoded(sample)
    for scale in (0.3, 1.0, 3.0):
        for l2 in (1.0, 0.3):
            report(sample, f"length {10 * scale:g}", tuple(scale * x for x in rows), l2)


def main() -> None:
    runs: dict[str, Callable[[Sequence[str]], None]] = {
        "marks": marks,
        "words": compare_words,
        "images": compare_images,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=runs)
    parser.add_argument("names", nargs="*", help="data sets; all if left out")
    given = parser.parse_args()
    runs[given.what](given.names)


if __name__ == "__main__":
    main()
