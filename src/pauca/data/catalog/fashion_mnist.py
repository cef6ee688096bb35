"""Fashion-MNIST: articles of clothing (Xiao, Rasul and Vollgraf, 2017)."""

from pauca.data.augment import RandomCrop, RandomFlip
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress

_SOURCE = HubImages("fashion-mnist", "zalando-datasets/fashion_mnist", config="fashion_mnist")
_PIXELS = Normalisation((0.2860,), (0.3530,))


def _read(*, progress: Progress | None = None) -> Dataset:
    return image_dataset(ENTRY, _SOURCE, ImageForm(28, 28, "L"), progress=progress)


ENTRY = Entry(
    name="fashion-mnist",
    kind="image",
    summary="articles of clothing, 28 x 28 grey, 60,000 / 10,000",
    source="Hub: zalando-datasets/fashion_mnist",
    licence="MIT (Zalando)",
    class_count=10,
    classes=(
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(2), RandomFlip()),
    folder="fashion-mnist/{train,test}-*.parquet",
)
datasets.register(ENTRY.name)(ENTRY)
