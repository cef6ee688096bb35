"""All that a study holds against one strategy, learner or score of it, repetition by repetition.

python tools/against.py runs/ff-active "mnist, backprop: margin"
python tools/against.py runs/ff-openset "...: margin: openset.novelty.energy.auroc" \
    --metric "openset.novelty.*.auroc" --only "*: margin: *"

A row is a setting with a strategy; its value is the area under the budget curve, or with --metric
what matches it in the last round, one row each (names as in the file of ``pauca export``). Printed
as a Markdown table: mean and difference with 95 % Student-t intervals, p of the paired t test after
Holm's correction for all rows, and in how many repetitions a row is above, level and below.
"""

import argparse
import sys
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pauca.metrics import holm
from pauca.report.areas import areas_record
from pauca.report.estimates import Estimate, estimate, paired, paired_p
from pauca.report.frame import measures
from pauca.report.view import StudyView, number, read_study
from pauca.store import SqliteStore

Rows = dict[str, Mapping[int, float]]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of a study")
    parser.add_argument("baseline", help='"SETTING: STRATEGY", or "SETTING: STRATEGY: METRIC"')
    parser.add_argument("--metric", help="in the last round, in place of the area; * is anything")
    parser.add_argument("--only", default="*", help="rows whose name matches; * is anything")
    parser.add_argument("--scale", type=float, default=100.0, help="what values are multiplied by")
    given = parser.parse_args()
    with SqliteStore(given.folder / "study.db", readonly=True) as store:
        view = read_study(store)
    rows = areas(view) if given.metric is None else last(view, given.metric)
    if given.baseline not in rows:
        sys.exit(f"no row {given.baseline!r}; there are:\n" + "\n".join(rows))
    kept = {k: v for k, v in rows.items() if k == given.baseline or fnmatchcase(k, given.only)}
    print(table(kept, given.baseline, given.scale))


def areas(view: StudyView) -> Rows:
    """{"setting: strategy": {repetition: area}} of finished repetitions."""
    return {
        f"{group.title}: {row.label}": dict(row.values)
        for group in view.kind("active")
        for row in areas_record(group).rows
    }


def last(view: StudyView, pattern: str) -> Rows:
    """{"setting: strategy: metric": {repetition: value}} of the last round of finished runs."""
    rows: dict[str, dict[int, float]] = {}
    for group in view.groups:
        for series in group.series:
            for repetition, run in series.done:
                for name, value in measures(run.rounds[-1]):
                    if fnmatchcase(name, pattern):
                        at = f"{group.title}: {series.label}: {name}"
                        rows.setdefault(at, {})[repetition] = number(value)
    return dict(rows)


def table(rows: Rows, baseline: str, scale: float) -> str:
    """Rows by mean difference, the largest first."""
    pairs = {k: paired(v, rows[baseline]) for k, v in rows.items() if k != baseline}
    p = holm([paired_p([d for _, d in pair]) for pair in pairs.values()]).tolist()
    lines = []
    for (name, pair), adjusted in zip(pairs.items(), p, strict=True):
        values = [d for _, d in pair]
        signs = "/".join(str(sum(side(d) == s for d in values)) for s in (1, 0, -1))
        found = estimate(values)
        mean = estimate(list(rows[name].values()))
        cells = (
            name,
            str(len(values)),
            words(mean, scale),
            words(found, scale, sign=True),
            f"{adjusted:.3f}",
            signs,
        )
        lines.append((-found.mean, f"| {' | '.join(cells)} |"))
    head = (
        f"Less {baseline} ({words(estimate(list(rows[baseline].values())), scale)}):\n\n"
        "| | repetitions | mean | difference | p | above/level/below |\n"
        "| --- | --: | --: | --: | --: | --: |\n"
    )
    return head + "\n".join(line for _, line in sorted(lines))


def side(value: float) -> int:
    """1 above zero, -1 below, else 0."""
    return int(value > 0) - int(value < 0)


def words(found: Estimate, scale: float, *, sign: bool = False) -> str:
    """The mean with its interval."""
    form = "{:+.2f}" if sign else "{:.2f}"
    mean, low, high = (
        form.format(scale * x).replace("-", "\u2212") for x in (found.mean, found.low, found.high)
    )
    return f"{mean} [{low}, {high}]"


if __name__ == "__main__":
    main()
