"""Draw the picture of docs/forward-forward.md: the published form, small, trained on MNIST.

PAUCA_DATA=... python tools/goodness.py
"""

from pathlib import Path

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import pauca
from pauca.report.style import INK, SOFT, looks, styled
from pauca.rng import generator_from

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "goodness.png"
THETA, SHOWN = 3.0, 4
RIGHT, WRONG = "right label", "wrong labels"
LOOKS = looks((RIGHT, WRONG))


def course(axes: Axes, history: tuple[dict[str, float], ...]) -> None:
    """Goodness of positives and negatives of the first layer while it learns."""
    first = [record for record in history if record["layer"] == 1]
    epochs = [record["epoch"] for record in first]
    for name, key in ((RIGHT, "goodness_positive"), (WRONG, "goodness_negative")):
        look = LOOKS[name]
        axes.plot(
            epochs, [r[key] for r in first], color=look.colour, ls=look.line, marker=look.marker
        )
    axes.axhline(THETA, color=SOFT, lw=1, ls=":")
    axes.text(epochs[-1], THETA, "threshold", color=SOFT, ha="right", va="bottom", fontsize=9)
    axes.set_xlabel("passes over the training images")
    axes.set_ylabel("goodness of layer 1, ||h||")
    axes.set_title("1  learning pulls right and wrong apart")
    for name, last in ((RIGHT, "goodness_positive"), (WRONG, "goodness_negative")):
        axes.annotate(
            name,
            (epochs[-1], first[-1][last]),
            xytext=(-6, -14),
            textcoords="offset points",
            color=LOOKS[name].colour,
            ha="right",
            va="top",
        )
    axes.set_ylim(0)


def spread(axes: Axes, goodness: torch.Tensor, y: torch.Tensor) -> None:
    """How goodness is spread over test images, for right and for wrong labels."""
    mine = torch.nn.functional.one_hot(y, goodness.shape[1]).bool()
    bins = np.linspace(0, float(goodness.max()), 60)
    for name, values in ((RIGHT, goodness[mine]), (WRONG, goodness[~mine])):
        look = LOOKS[name]
        axes.hist(
            values.numpy(),
            bins=list(bins),
            weights=np.full(len(values), 100 / len(values)),
            histtype="step",
            color=look.colour,
            ls=look.line,
            lw=1.6,
            label=name,
        )
    axes.axvline(THETA, color=SOFT, lw=1, ls=":")
    axes.set_xlabel("goodness of layer 1, ||h||")
    axes.set_ylabel("test images and labels (%)")
    axes.set_title("2  images never seen before")
    axes.set_ylim(0, 10)
    axes.legend(loc="upper right")


def naming(axes: Axes, image: torch.Tensor, goodness: torch.Tensor, y: int) -> None:
    """One image under each of its ten labels."""
    colours = [LOOKS[RIGHT if k == y else WRONG].colour for k in range(len(goodness))]
    axes.bar(range(len(goodness)), goodness.tolist(), color=colours, width=0.7)
    axes.axhline(THETA, color=SOFT, lw=1, ls=":")
    axes.set_xticks(range(len(goodness)))
    axes.set_xlabel("label shown with the image")
    axes.set_ylabel("goodness of layer 1, ||h||")
    axes.set_title("3  the highest goodness names it")
    axes.grid(visible=False, axis="x")
    inset = axes.inset_axes((0.79, 0.68, 0.2, 0.31))
    inset.imshow(255 - image, cmap="gray")
    inset.set_xticks([])
    inset.set_yticks([])
    for spine in inset.spines.values():
        spine.set(visible=True, color=INK, linewidth=0.6)


def main() -> None:
    """Train and draw."""
    torch.set_num_threads(1)
    data = pauca.load_dataset("mnist")
    assert data.test is not None
    assert data.test.y is not None
    learner = pauca.make_learner("forward-forward", task=data.task, widths=[400], epochs=10)
    report = learner.fit(data.train.x, data.train.y, generator=generator_from(1))
    ids = torch.arange(len(data.test.x))
    goodness = learner.outputs(data.test.x, ids, needs=frozenset({"goodness"})).goodness
    assert goodness is not None
    first = goodness[..., 0]
    with styled():
        drawing = Figure(figsize=(11, 3.2), layout="constrained")
        left, middle, right = drawing.subplots(1, 3)
        course(left, tuple(dict(record) for record in report.history))
        spread(middle, first, data.test.y)
        naming(right, data.test.x[SHOWN, 0], first[SHOWN], int(data.test.y[SHOWN]))
        drawing.savefig(PICTURE, dpi=160, facecolor="white")
    found = float((first.argmax(1) == data.test.y).double().mean())
    print(f"{PICTURE}: test accuracy of layer 1 {100 * found:.1f} %")


if __name__ == "__main__":
    main()
