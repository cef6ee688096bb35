"""What a Forward-Forward layer costs beside the matrix products that it cannot do without.

MNIST, three layers, the published form. Seconds per layer-epoch of four forms, taken in turn in one
process: the plain loop (labelled copies of every batch, separate passes for positives and
negatives, autograd, the loss read out at every step), pauca in float32 and in bfloat16, and the
bare products of the shapes that pauca multiplies. Then peak memory, inference of all labels beside
one plain pass a label, and many seeds at once beside one. Ratios are of times taken in turn.

    PAUCA_DATA=... python benchmarks/forward.py --threads 2
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

import pauca
from pauca.forward import (
    L2,
    ForwardNet,
    Greedy,
    Items,
    L2Scaling,
    Overlay,
    Plan,
    RandomWrong,
    Speed,
    Threshold,
    Training,
    train_seeds,
)
from pauca.rng import generator_from

C, LAYERS = 10, 3
MB = 1e6


@dataclass(frozen=True)
class Setting:
    """Sizes: n items, u units a layer, b items a batch."""

    items: Items
    u: int
    b: int
    steps: int

    @property
    def d(self) -> int:
        """Numbers of an item."""
        return self.items.x[0].numel()

    @property
    def epoch(self) -> float:
        """Epochs of the steps that are timed."""
        return self.steps / -(-len(self.items) // self.b)


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(values: Iterable[float], digits: int = 2) -> str:
    """Median and range."""
    v = list(values)
    return f"{statistics.median(v):.{digits}f} ({min(v):.{digits}f} - {max(v):.{digits}f})"


def peak() -> float:
    """Largest resident memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def a_net(s: Setting, seed: int, depth: int = LAYERS) -> ForwardNet:
    """A fresh net of the published form."""
    return ForwardNet(
        Overlay(shape=(1, 28, 28), classes=C, on=[2.8215], off=[-0.4242]),
        [s.u] * depth,
        goodness=L2(),
        normalisation=L2Scaling(),
        generator=generator_from(seed),
    )


class Plain:
    """The published form done plainly: one layer's epoch after the other.

    Args:
        s: Sizes.
    """

    def __init__(self, s: Setting) -> None:
        self.s, self.net, self.layers = s, a_net(s, 0), LAYERS
        self.g = generator_from(1)

    def epoch(self, number: int) -> None:
        """The timed steps of layer ``number``, from 0."""
        optimiser = torch.optim.Adam(self.net.layer(number).parameters(), lr=0.01)
        order = torch.randperm(len(self.s.items), generator=self.g)
        total = 0.0
        for index in torch.split(order, self.s.b)[: self.s.steps]:
            x, y = self.s.items.at(index), self.s.items.y[index]
            wrong = (y + torch.randint(1, C, (len(y),), generator=self.g)) % C
            positive = self.goodness(self.net.code.write(x, y), number)
            negative = self.goodness(self.net.code.write(x, wrong), number)
            loss = F.softplus(3 - positive).mean() + F.softplus(negative - 3).mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += loss.item()

    def goodness(self, h: Tensor, number: int) -> Tensor:
        """Of items that carry their label, in one layer."""
        with torch.no_grad():
            for below in range(number):
                h = self.layer(h, below)
        return self.layer(h, number).norm(dim=1)

    def layer(self, h: Tensor, number: int) -> Tensor:
        """Normalise -> Linear -> ReLU."""
        weight, bias = self.net.layer(number).parameters()
        return torch.relu(F.linear(h / h.norm(dim=1, keepdim=True).clamp_min(1e-8), weight, bias))


class Pauca:
    """One stage of a greedy training after the other, timed from its second step.

    Args:
        s: Sizes.
        speed: Which short cuts are taken.
    """

    def __init__(self, s: Setting, speed: Speed) -> None:
        self.s = s
        self.training = a_training(s, a_net(s, 0), speed, 2 * s.steps)

    def epoch(self, number: int) -> None:
        """The timed steps of the stage that has begun."""
        self.training.run(steps=self.s.steps)


def a_training(s: Setting, net: ForwardNet, speed: Speed, steps: int) -> Training:
    """Of every layer for so many steps."""
    return Training(
        net,
        s.items,
        schedule=Greedy(),
        loss=Threshold(3.0),
        negatives=RandomWrong(),
        plan=Plan(steps=LAYERS * steps, batch=s.b),
        generator=generator_from(1),
        speed=speed,
    )


class Bare:
    """The matrix products that layer ``number`` needs in the form pauca gives them, nothing else.

    The first layer: items times weights, and back. A deeper one: both rows times weights, and back;
    and, for each layer between it and the first, one row of every item where the right answers are
    kept, or both.

    Args:
        s: Sizes.
        rows: Rows multiplied again in each layer between.
        first: Whether the first product is computed again in deeper layers.
        dtype: Of the products.
    """

    def __init__(self, s: Setting, rows: int, first: bool, dtype: torch.dtype) -> None:
        self.s, self.rows, self.again = s, rows, first
        g = generator_from(3)
        self.x = torch.randn(2 * s.b, max(s.d, s.u), generator=g).to(dtype)
        self.w = torch.randn(s.u, s.u, generator=g).to(dtype)
        self.w0 = torch.randn(s.u, s.d, generator=g).to(dtype)
        self.h = torch.randn(2 * s.b, s.u, generator=g).to(dtype)
        self.out = torch.empty(2 * s.b, s.u, dtype=dtype)

    def epoch(self, number: int) -> None:
        """The timed steps of layer ``number``."""
        b, d, u = self.s.b, self.s.d, self.s.u
        for _ in range(self.s.steps):
            if number == 0 or self.again:
                torch.mm(self.x[:b, :d], self.w0.T, out=self.out[:b])
            if number == 0:
                torch.mm(self.h[:b].T, self.x[:b, :d], out=self.w0)
                continue
            for _ in range(1, number):
                torch.mm(self.h[: self.rows * b], self.w.T, out=self.out[: self.rows * b])
            torch.mm(self.h, self.w.T, out=self.out)
            torch.mm(self.h.T, self.x[:, :u], out=self.w)


def emulated() -> float:
    """How much slower a product is in bfloat16 than in float32 here."""
    a = torch.randn(512, 512, generator=generator_from(0))
    low = a.bfloat16()
    both = [(seconds(lambda: low @ low), seconds(lambda: a @ a)) for _ in range(4)][1:]
    return statistics.median(x / y for x, y in both)


def layers(s: Setting, repeats: int, force: bool) -> None:
    """Print seconds per layer-epoch of every form."""
    slow = emulated()
    forms: dict[str, Callable[[], Plain | Pauca | Bare]] = {
        "plain loop": lambda: Plain(s),
        "pauca float32": lambda: Pauca(s, Speed()),
        "bare float32": lambda: Bare(s, 2, False, torch.float32),
    }
    if slow < 2 or force:
        forms["pauca bfloat16"] = lambda: Pauca(s, Speed(precision="bfloat16"))
    else:
        print(f"bfloat16 products take {slow:.0f} times as long as float32 here: left out")
    times: dict[str, list[list[float]]] = {name: [[] for _ in range(LAYERS)] for name in forms}
    for _ in range(repeats):
        made = {name: make() for name, make in forms.items()}
        for number in range(LAYERS):
            for form in made.values():
                if isinstance(form, Pauca):
                    form.epoch(number)  # the first half of the stage: what it keeps is computed
            for name, form in made.items():
                times[name][number].append(seconds(lambda f=form, k=number: f.epoch(k)) / s.epoch)  # type: ignore[misc]
    for number in range(LAYERS):
        print(f"layer {number + 1}")
        bare, plain = times["bare float32"][number], times["plain loop"][number]
        for name, by_layer in times.items():
            own = by_layer[number]
            print(
                f"  {name:15s} {spread(own)} s an epoch; plain loop / this "
                f"{spread(a / b for a, b in zip(plain, own, strict=True))}; this / bare "
                f"{spread(b / a for a, b in zip(bare, own, strict=True))}"
            )


def memory(s: Setting) -> None:
    """Print how much memory a training of all layers adds to what holds the stored items.

    Should come first in a process: the largest resident memory never falls.
    """
    size = len(s.items) * s.d * 4 / MB
    start = peak()
    a_training(s, a_net(s, 0), Speed(), 3).run()
    grown = peak() - start
    print(f"memory: {grown:.0f} MB more at the peak, {grown / size:.2f} times the float32 items")


def inference(s: Setting, repeats: int, n: int) -> None:
    """Print what the goodness of all labels costs beside one plain pass a label."""
    net, plain = a_net(s, 0), Plain(s)
    x = s.items.at(torch.arange(min(n, len(s.items))))
    ratios, own = [], []

    def passes() -> None:
        with torch.no_grad():
            for block in torch.split(x, 8192):
                for label in range(C):
                    h = net.code.write(block, torch.full((len(block),), label))
                    for number in range(LAYERS):
                        h = plain.layer(h, number)
                        h.norm(dim=1)

    def shared() -> None:
        for block in torch.split(x, net.block(C)):
            net.label_goodness(block)

    for _ in range(repeats):
        slow, fast = seconds(passes), seconds(shared)
        own.append(fast)
        ratios.append(slow / fast)
    print(f"inference: {spread(own)} s for {len(x)} items x {C}; plain / this {spread(ratios)}")


def seeds(s: Setting, repeats: int, count: int, width: int, batch: int) -> None:
    """Print what many seeds at once cost beside one, and their bare first products."""
    small = Setting(s.items, width, batch, s.steps)
    plan = Plan(steps=s.steps, batch=batch)
    a, w = torch.randn(count, batch, s.d), torch.randn(count, width, s.d)
    ratios, bare = [], []
    for _ in range(repeats):
        one, many = (
            seconds(
                lambda k=k: train_seeds(
                    [a_net(small, seed, 2) for seed in range(k)],
                    s.items,
                    schedule=Greedy(),
                    loss=Threshold(3.0),
                    negatives=RandomWrong(),
                    plan=plan,
                    generators=[generator_from(seed) for seed in range(k)],
                    speed=Speed(keep=0),
                )
            )
            for k in (1, count)
        )
        ratios.append(many / one)
        work = lambda k: [torch.bmm(a[:k], w[:k].transpose(1, 2)) for _ in range(20)]  # noqa: E731
        bare.append(seconds(lambda: work(count)) / seconds(lambda: work(1)))  # noqa: B023
    print(
        f"{count} seeds at once, width {width}, batch {batch}: {spread(ratios)} times one; "
        f"their bare products {spread(bare)}"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--n", type=int, default=60_000)
    parser.add_argument("--width", type=int, default=784)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=59, help="steps that stand for an epoch")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--force", action="store_true", help="bfloat16 even where it is emulated")
    parser.add_argument(
        "--only", nargs="*", default=["memory", "layers", "inference", "seeds"], help="parts"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = pauca.load_dataset("mnist")
    assert data.train.y is not None
    x, y = data.train.x[: given.n].clone(), data.train.y[: given.n].clone()
    items = Items(x, y, lambda stored: data.task.evaluate(stored, None).flatten(1))
    s = Setting(items, given.width, given.batch, given.steps)
    if "memory" in given.only:
        memory(s)
    if "layers" in given.only:
        layers(s, given.repeats, given.force)
    if "inference" in given.only:
        inference(s, given.repeats, 10_000)
    if "seeds" in given.only:
        for width, batch in ((given.width, given.batch), (100, 64)):
            seeds(s, given.repeats, given.seeds, width, batch)


if __name__ == "__main__":
    main()
