"""What stands at the head of the page about emergence, and figures as parts of a page."""

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from pauca.report.emergence.parts import Emergence
from pauca.report.emergence.plate import Plate
from pauca.report.style import inline_svg
from pauca.report.words import join

__all__ = ["emergence_summary", "plate_svg"]


def emergence_summary(found: Sequence[Emergence]) -> Iterator[str]:
    """Every verdict in one sentence a data set."""
    for one in found:
        words: dict[str, list[str]] = {}
        for verdict in one.verdicts:
            words.setdefault(verdict.word, []).append(verdict.claim)
        order = ("confirmed", "depends", "not confirmed", "not decided")
        names = {"depends": "depends (on what is said below)"}
        parts = [f"{names.get(w, w)}: {join(_quoted(words[w]))}" for w in order if w in words]
        text = "; ".join(parts)
        yield f"Claims, {one.title}. {text[:1].upper()}{text[1:]}."


def _quoted(claims: Sequence[str]) -> list[str]:
    return [f"\u201c{claim}\u201d" for claim in claims]


def plate_svg(plate: Plate, key: str) -> Markup:
    """The figure as an element of a page.

    Args:
        plate: The figure.
        key: Put in front of its ids.
    """
    return Markup(inline_svg(plate.svg, plate.drawing.get_size_inches()[0], key, plate.alt))
