"""How figures look, and how they become SVG inside a page.

Colours are Okabe and Ito's, told apart by people with any colour vision; markers and line styles
say the same again, so that a grey print loses nothing.
"""

import io
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal
from xml.etree import ElementTree

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pauca.report.view import BASELINE

__all__ = [
    "Look",
    "figure",
    "inline_svg",
    "legend_below",
    "looks",
    "plain",
    "raw_svg",
    "short",
    "styled",
    "to_svg",
]

INK = "#222222"
SOFT = "#6b6b6b"
GRID = "#e3e3e3"

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "*")
_LINES: tuple[tuple[float, tuple[float, ...]] | Literal["solid"], ...] = (
    "solid",
    (0, (5, 1.5)),
    (0, (1, 1.2)),
    (0, (6, 1.5, 1, 1.5)),
)
_BASELINE_COLOUR = "#555555"

_SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same layout on every machine
    "font.size": 10,
    "axes.labelsize": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "text.color": INK,
    "text.parse_math": False,  # a name may hold dollar signs
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "figure.constrained_layout.w_pad": 0.1,  # inches: text in a page's own font may be wider
    "svg.fonttype": "none",  # text stays text: small, searchable, in the page's font
    "svg.hashsalt": "pauca",
    "image.interpolation": "none",
    "figure.dpi": 100,
}


@dataclass(frozen=True)
class Look:
    """Colour, marker and line style of one series, the same in every figure."""

    colour: str
    marker: str
    line: tuple[float, tuple[float, ...]] | Literal["solid"]

    @property
    def drawn(self) -> dict[str, Any]:
        """How a line with markers is drawn, for ``Axes.plot``."""
        return {
            "color": self.colour,
            "linestyle": self.line,
            "marker": self.marker,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
        }


def looks(labels: Sequence[str], names: Sequence[str] | None = None) -> dict[str, Look]:
    """A look for each label, in the study's order; random choice is always grey and dashed."""
    result: dict[str, Look] = {}
    place = 0
    for label, name in zip(labels, names or labels, strict=True):
        if name == BASELINE:
            result[label] = Look(_BASELINE_COLOUR, "X", (0, (4, 2)))
            continue
        line = _LINES[(place + place // len(_COLOURS)) % len(_LINES)]
        colour = _COLOURS[place % len(_COLOURS)]
        result[label] = Look(colour, _MARKERS[(place + place // 7) % len(_MARKERS)], line)
        place += 1
    return result


def plain(text: str) -> str:
    """Text that can stand in a figure: no control characters, no leading underscore."""
    text = re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]", "\ufffd", text)
    return f" {text}" if text.startswith("_") else text


def short(text: str, longest: int = 30) -> str:
    """A label that fits beside or below a figure."""
    return plain(text if len(text) <= longest else f"{text[: longest - 1]}…")


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the report's style; matplotlib's global settings are as before afterwards."""
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        # The page's reader has the glyph even where the font used for layout has not.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def figure(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of this size in inches with one pair of axes; call within ``styled``."""
    drawing = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(drawing)
    return drawing, drawing.add_subplot()


def legend_below(drawing: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """A legend under the axes, in as many columns as its longest label allows; the figure grows."""
    longest = max(map(len, labels), default=0)
    columns = 3 if longest <= 14 else 2 if longest <= 28 else 1
    rows = -(-len(labels) // columns)
    width, height = drawing.get_size_inches()
    drawing.set_size_inches(width, height + 0.22 * rows)
    texts = [short(label, 56) for label in labels]
    drawing.legend(handles, texts, loc="outside lower center", ncols=columns, handlelength=2.8)


def to_svg(drawing: Figure, key: str, alt: str) -> str:
    """The figure as an ``<svg>`` element for a page.

    Args:
        drawing: The figure.
        key: Put in front of every id, so that ids are unique over the page's figures.
        alt: What the figure shows, for those who cannot see it.
    """
    return inline_svg(raw_svg(drawing), drawing.get_size_inches()[0], key, alt)


def raw_svg(drawing: Figure, dpi: float | None = None) -> str:
    """The figure as the text of an SVG file; the same figure gives the same text.

    Args:
        drawing: The figure.
        dpi: Of what is an image in it; the style's own if left out.
    """
    out = io.StringIO()
    with styled():
        meta = {"Date": None, "Creator": None}
        drawing.savefig(out, format="svg", metadata=meta, dpi=dpi or "figure")
    return out.getvalue()


def inline_svg(text: str, width: float, key: str, alt: str) -> str:
    """An SVG file's text as an element for a page.

    Args:
        text: As ``raw_svg`` gives it.
        width: Of the figure, in inches.
        key: Put in front of every id.
        alt: What it shows.
    """
    root = ElementTree.fromstring(text)
    _localise(root, key)
    root.attrib.pop("version", None)
    root.attrib.pop("height", None)
    root.attrib.pop("width", None)
    root.attrib |= {"role": "img", "aria-label": plain(alt), "class": "plot"}
    root.attrib["style"] = f"max-width: {width * 96:.0f}px"
    return ElementTree.tostring(root, encoding="unicode", short_empty_elements=True)


def _localise(root: ElementTree.Element, key: str) -> None:
    """Drop name spaces, metadata and style sheets; prefix ids and what refers to them.

    Images are called by what they show, so equal ones have equal ids, to which nothing refers: the
    first keeps it.
    """
    seen: set[str] = set()
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        if element.get("id") in seen:
            element.attrib.pop("id")
        seen.add(element.get("id", ""))
        element.attrib = {
            name.rpartition("}")[2]: _refer(name.rpartition("}")[2], value, key)
            for name, value in element.attrib.items()
        }


def _refer(name: str, value: str, key: str) -> str:
    if name == "id":
        return f"{key}-{value}"
    if name == "href" and value.startswith("#"):
        return f"#{key}-{value[1:]}"
    return value.replace("url(#", f"url(#{key}-")
