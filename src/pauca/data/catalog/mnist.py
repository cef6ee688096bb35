"""MNIST: handwritten digits."""

from pauca.data.augment import RandomCrop
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress

_SOURCE = HubImages("mnist", "ylecun/mnist", config="mnist")
_PIXELS = Normalisation((0.1307,), (0.3081,))


def _read(*, progress: Progress | None = None) -> Dataset:
    return image_dataset(ENTRY, _SOURCE, ImageForm(28, 28, "L"), progress=progress)


ENTRY = Entry(
    name="mnist",
    kind="image",
    summary="handwritten digits, 28 x 28 grey, 60,000 / 10,000",
    source="Hub: ylecun/mnist",
    licence="MIT on the Hub; from NIST, public domain (LeCun, Cortes, Burges)",
    class_count=10,
    classes=tuple("0123456789"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(2)),
    folder="mnist/{train,test}-*.parquet",
)
datasets.register(ENTRY.name)(ENTRY)
