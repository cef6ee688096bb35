"""What it costs to look at one trained net in every way that an emergence study does.

    PAUCA_DATA=... python benchmarks/emergence.py --threads 2
    PAUCA_DATA=... python benchmarks/emergence.py --threads 2 --learner backprop --items 10000

Three layers of 784 units, MNIST's 10,000 test images, all measures but those that need several
trainings. The net is trained briefly first; that is not counted. Wall seconds and CPU seconds of
each part; memory is growth of the resident peak over what holds data and net.
"""

import argparse
import resource
import time

import torch

import pauca
from pauca.rng import generator_from
from pauca.study.emergence import examined, measure_all

SETTINGS = {
    "forward-forward": {"widths": (784, 784, 784), "epochs": 2, "rate": 0.01, "batch": 1024},
    "bp-ff": {"widths": (784, 784, 784), "epochs": 2, "rate": 0.001, "batch": 1024},
    "backprop": {
        "net": "mlp",
        "net_params": {"widths": (784, 784, 784)},
        "epochs": 2,
        "rate": 0.001,
        "batch": 1024,
        "augment": False,
    },
}


def peak() -> float:
    """Resident peak so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    """Train, examine, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--learner", choices=tuple(SETTINGS), default="forward-forward")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--items", type=int, default=5000, help="training items")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    data = pauca.load_dataset("mnist")
    learner = pauca.make_learner(asked.learner, task=data.task, **SETTINGS[asked.learner])
    assert data.train.y is not None
    assert data.test is not None
    learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    before, cpu, wall = peak(), time.process_time(), time.perf_counter()
    predicted = learner.predict(data.test.x)
    exam = examined(learner, data.train, data.test, predicted, asked.items, generator_from(1))
    found = measure_all(exam)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"{asked.learner}: {wall:.0f} s, {cpu:.0f} s of CPU, {peak() - before:.2f} GiB more")
    for part, seconds in sorted(found.seconds.items(), key=lambda item: -item[1]):
        print(f"  {part:15s} {seconds:6.1f} s")


if __name__ == "__main__":
    main()
