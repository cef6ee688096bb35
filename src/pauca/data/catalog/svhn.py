"""SVHN: street view house numbers, cropped digits (Netzer et al., 2011)."""

from pauca.data.augment import RandomCrop
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress

_SOURCE = HubImages("svhn", "ufldl-stanford/svhn", config="cropped_digits")
_PIXELS = Normalisation((0.4377, 0.4438, 0.4728), (0.1980, 0.2010, 0.1970))


def _read(*, progress: Progress | None = None) -> Dataset:
    return image_dataset(ENTRY, _SOURCE, ImageForm(32, 32, "RGB"), progress=progress)


ENTRY = Entry(
    name="svhn",
    kind="image",
    summary="digits of house numbers, 32 x 32 colour, 73,257 / 26,032",
    source="Hub: ufldl-stanford/svhn, cropped_digits",
    licence="custom, for non-commercial use only",
    class_count=10,
    classes=tuple("0123456789"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(4)),
    folder="svhn/{train,test}-*.parquet, or the same in svhn/cropped_digits/",
    notes=("the 531,131 extra images are not used",),
)
datasets.register(ENTRY.name)(ENTRY)
