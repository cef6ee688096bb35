"""Tiny ImageNet: 200 classes of ImageNet at 64 x 64 (Le and Yang, 2015)."""

from pauca.data.augment import RandomCrop, RandomFlip
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress

# the Hub has a train and a valid part; the labels of the original test part are not public
_SOURCE = HubImages("tiny-imagenet", "zh-plus/tiny-imagenet", test="valid")
_PIXELS = Normalisation((0.4802, 0.4481, 0.3975), (0.2770, 0.2691, 0.2821))


def _read(*, progress: Progress | None = None) -> Dataset:
    # about 2 % of the images are grey JPEGs; they become RGB
    return image_dataset(ENTRY, _SOURCE, ImageForm(64, 64, "RGB"), progress=progress)


ENTRY = Entry(
    name="tiny-imagenet",
    kind="image",
    summary="200 classes of ImageNet, 64 x 64 colour, 100,000 / 10,000",
    source="Hub: zh-plus/tiny-imagenet",
    licence="ImageNet terms: non-commercial research and education",
    class_count=200,
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(8), RandomFlip()),
    folder="tiny-imagenet/{train,valid}-*.parquet",
    notes=("the valid part is the test part; class names are WordNet ids, read from the files",),
)
datasets.register(ENTRY.name)(ENTRY)
