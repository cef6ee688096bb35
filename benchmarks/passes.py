"""What it costs to know a net better: dropout members and distances to the boundary.

Members: s passes in which the part before the first dropout runs once, against one pass. Distances:
as the learner computes them, in whole batches, against one image at a time (timed on fewer images,
per image): the papers' loops, one autograd call per class and step, on the net as it is; and
pauca's own kernel on batches of one, on the same folded net. MNIST, the default convnet, 300 steps
on 1,000 labels. Ratios are of times taken in turn in one process; one image at a time has one
thread, which is faster for it.

    PAUCA_DATA=... python benchmarks/passes.py --threads 2
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

import pauca
from pauca.learners.backprop import Backprop
from pauca.nets import folded
from pauca.rng import generator_from
from pauca.select.adversarial import bim_distances, deepfool_distances


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def spread(ratios: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(ratios):.1f} ({min(ratios):.1f} - {max(ratios):.1f})"


def trained() -> tuple[Backprop, Tensor]:
    """A learner, and 10,000 images that it has not seen."""
    data = pauca.load_dataset("mnist")
    learner = pauca.make_learner("backprop", task=data.task, steps=300)
    assert isinstance(learner, Backprop)
    assert data.train.y is not None
    order = torch.randperm(len(data.train), generator=generator_from(0))
    some = order[:1000]
    learner.fit(data.train.x[some], data.train.y[some], generator=generator_from(1))
    return learner, data.train.x[order[1000:11000]]


def members(learner: Backprop, x: Tensor, repeats: int) -> None:
    """Print what s passes cost beside one."""
    ids, both = torch.arange(len(x)), frozenset({"probs", "members"})
    ratios = []
    for _ in range(repeats):
        one = seconds(lambda: learner.outputs(x, ids))
        many = seconds(lambda: learner.outputs(x, ids, needs=both, generator=generator_from(2)))
        ratios.append(many / one)
    print(f"{learner.passes} dropout members cost {spread(ratios)} times one pass")


def distances(learner: Backprop, x: Tensor, repeats: int, few: int) -> None:
    """Print what a distance costs in whole batches and one image at a time."""
    inputs, step = learner.task.evaluate(x, None), learner.attack.bim_step
    cap = learner.attack.max_steps
    loops = {
        "adversarial_bim": partial(bim_loop, learner.net, step=step, cap=cap),
        "adversarial_deepfool": partial(deepfool_loop, learner.net, overshoot=0.02, cap=cap),
    }
    kernels = {
        "adversarial_bim": partial(bim_distances, step=step, max_steps=cap),
        "adversarial_deepfool": partial(deepfool_distances, overshoot=0.02, max_steps=cap),
    }
    for name, loop in loops.items():
        kernel = partial(kernels[name], folded(learner.net))
        whole = partial(whole_batches, learner, inputs, name)
        compare(name, inputs, few, repeats, loop, kernel, whole)


def whole_batches(learner: Backprop, inputs: Tensor, name: str) -> Tensor:
    """The distances as the learner gives them."""
    return learner.attack.distances(learner.net, inputs.split(256), frozenset({name}))[name]


def compare(
    name: str,
    inputs: Tensor,
    few: int,
    repeats: int,
    loop: Callable[[Tensor], float],
    kernel: Callable[[Tensor], Tensor],
    whole: Callable[[], Tensor],
) -> None:
    """Take the forms in turn and print their ratios, per image."""
    images, threads = inputs[:few], torch.get_num_threads()
    times, papers, ones = [], [], []
    for _ in range(repeats):
        torch.set_num_threads(1)  # one image is slower on more
        paper = seconds(lambda: [loop(image) for image in images]) / few
        one = seconds(lambda: [kernel(image[None]) for image in images]) / few
        torch.set_num_threads(threads)
        times.append(seconds(whole))
        papers.append(paper * len(inputs) / times[-1])
        ones.append(one * len(inputs) / times[-1])
    same = torch.isclose(torch.tensor([loop(i) for i in images]), whole()[:few], rtol=1e-3).sum()
    print(
        f"{name}: {spread(times)} s for {len(inputs)} images; {spread(papers)} times faster than "
        f"the paper's loop over images, {spread(ones)} times than the kernel on batches of one "
        f"({few} images, {same} with the loop's distance)",
        flush=True,
    )


def bim_loop(net: nn.Module, x: Tensor, *, step: float, cap: int) -> float:
    """Basic iterative method for one image: a forward and a backward pass a step.

    Reference: Kurakin, Goodfellow and Bengio, ICLR workshop 2017, section 2.2.
    """
    moved, first = x.clone(), int(net(x[None]).argmax())
    for _ in range(cap + 1):
        point = moved.clone().requires_grad_()
        z = net(point[None])[0]
        if int(z.argmax()) != first:
            return float((moved - x).norm())
        (gradient,) = torch.autograd.grad(-z.log_softmax(-1)[first], point)
        moved = moved + step * gradient.sign()
    return math.inf


def deepfool_loop(net: nn.Module, x: Tensor, *, overshoot: float, cap: int) -> float:
    """DeepFool for one image: the gradient of every class at every step.

    Reference: Moosavi-Dezfooli, Fawzi and Frossard, CVPR 2016, algorithm 2.
    """
    total, first = torch.zeros_like(x), int(net(x[None]).argmax())
    for _ in range(cap + 1):
        point = (x + (1 + overshoot) * total).requires_grad_()
        z = net(point[None])[0]
        if int(z.argmax()) != first:
            return float(total.norm())
        (own,) = torch.autograd.grad(z[first], point, retain_graph=True)
        best, move = math.inf, torch.zeros_like(x)
        for k in range(len(z)):
            if k == first:
                continue
            w = torch.autograd.grad(z[k], point, retain_graph=True)[0] - own
            f, length = abs(float((z[k] - z[first]).detach())), float(w.norm())
            if f / length < best:
                best, move = f / length, f / length**2 * w
        total = total + move
    return math.inf


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--images", type=int, default=10_000, help="images in whole batches")
    parser.add_argument("--alone", type=int, default=50, help="images taken one at a time")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    learner, x = trained()
    members(learner, x, given.repeats)
    distances(learner, x[: given.images], given.repeats, given.alone)


if __name__ == "__main__":
    main()
