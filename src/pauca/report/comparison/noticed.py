"""Whether learners notice what is of no known class: every score of novelty, setting by setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from pauca.report.dots import bar, key_line
from pauca.report.estimates import SHARE, Estimate, estimate
from pauca.report.parts import Picture, as_svg
from pauca.report.style import SOFT, legend_below, looks, short, styled
from pauca.report.view import Group, Series, number
from pauca.report.words import with_interval

__all__ = ["NoticedRecord", "draw_noticed", "noticed_picture", "noticed_record", "noticed_words"]

_SETTINGS = 7
"""At most this many settings are told apart."""
_ROW = 0.8  # of a row, over which settings are spread
_CHANCE = 0.5


@dataclass(frozen=True)
class NoticedRecord:
    """AUROC after the last training, for one strategy.

    Args:
        strategy: Whose labels the learners learned from.
        settings: Titles, in the study's order.
        scores: {score: {setting: AUROC}}, the highest mean over its settings first.
    """

    strategy: str
    settings: tuple[str, ...]
    scores: Mapping[str, Mapping[str, Estimate]]


def noticed_record(groups: Sequence[Group]) -> NoticedRecord | None:
    """Of random choice, or else the first strategy; None where no pool was open."""
    found: dict[str, dict[str, Estimate]] = {}
    settings, label = [], ""
    for group in groups:
        series = group.baseline or group.series[0]
        areas = _areas(series)
        if areas:
            settings.append(group.title)
            label = series.label
        for score, values in areas.items():
            found.setdefault(score, {})[group.title] = estimate(values, SHARE)
    if not found:
        return None
    order = sorted(found, key=lambda score: -_mean(found[score]))
    return NoticedRecord(label, tuple(settings), {score: found[score] for score in order})


def draw_noticed(record: NoticedRecord) -> Figure:
    """A row a score, a mark a setting."""
    style, many = looks(record.settings), len(record.settings)
    with styled():
        height = 1.1 + len(record.scores) * (0.2 + 0.08 * many)
        drawing = Figure(figsize=(7.0, height), layout="constrained")
        FigureCanvasSVG(drawing)
        axes = drawing.add_subplot()
        for place, found in enumerate(record.scores.values()):
            for at, title in enumerate(record.settings):
                if title in found:
                    shift = _ROW * (at - (many - 1) / 2) / many
                    bar(axes, place + shift, found[title], style[title], scale=100)
        axes.axvline(100 * _CHANCE, color=SOFT, linewidth=1.2, zorder=1)
        axes.set_yticks(range(len(record.scores)), [short(score, 34) for score in record.scores])
        axes.set_ylim(len(record.scores) - 0.4, -0.6)
        axes.set_xlabel("AUROC (%): unknown against known test items; 50 is chance")
        axes.grid(visible=False, axis="y")
        for edge in range(1, len(record.scores)):
            axes.axhline(edge - 0.5, color="#eeeeee", linewidth=0.8, zorder=0)
        keys = [key_line(style[title]) for title in record.settings]
        legend_below(drawing, keys, record.settings)
    return drawing


def noticed_words(record: NoticedRecord) -> tuple[str, ...]:
    """The best score of each setting."""
    said = []
    for title in record.settings:
        held = {s: found[title] for s, found in record.scores.items() if title in found}
        best = max(held, key=lambda score: held[score].mean)
        said.append(f"{title}: {best} {with_interval(held[best])}")
    return (f"Highest: {'; '.join(said)}.",)


def noticed_picture(groups: Sequence[Group], key: str) -> tuple[Picture, ...]:
    """The picture; nothing where no pool was open, or there are too many settings."""
    record = noticed_record(groups) if len(groups) <= _SETTINGS else None
    if record is None:
        return ()
    says = noticed_words(record)
    how = (
        f"Scores that a learner can give, trained on labels asked for by {record.strategy}; the"
        " best on average on top. Bars: 95\u202f% intervals over repetitions."
    )
    svg = as_svg(draw_noticed(record), f"{key}n", " ".join(says))
    title = "Is it noticed that an item is of no known class?"
    return (Picture(title, (svg,), how, says, wide=True),)


def _areas(series: Series) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for _, run in series.done:
        scores = (run.rounds[-1].get("openset") or {}).get("novelty") or {}
        for score, measures in scores.items():
            found.setdefault(score, []).append(number(measures.get("auroc")))
    return found


def _mean(found: Mapping[str, Estimate]) -> float:
    return sum(each.mean for each in found.values()) / len(found)
