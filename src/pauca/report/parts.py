"""What a page is made of: sections with pictures and tables."""

from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from pauca.report.style import to_svg
from pauca.report.tables import Table

__all__ = ["Picture", "Section", "as_svg", "counted"]


@dataclass(frozen=True)
class Picture:
    """One figure: a heading, one or more drawings, how to read it, what it says.

    Args:
        title: Its heading.
        svgs: Its drawings.
        how: How to read it.
        says: What it says, sentence by sentence.
        zoom: Whether a reader may look closer at a part of it.
        wide: Whether it takes the whole width of the page.
        large: Whether it is made of images, too large to be kept as text.
    """

    title: str
    svgs: tuple[Markup, ...]
    how: str
    says: tuple[str, ...]
    zoom: bool = False
    wide: bool = False
    large: bool = False


@dataclass(frozen=True)
class Section:
    """One part of the page."""

    title: str
    lead: str
    pictures: tuple[Picture, ...]
    tables: tuple[Table, ...]


def as_svg(drawing: Figure, key: str, alt: str) -> Markup:
    """The drawing as an element of a page; see ``style.to_svg``."""
    return Markup(to_svg(drawing, key, alt))


def counted(number: int, one: str, many: str) -> str:
    """``1 strategy``, ``3 strategies``."""
    return f"{number} {one if number == 1 else many}"
