"""Chest X-rays of children, normal or pneumonia (Kermany et al., Cell, 2018)."""

from pauca.data.augment import RandomCrop, RandomRotation
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress, Size, both_sides

# PneumoniaMNIST (MedMNIST) has the same images: 4,708 + 524 = 5,216 + 16 and 624 for the test
_SOURCE = HubImages("pneumonia", "hf-vision/chest-xray-pneumonia", train=("train", "validation"))
_PIXELS = Normalisation((0.5,), (0.5,))


def _read(*, size: Size = 28, progress: Progress | None = None) -> Dataset:
    side = both_sides(size)
    form = ImageForm(*side, mode="L", fit="crop")
    note = f"X-rays of many sizes were cut to the middle and brought to {side[0]} x {side[1]}, grey"
    return image_dataset(ENTRY, _SOURCE, form, progress=progress, notes=(note,))


ENTRY = Entry(
    name="pneumonia",
    kind="image",
    summary="chest X-rays of children, normal or pneumonia, 5,232 / 624",
    source="Hub: hf-vision/chest-xray-pneumonia",
    licence="CC BY 4.0 (Kermany, Zhang, Goldbaum, 2018)",
    class_count=2,
    classes=("NORMAL", "PNEUMONIA"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomRotation(10), RandomCrop(2)),
    folder="pneumonia/{train,validation,test}-*.parquet",
    notes=(
        "train and the 16 validation images make the pool; at size 28 these are the images of "
        "PneumoniaMNIST (train and val joined, same test), resampled here",
    ),
)
datasets.register(ENTRY.name)(ENTRY)
