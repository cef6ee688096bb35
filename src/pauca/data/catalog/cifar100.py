"""CIFAR-100, fine labels (Krizhevsky, 2009)."""

from pauca.data.augment import RandomCrop, RandomFlip
from pauca.data.catalog._entry import Entry, Normalisation, datasets
from pauca.data.catalog._hub_images import HubImages, evaluation, image_dataset, training
from pauca.data.dataset import Dataset
from pauca.data.images import ImageForm, Progress

# the Hub's columns: img, fine_label, coarse_label
_SOURCE = HubImages("cifar100", "uoft-cs/cifar100", image="img", label="fine_label")
_PIXELS = Normalisation((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762))
_CLASSES = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""


def _read(*, progress: Progress | None = None) -> Dataset:
    return image_dataset(ENTRY, _SOURCE, ImageForm(32, 32, "RGB"), progress=progress)


ENTRY = Entry(
    name="cifar100",
    kind="image",
    summary="a hundred kinds of things, 32 x 32 colour, 50,000 / 10,000",
    source="Hub: uoft-cs/cifar100",
    licence="unknown (Krizhevsky, 2009); part of 80 Million Tiny Images",
    class_count=100,
    classes=tuple(_CLASSES.split()),
    read=_read,
    normalisation=_PIXELS,
    evaluate=evaluation(_PIXELS),
    train=training(_PIXELS, RandomCrop(4), RandomFlip()),
    folder="cifar100/{train,test}-*.parquet",
    notes=("fine labels; the twenty coarse ones are not used",),
)
datasets.register(ENTRY.name)(ENTRY)
