"""What finding ensembles costs.

    PAUCA_DATA=... python benchmarks/ensembles.py --threads 2
    PAUCA_DATA=... python benchmarks/ensembles.py --threads 1 --whole-class 0

Cost: the activity of every layer of a briefly trained net for MNIST's 10,000 test images, all ten
classes. ks-mean runs on all units in a process of its own (memory is growth of the resident peak
over what holds the activations); then, in turn with the published loop over
``scipy.stats.ks_2samp``, on some of the units, where members have to be the same. The loop's time
for all units is its time a pair times the pairs: an estimate. Seconds are of CPU time, which other
work on the machine hardly changes; wall time is given for ks-mean on all units.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats
from torch import Tensor

import pauca
from pauca.analysis import (
    coactivation,
    ks_mean,
    ks_mean_members,
    mean_ratio,
    selective,
)
from pauca.rng import generator_from

WIDTH = 784


class Timed:
    """The result of a call, and the CPU seconds and wall seconds that it took."""

    def __init__(self, work: Callable[[], Any]) -> None:
        cpu, wall = time.process_time(), time.perf_counter()
        self.result = work()
        self.seconds, self.wall = time.process_time() - cpu, time.perf_counter() - wall


def whole_class(learner: str, epochs: int, k: int) -> None:
    """Print whether members of one class are the loop's, of all units; takes many minutes."""
    found, labels = layers(learner, epochs)
    for name, x in found.items():
        part, zeros = x[labels == k], torch.zeros(int((labels == k).sum()), dtype=torch.int64)
        ours = Timed(partial(ks_mean, part, zeros))
        theirs = Timed(partial(plain, part, zeros))
        same = np.array_equal(ours.result.members, theirs.result)
        print(f"{learner} {name}, class {k}: {int(theirs.result.sum())} members", end="")
        print(f", the same: {same}, ratio {theirs.seconds / ours.seconds:.0f}", flush=True)


def memory(field: str) -> float:
    """VmRSS or VmHWM of this process in MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def layers(learner: str, epochs: int) -> tuple[dict[str, Tensor], Tensor]:
    """Activity of each layer for the test images, neutral label, and their classes."""
    data = pauca.load_dataset("mnist")
    settings: dict[str, Any] = (
        {"widths": (WIDTH,) * 3} if learner == "forward-forward" else {"net": "mlp"}
    )
    if learner == "backprop":
        settings |= {"net_params": {"widths": [WIDTH] * 3}, "batch": 256, "augment": False}
    made = pauca.make_learner(learner, task=data.task, epochs=epochs, **settings)
    assert data.train.y is not None
    assert data.test.y is not None
    made.fit(data.train.x, data.train.y, generator=generator_from(0))
    found = made.activations(data.test.x)
    return {name: x for name, x in found.items() if x.shape[1] == WIDTH}, data.test.y


def plain(activations: Tensor, y: Tensor) -> npt.NDArray[np.bool_]:
    """The published loop."""
    x, labels = activations.numpy(), y.numpy()
    u, c = x.shape[1], int(labels.max()) + 1
    members = np.zeros((c, u), dtype=bool)
    for k in range(c):
        of_class = x[labels == k]
        for i in range(u - 1):
            p = [stats.ks_2samp(of_class[:, i], of_class[:, j]).pvalue for j in range(i + 1, u)]
            members[k, i] = np.mean(p) < 0.05
    return members


def alone(path: str, threads: int, answers: Any) -> None:
    """CPU and wall seconds, growth of the resident peak and the peak, in MiB, of one run here."""
    torch.set_num_threads(threads)
    kept = np.load(path)
    x, labels = torch.from_numpy(kept["x"]), torch.from_numpy(kept["labels"])
    ks_mean(x[:200, :20], labels[:200])
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before = memory("VmRSS")
    run = Timed(partial(ks_mean, x, labels))
    answers.put((run.seconds, run.wall, memory("VmHWM") - before, memory("VmHWM")))


def whole(x: Tensor, labels: Tensor, threads: int) -> tuple[float, float, float, float]:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "layer.npz")
        np.savez(path, x=x.numpy(), labels=labels.numpy())
        spawn = multiprocessing.get_context("spawn")
        answers = spawn.Queue()
        process = spawn.Process(target=alone, args=(path, threads, answers))
        process.start()
        found: tuple[float, float, float, float] = answers.get()
        process.join()
    return found


def cost(name: str, x: Tensor, labels: Tensor, units: int, repeats: int, threads: int) -> None:
    """Print what one layer takes."""
    took, wall, growth, peak = whole(x, labels, threads)
    print(f"{name}: {float((x > 0).float().mean()):.3f} active")
    print(f"  ks-mean, {WIDTH} units: {took:.1f} s of CPU, {wall:.1f} s wall", end="")
    print(f", {growth:.0f} MiB more, {peak:.0f} MiB in all")
    part = x[:, torch.randperm(x.shape[1], generator=generator_from(1))[:units]]
    ours: list[float] = []
    theirs: list[float] = []
    same = True
    for _ in range(repeats):
        found, expected = Timed(partial(ks_mean, part, labels)), Timed(partial(plain, part, labels))
        ours.append(found.seconds)
        theirs.append(expected.seconds)
        same &= np.array_equal(found.result.members, expected.result)
    ratios = sorted(b / a for a, b in zip(ours, theirs, strict=True))
    loop = statistics.median(theirs) * (WIDTH * (WIDTH - 1)) / (units * (units - 1))
    print(f"  {units} units: ratio {ratios[0]:.0f} - {ratios[-1]:.0f}, members the same: {same}")
    print(f"  loop, {WIDTH} units, estimated: {loop / 60:.1f} min, ratio {loop / took:.0f}")
    alone_members = Timed(partial(ks_mean_members, x, labels))
    agree = torch.equal(alone_members.result, ks_mean(x, labels).members)
    print(f"  ks-mean, members alone: {alone_members.seconds:.2f} s of CPU", end="")
    print(f", {alone_members.wall:.2f} s wall, the same: {agree}")
    print(f"  mean-ratio: {Timed(partial(mean_ratio, x, labels)).seconds:.2f} s of CPU")
    print(f"  selective: {Timed(partial(selective, x, labels)).seconds:.2f} s of CPU")
    together = Timed(partial(coactivation, x, generator=generator_from(0)))
    print(f"  co-activation: {together.seconds:.2f} s of CPU")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learner", nargs="+", default=["forward-forward", "backprop"])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--units", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--whole-class", type=int, help="the loop on all units, for this class")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    warnings.filterwarnings("ignore", "ks_2samp: Exact calculation unsuccessful")
    for learner in chosen.learner:
        if chosen.whole_class is not None:
            whole_class(learner, chosen.epochs, chosen.whole_class)
            continue
        found, labels = layers(learner, chosen.epochs)
        for name, x in found.items():
            cost(f"{learner} {name}", x, labels, chosen.units, chosen.repeats, chosen.threads)


if __name__ == "__main__":
    main()
