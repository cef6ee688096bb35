"""Draw the picture of docs/emergence.md: what detectors of ensembles find and what they invent.

python tools/detectors.py --repetitions 20

Every detector on the same planted sets: 1,000 samples of 10 classes, 100 units, an ensemble of 8
for each class; without any effect a unit answers to a fifth of the samples. Lines are means over
repetitions with 95 % Student-t intervals; the numbers are written beside the picture.
"""

import argparse
import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pauca.analysis import DETECTORS, PowerRecord, measure_power, planted
from pauca.metrics import Interval, mean_interval
from pauca.report.style import legend_below, looks, styled
from pauca.rng import generator_from

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "images" / "detectors.png"
EFFECTS = (0.0, 0.25, 0.5, 1.0, 1.5, 2.0)
SETS = {
    "units alike": {},
    "units of unlike strength": {"spread": 1.0},
    "a drive common to all units": {"correlation": 0.2},
}
MEASURES = {
    "power": "members found (%)",
    "false_discovery": "false among found (%)",
}
LOOKS = looks(tuple(DETECTORS))
Points = dict[str, list[tuple[float, Interval]]]


def points(records: Sequence[PowerRecord], measure: str) -> Points:
    """Mean and interval at every effect, by detector."""
    found: Points = {}
    for name in DETECTORS:
        for effect in EFFECTS:
            mine = [r for r in records if r.detector == name and r.effect == effect]
            values = [getattr(r, measure) for r in mine]
            if all(value == value for value in values):
                found.setdefault(name, []).append((effect, mean_interval(values)))
    return found


def draw(axes: Axes, found: Points) -> None:
    """One line a detector."""
    for place, (name, line) in enumerate(found.items()):
        look, shift = LOOKS[name], 0.02 * (place - (len(found) - 1) / 2)
        at = [effect + shift for effect, _ in line]
        axes.plot(
            at,
            [100 * i.mean for _, i in line],
            color=look.colour,
            ls=look.line,
            marker=look.marker,
            ms=5,
        )
        for x, (_, i) in zip(at, line, strict=True):
            axes.plot([x, x], [100 * max(i.low, 0), 100 * min(i.high, 1)], color=look.colour, lw=2)
    axes.set_ylim(-4, 104)
    axes.set_xticks(EFFECTS, [f"{effect:g}" for effect in EFFECTS])


def main() -> None:
    """Measure, draw, write the numbers."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--repetitions", type=int, default=20)
    repetitions = parser.parse_args().repetitions
    rows: list[tuple[object, ...]] = []
    with styled():
        drawing = Figure(figsize=(10, 5.6), layout="constrained")
        panels = drawing.subplots(len(MEASURES), len(SETS), sharex=True, sharey=True)
        for column, (kind, settings) in enumerate(SETS.items()):
            sets = partial(planted, 1000, 100, [8] * 10, active=0.2, **settings)
            records = measure_power(sets, EFFECTS, repetitions, generator=generator_from(0))
            for row, (measure, words) in enumerate(MEASURES.items()):
                axes, found = panels[row, column], points(records, measure)
                draw(axes, found)
                for name, line in found.items():
                    rows += [(kind, name, e, measure, i.mean, i.low, i.high, i.n) for e, i in line]
                if row == 0:
                    axes.set_title(kind)
                if column == 0:
                    axes.set_ylabel(words)
        panels[-1, 1].set_xlabel("planted effect (standard deviations)")
        handles = [
            Line2D([], [], color=LOOKS[n].colour, ls=LOOKS[n].line, marker=LOOKS[n].marker)
            for n in DETECTORS
        ]
        legend_below(drawing, handles, tuple(DETECTORS))
        drawing.savefig(PICTURE, dpi=150, facecolor="white")
    with PICTURE.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("sets", "detector", "effect", "measure", "mean", "low", "high", "n"))
        writer.writerows(rows)
    print(f"{PICTURE}: {repetitions} repetitions")


if __name__ == "__main__":
    main()
