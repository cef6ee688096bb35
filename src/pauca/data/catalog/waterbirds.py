"""Waterbirds: birds on land or water backgrounds that go with the class in training only."""

from torch import Tensor

from pauca.data.augment import RandomCrop, RandomFlip
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import (
    HubImages,
    ReadSplit,
    evaluation,
    image_dataset,
    training,
)
from pauca.data.dataset import Dataset, Split
from pauca.data.images import ImageForm, Progress, Size, both_sides
from pauca.errors import DataError

# the Hub's columns: image, label (0 landbird, 1 waterbird), place (0 land, 1 water), bird
_SOURCE = HubImages("waterbirds", "grodino/waterbirds", extras=("place",))
# of ImageNet, as every published study of this set uses
_PIXELS = Normalisation((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_GROUPS = (
    "landbird on land",
    "landbird on water",
    "waterbird on land",
    "waterbird on water",
)


def _grouped(part: ReadSplit) -> Split:
    return Split(part.x, part.y, groups=_groups(part.y, part.extras["place"]))


def _groups(label: Tensor, place: Tensor) -> Tensor:
    if len(place) and not bool(((place == 0) | (place == 1)).all()):
        raise DataError(
            "a place is neither land nor water",
            expected="0 or 1",
            where="waterbirds",
            todo="fetch the files again: this column is not as published",
        )
    return 2 * label + place


def _read(*, size: Size = 224, progress: Progress | None = None) -> Dataset:
    side = both_sides(size)
    form = ImageForm(*side, mode="RGB", fit="crop")
    note = f"photographs of many sizes were cut to the middle and brought to {side[0]} x {side[1]}"
    return image_dataset(
        ENTRY,
        _SOURCE,
        form,
        progress=progress,
        finish=_grouped,
        group_names=_GROUPS,
        notes=(note,),
    )


ENTRY = Entry(
    name="waterbirds",
    kind="image",
    summary="landbirds and waterbirds on land and water, with groups, 4,795 / 5,794",
    source="Hub: grodino/waterbirds",
    licence="as CUB-200-2011 and Places: non-commercial research (Sagawa et al., ICLR 2020)",
    class_count=2,
    classes=("landbird", "waterbird"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(16), RandomFlip()),
    folder="waterbirds/{train,test}-*.parquet",
    notes=(
        "report the worst group; the validation part, balanced as the test part is, is not used",
    ),
)
datasets.register(ENTRY.name)(ENTRY)
