"""Looks inside networks of your own: a small transformer and a small convolutional net.

Any torch module will do. Its parts are named as in ``model.named_modules()``; nothing about the
model has to change. Both are trained here on the digits that come with scikit-learn, in seconds.
"""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from pauca.analysis import (
    ModuleSubject,
    Tap,
    dominance,
    fraction_active,
    hoyer,
    lesion_matrix,
    mean_defined,
    pruning_curve,
    removal_order,
    selectivity_index,
)

SEED = 0


class Former(nn.Module):
    """Reads an 8 x 8 image row by row: 8 positions of 8 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(8, 32)
        self.place = nn.Parameter(torch.randn(8, 32) / 6)
        block = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(block, 2)
        self.hidden = nn.Sequential(nn.Linear(32, 64), nn.ReLU())
        self.head = nn.Linear(64, 10)

    def forward(self, image: Tensor) -> Tensor:
        """Scores of the ten digits, [n, 10]."""
        rows = self.encoder(self.embed(image.squeeze(1)) + self.place)
        scores: Tensor = self.head(self.hidden(rows.mean(1)))
        return scores


def convnet() -> nn.Sequential:
    """Modules in a row are named by their number: the two rectifiers are "1" and "4"."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 48, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveMaxPool2d(1),
        nn.Flatten(),
        nn.Linear(48, 10),
    )


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int) -> None:
    """Plain backpropagation; analysis does not care how a model learned."""
    optimiser = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
            optimiser.step()


torch.manual_seed(SEED)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
labels = torch.tensor(digits.target)
# a third to learn from, a third to find ensembles in, a third to ask
train_x, find_x, ask_x = images[:599], images[599:1198], images[1198:]
train_y, find_y, ask_y = labels[:599], labels[599:1198], labels[1198:]

former, conv = Former(), convnet()
train(former, train_x, train_y, epochs=15)
train(conv, train_x, train_y, epochs=15)
subjects = {
    # a unit is one of 32 features (their mean over positions), or one of 64 hidden units
    "transformer": (
        ModuleSubject(former, [Tap("encoder.layers.0", "mean"), "hidden"]),
        "hidden",
    ),
    # a unit is one of 48 channels: its maximum over places
    "convolutional net": (ModuleSubject(conv, [Tap("1", "max"), Tap("4", "max")]), "4"),
}

for name, (subject, layer) in subjects.items():
    right = (subject.predict(ask_x) == ask_y).float().mean()
    print(f"{name}: {100 * right:.1f} % of the digits asked are right")
    for tap, activity in subject.activations(ask_x).items():
        sparse, active = (mean_defined(f(activity)).mean for f in (hoyer, fraction_active))
        u = activity.shape[1]
        print(f"  {tap}: {u} units, {100 * active:.0f} % active, Hoyer sparsity {sparse:.2f}")

    found = subject.activations(find_x)[layer]
    # at least 1.5 times as active on one digit as on the average other one, bool [10, u]
    members = selectivity_index(found, find_y) > 0.2
    generator = torch.Generator().manual_seed(SEED)
    lesions = lesion_matrix(
        subject, ask_x, ask_y, members, layer=layer, generator=generator, draws=5
    )
    sizes = lesions.size.tolist()
    lost = dominance(lesions.drop, generator=generator)
    chance = lesions.by_activity.mean.diagonal().nanmean()
    print(f"  ensembles of the digits in {layer!r}: {', '.join(map(str, sizes))} units")
    print(
        f"  one silenced: its own digit loses {100 * lost.own.mean:.0f} points of accuracy, other "
        f"digits {100 * lost.others.mean:.0f}; with as many other units, about as active, "
        f"{100 * chance:.0f}"
    )
    more = dominance(lesions.by_activity.excess, generator=generator)
    print(
        f"  beyond what random units do, {100 * more.difference.mean:.0f} points more on the own "
        f"digit ({100 * more.difference.low:.0f} to {100 * more.difference.high:.0f}), "
        f"p = {more.p:.3f}"
    )

    for order in ("least-active", "random"):
        removed = removal_order(found, order, generator=generator)
        curve = pruning_curve(subject, ask_x, ask_y, {layer: removed}, shares=(0.75, 0.5, 0.25))
        points = ", ".join(f"{100 * p.accuracy:.0f} % with {100 * p.kept:.0f}" for p in curve)
        print(f"  units of {layer!r} removed, {order} first: {points} % of them left")
