"""Draw the README's picture from the folders of two finished studies.

python tools/pictures.py runs/mnist-first runs/ff-mnist
"""

import argparse
import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from pauca.report import curves_record, draw_curves, draw_wall, read_study, read_walls
from pauca.store import SqliteStore

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "overview.png"
HEIGHT = 420


def curves(folder: Path) -> Figure:
    """Learning curves of the first comparison in a study."""
    with SqliteStore(folder / "study.db", readonly=True) as store:
        group = next(group for group in read_study(store).groups if group.kind == "active")
    figure = draw_curves(curves_record(group))
    figure.axes[0].set_title("digits to label first, on MNIST")
    return figure


def walls(folder: Path, models: tuple[str, ...]) -> list[Figure]:
    """First-layer activity of these models."""
    with SqliteStore(folder / "study.db", readonly=True) as store:
        group = next(group for group in read_study(store).groups if group.kind == "model")
        found = read_walls(store, group, len(group.series))
    figures = []
    for model in models:
        figure = draw_wall(found[model][0])
        figure.axes[0].set_title("", loc="left")
        figure.axes[0].set_title(f"{model}, first layer")
        figures.append(figure)
    return figures


def beside(figures: list[Figure]) -> Image.Image:
    """The figures in a row, equally high."""
    images = []
    for figure in figures:
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=200, bbox_inches="tight", facecolor="white")
        image = Image.open(file).convert("RGB")
        images.append(image.resize((round(image.width * HEIGHT / image.height), HEIGHT)))
    whole = Image.new("RGB", (sum(i.width for i in images) + 20 * len(images), HEIGHT), "white")
    left = 10
    for image in images:
        whole.paste(image, (left, 0))
        left += image.width + 20
    return whole


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("active", type=Path, help="folder of a study that compares strategies")
    parser.add_argument("models", type=Path, help="folder of a study that measures models")
    given = parser.parse_args()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figures = [curves(given.active), *walls(given.models, ("forward-forward", "backprop"))]
    beside(figures).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
