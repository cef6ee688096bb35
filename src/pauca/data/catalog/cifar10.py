"""CIFAR-10, whole and imbalanced (Krizhevsky, 2009)."""

from dataclasses import replace

import torch

from pauca.data.augment import RandomCrop, RandomFlip
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress
from pauca.rng import generator_from

_SOURCE = HubImages("cifar10", "uoft-cs/cifar10", config="plain_text", image="img")
_PIXELS = Normalisation((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))


def _read(*, progress: Progress | None = None) -> Dataset:
    return image_dataset(ENTRY, _SOURCE, ImageForm(32, 32, "RGB"), progress=progress)


def _read_imbalanced(*, seed: int = 0, progress: Progress | None = None) -> Dataset:
    whole = image_dataset(IMBALANCED, _SOURCE, ImageForm(32, 32, "RGB"), progress=progress)
    train = whole.train
    if train.y is None:
        return whole
    # class i is kept with probability (i + 1) / 10
    chance = (train.y + 1).double() / 10
    kept = torch.rand(len(train), generator=generator_from(seed), dtype=torch.float64) < chance
    note = f"{int(kept.sum())} of {len(train)} training images were kept, with seed {seed}"
    return replace(whole, train=train.take(kept.nonzero().squeeze(1)), notes=(*whole.notes, note))


ENTRY = Entry(
    name="cifar10",
    kind="image",
    summary="ten kinds of animals and vehicles, 32 x 32 colour, 50,000 / 10,000",
    source="Hub: uoft-cs/cifar10",
    licence="unknown (Krizhevsky, 2009); part of 80 Million Tiny Images",
    class_count=10,
    classes=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(4), RandomFlip()),
    folder="cifar10/{train,test}-*.parquet",
)
IMBALANCED = replace(
    ENTRY,
    name="cifar10-imbalanced",
    summary="CIFAR-10 with class i kept with probability .1 (i + 1); about 27,500 / 10,000",
    read=_read_imbalanced,
    notes=("the test part is balanced, as in cifar10",),
)
datasets.register(ENTRY.name)(ENTRY)
datasets.register(IMBALANCED.name)(IMBALANCED)
