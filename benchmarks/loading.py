"""What loading an image data set costs: decoded each time, first into the cache, and after.

Each load is a process of its own, as a worker's is; its time is that of ``load_dataset`` alone,
without imports. Forms in turn; median (least - most) over the repeats, and the ratio of each turn.
Memory is what several processes that hold the data at once take together, programs included: the
sum of their shares (PSS).

With ``--texts`` so many short texts of random words are loaded instead, and asked about in three
rounds by margin and the learner probe: seconds, and the peak memory of all of it.

    PAUCA_DATA=... OMP_NUM_THREADS=1 python benchmarks/loading.py cifar100 tiny-imagenet --repeats 3
    OMP_NUM_THREADS=1 python benchmarks/loading.py --texts 1000000
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import pauca
from pauca.data.columns import ColumnOptions, items_of
from pauca.data.tables import table_dataset

_LOAD = """
import json, sys, time
import torch, pauca
from pauca.data import load_dataset
pauca.load_dataset("digits")  # imports
start = time.perf_counter()
data = load_dataset(sys.argv[1])
took = time.perf_counter() - start
pixels = data.train.x.nbytes + (0 if data.test is None else data.test.x.nbytes)
print(json.dumps({"seconds": took, "bytes": pixels, "n": len(data.train)}), flush=True)
sys.stdin.read()
"""


def start(name: str, cache: str) -> subprocess.Popen[str]:
    """A process that loads, says so, and holds the data until its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-c", _LOAD, name],
        env={**os.environ, "PAUCA_CACHE": cache},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def told(process: subprocess.Popen[str]) -> dict[str, float]:
    """What it said once the data were there."""
    assert process.stdout is not None
    found: dict[str, float] = json.loads(process.stdout.readline())
    return found


def seconds(name: str, cache: str) -> float:
    """Time of one load."""
    process = start(name, cache)
    found = told(process)
    process.communicate()
    return found["seconds"]


def share(process: subprocess.Popen[str]) -> int:
    """Bytes of memory of a process, what it shares with others counted in parts."""
    text = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return 1024 * sum(int(line.split()[1]) for line in text.splitlines() if line[:4] == "Pss:")


def together(name: str, cache: str, workers: int) -> float:
    """Memory of so many processes that hold the data at once, in GB."""
    started = [start(name, cache) for _ in range(workers)]
    for process in started:
        told(process)
    total = sum(map(share, started))
    for process in started:
        process.communicate()
    return total / 1e9


def texts(n: int) -> None:
    """Print what n texts of nine words take."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, n)
    words = (
        " ".join(f"w{word}" for word in row) + f" topic{k}{row[0] % 9}"
        for k, row in zip(y, (rng.zipf(1.3, 8) % 8000 for _ in range(n)), strict=True)
    )
    frame = pd.DataFrame({"text": list(words), "label": [f"c{k}" for k in y]})
    start = time.perf_counter()
    data = table_dataset("texts", items_of(frame, None, "texts"), ColumnOptions())
    loaded = time.perf_counter()
    x, labels = data.train.x, data.train.y
    assert labels is not None
    learner = pauca.make_learner("probe", task=data.task)
    margin = pauca.make_strategy("margin")
    session = pauca.Session(x, learner, margin, streams=pauca.Streams(1))
    for _ in pauca.session.run(session, pauca.VaultOracle(labels), k=100, budget=300):
        pass
    asked = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{n:,} texts: features {loaded - start:.1f} s, three rounds {asked - loaded:.1f} s, peak "
        f"{peak:.2f} GB; dense rows of the pool would be {x.numel() * 4 / 1e9:.1f} GB",
        flush=True,
    )


def spread(values: list[float], digits: int = 2) -> str:
    """Median and range."""
    shown = (statistics.median(values), min(values), max(values))
    return "{:.{n}f} ({:.{n}f} - {:.{n}f})".format(*shown, n=digits)


def compare(name: str, repeats: int, workers: int) -> None:
    """Print all forms for one data set."""
    plain, first, after = [], [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as folder:
            plain.append(seconds(name, "off"))
            first.append(seconds(name, folder))
            after.append(seconds(name, folder))
    ratios = [one / other for one, other in zip(plain, after, strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        seconds(name, folder)
        shared = together(name, folder, workers)
    alone = together(name, "off", workers)
    print(
        f"{name}: decoded {spread(plain)} s; first {spread(first)} s; after {spread(after)} s, "
        f"ratio {spread(ratios, 1)}; {workers} workers hold {shared:.2f} GB, without the cache "
        f"{alone:.2f} GB",
        flush=True,
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=["cifar100", "tiny-imagenet"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--texts", type=int, default=0, help="load so many texts instead")
    given = parser.parse_args()
    if given.texts:
        texts(given.texts)
        return
    for name in given.names:
        compare(name, given.repeats, given.workers)


if __name__ == "__main__":
    main()
