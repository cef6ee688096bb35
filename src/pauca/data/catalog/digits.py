"""The digits that scikit-learn carries: 1,797 images of 8 x 8 (Alpaydin and Kaynak, 1998)."""

import torch

from pauca.data.augment import RandomCrop
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import evaluation, training
from pauca.data.dataset import Dataset, Split, Task
from pauca.data.images import Progress
from pauca.data.labels import stratified_split

_TEST = 500
_SPLIT_SEED = 0
_PIXELS = Normalisation((0.3061,), (0.3760,))


def _read(*, progress: Progress | None = None) -> Dataset:
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    # 0..16 -> 0..255, uint8 [n, 1, 8, 8]
    x = (torch.from_numpy(pixels) * 255 / 16).round().to(torch.uint8).reshape(-1, 1, 8, 8)
    y = torch.from_numpy(labels).to(torch.int64)
    train, test = stratified_split(y, _TEST, _SPLIT_SEED)
    if progress is not None:
        progress(1.0)
    return Dataset(
        task=Task(
            ENTRY.name,
            ENTRY.kind,
            (1, 8, 8),
            ENTRY.classes,
            evaluation(_PIXELS),
            training(_PIXELS, RandomCrop(1)),
        ),
        train=Split(x[train], y[train]),
        test=Split(x[test], y[test]),
        licence=ENTRY.licence,
        source=ENTRY.source,
        notes=ENTRY.notes,
    )


ENTRY = Entry(
    name="digits",
    kind="image",
    summary="handwritten digits, 8 x 8 grey, 1,297 / 500; needs no network",
    source="scikit-learn, load_digits",
    licence="CC BY 4.0 (UCI, Optical Recognition of Handwritten Digits)",
    class_count=10,
    classes=tuple("0123456789"),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(1)),
    notes=("grey levels 0..16 are stored as 0..255; the split, stratified and fixed, is pauca's",),
)
datasets.register(ENTRY.name)(ENTRY)
