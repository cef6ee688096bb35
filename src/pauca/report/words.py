"""What the numbers say, in sentences made from them; never more than the statistics allow."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from pauca.report.areas import CLAIM, AreaRow, AreasRecord
from pauca.report.courses import Course, LayerCourse
from pauca.report.curves import CurvesRecord
from pauca.report.estimates import Estimate
from pauca.report.models import ModelRow, ModelsRecord
from pauca.report.walls import Wall

T = TypeVar("T")

__all__ = [
    "CLAIM",
    "FIRST_LOOK",
    "accuracy_words",
    "area_words",
    "caution",
    "comparison",
    "course_words",
    "curve_words",
    "fitting",
    "hoyer_words",
    "join",
    "models_summary",
    "repetitions",
    "share",
    "signed",
    "some",
    "wall_words",
    "with_interval",
]

FIRST_LOOK = 5
"""Repetitions below which a result is only a first look."""

_NAMED = 4
"""At most this many strategies or models are named one by one in a sentence."""


_NARROW = 0.005
"""An interval narrower than this, as a fraction, would look like a single number at one decimal."""


def join(parts: Sequence[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def some(parts: Sequence[str]) -> str:
    """``join`` of up to four; of more, the first three and how many others."""
    if len(parts) <= 4:
        return join(parts)
    return f"{', '.join(parts[:3])} and {len(parts) - 3} more"


def share(value: float) -> str:
    """A fraction in per cent, one decimal."""
    return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "\u2212")


def signed(value: float) -> str:
    """A difference of fractions in percentage points, two decimals, with its sign."""
    return f"{round(100 * value, 2) + 0.0:+.2f}".replace("-", "\u2212")


def fitting(found: Estimate, form: Callable[[float], str]) -> Callable[[float], str]:
    """The form itself; for shares with an interval below half a point one with two decimals."""
    narrow = found.known and found.high - found.low < _NARROW
    return _share_finely if form is share and narrow else form


def _share_finely(value: float) -> str:
    return f"{round(100 * value, 2) + 0.0:.2f}".replace("-", "\u2212")


def with_interval(
    found: Estimate, form: Callable[[float], str] = share, unit: str = "\u202f%"
) -> str:
    """``97.1 % [96.5, 97.7]``, or without an interval where there is none."""
    if found.n == 0:
        return "no value"
    form = fitting(found, form)
    head = f"{form(found.mean)}{unit}"
    return f"{head} [{form(found.low)}, {form(found.high)}]" if found.known else head


def repetitions(counts: Sequence[int]) -> str:
    """``5 repetitions``, ``3 to 5 repetitions``, ``1 repetition``."""
    low, high = min(counts), max(counts)
    if low == high:
        return f"{low} repetition{'' if low == 1 else 's'}"
    return f"{low} to {high} repetitions"


def caution(fewest: int) -> str:
    """What so many repetitions allow to be said; empty from 20 on."""
    if fewest >= CLAIM:
        return ""
    if fewest < 2:
        return "With one repetition there is no interval, and nothing is decided."
    if fewest < FIRST_LOOK:
        return (
            f"With only {fewest} repetitions this is a first look that more repetitions may"
            " turn round."
        )
    return f"With fewer than {CLAIM} repetitions this is an indication, not a claim."


def comparison(record: AreasRecord) -> str:
    """How the strategies stand against random over the whole budget, with intervals."""
    if record.baseline is None:
        return (
            "No random choice was run beside these strategies, so this study cannot say whether"
            f" asking by strategy is worth it. {_highest(record)}"
        ).strip()
    rows = record.compared
    if not rows and len(record.rows) == 1:
        return f"Random choice alone was run. {_highest(record)}".strip()
    if not rows:
        return "No repetition has finished for both random choice and another strategy yet."
    counts = [row.difference.n for row in rows if row.difference is not None]
    over = f"Over {repetitions(counts)}"
    if max(counts) < 2:
        named = _list([f"{row.label} {_difference(row)}" for row in rows[:_NAMED]], len(rows))
        return (
            f"In one repetition, the area under the budget curve less random's is: {named}."
            " A single repetition cannot tell a difference from chance."
        )
    above = [row for row in rows if row.verdict > 0]
    below = [row for row in rows if row.verdict < 0]
    between = [row for row in rows if row.verdict == 0]
    parts = [
        *([f"{_verdict(above, 'above')}"] if above else []),
        *([f"{_verdict(below, 'below')}"] if below else []),
        *([_undecided(between)] if between else []),
    ]
    test = "; Wilcoxon's signed-rank test decides" if min(counts) >= CLAIM else ""
    allowed = f", after Holm's correction for {len(rows)} comparisons" if len(rows) > 1 else ""
    return (
        f"{over}, {'; '.join(parts)} (area under the budget curve, paired 95\u202f% Student-t"
        f" intervals{test}{allowed})."
    )


def curve_words(record: CurvesRecord) -> tuple[str, str]:
    """Where the curves end, and what their bands mean."""
    known = [
        (at, curve.label, found)
        for curve in record.curves
        for at, found in zip(curve.labels, curve.estimates, strict=True)
        if found.n
    ]
    if not known:
        return "No round has a test accuracy that is a number.", ""
    budget = max(at for at, _, _ in known)
    there = {label: found for at, label, found in known if at == budget}
    ranked = sorted(there, key=lambda label: -there[label].mean)
    named = [f"{label} {with_interval(there[label])}" for label in _ends_of(ranked)]
    between = ", from highest to lowest" if len(named) > 1 else ""
    labels = "1 label" if budget == 1 else f"{budget:,} labels"
    first = f"Mean test accuracy at {labels}{between}: {_list(named, len(ranked))}."
    return first, _band_words(record)


def area_words(record: AreasRecord) -> tuple[str, ...]:
    """What the picture of differences says, and how much that is worth."""
    rows = record.compared
    if not rows:
        return (_highest(record) or "No repetition has finished yet.",)
    counts = [row.difference.n for row in rows if row.difference is not None]
    first = comparison(record)
    return tuple(filter(None, (first, caution(min(counts)))))


def accuracy_words(record: ModelsRecord) -> tuple[str, ...]:
    """Which model is most accurate, and whether the intervals say so."""
    rows = [row for row in record.finished if row.accuracy.n]
    named = [f"{row.label} {with_interval(row.accuracy)}" for row in _ends_of(rows)]
    first = f"Mean test accuracy: {_list(named, len(rows))}."
    if len(rows) < 2:
        return (first,)
    return first, _apart(rows[0].label, rows[0].accuracy, rows[1].label, rows[1].accuracy)


def hoyer_words(record: ModelsRecord) -> tuple[str, ...]:
    """How sparse the first and last layers are, and whether that can be told apart."""
    rows = sorted((r for r in record.finished if r.layers), key=lambda r: -_first_hoyer(r).mean)
    named = [f"{r.label} {with_interval(_first_hoyer(r), _two, '')}" for r in _ends_of(rows)]
    first = f"Hoyer sparsity of the first layer, neutral label: {_list(named, len(rows))}."
    if len(rows) < 2:
        return (first,)
    top, next_one = rows[0], rows[1]
    second = _apart(top.label, _first_hoyer(top), next_one.label, _first_hoyer(next_one))
    return first, second


def course_words(course: Course) -> tuple[str, ...]:
    """What the figure of a training shows at its end, layer by layer."""
    found = [_layer_words(layer) for layer in course.layers]
    return (f"At the end: {'; '.join(found)}.",)


def _layer_words(layer: LayerCourse) -> str:
    up, down = layer.positive[-1].mean, layer.negative[-1].mean
    words = f"layer {layer.layer} goodness {up:.2f} and {down:.2f}"
    words += f", separation {share(layer.separation[-1].mean)}\u202f%"
    if layer.accuracy[-1].n:
        words += f", accuracy {share(layer.accuracy[-1].mean)}\u202f%"
    dead = layer.dead[-1]
    return words + (f", {dead.mean:.0f} units silent" if dead.n and dead.mean >= 0.5 else "")


def models_summary(record: ModelsRecord) -> str:
    """Accuracy and first-layer sparsity of the models in one sentence."""
    rows = record.finished
    if not rows:
        return "No model has finished training yet."
    parts = []
    for row in rows[:_NAMED]:
        sparse = ""
        if row.layers:
            sparse = f" (first-layer Hoyer sparsity {with_interval(_first_hoyer(row), _two, '')})"
        parts.append(f"{row.label} {with_interval(row.accuracy)}{sparse}")
    over = repetitions([max(row.accuracy.n, 1) for row in rows])
    trained = "" if record.labels is None else f"Trained on {record.labels:,} labels, "
    return f"{trained}test accuracy over {over}: {_list(parts, len(rows))}."


def wall_words(walls: Sequence[Wall], *, reads_label: bool) -> tuple[str, str]:
    """How many units are active, and how far activity goes by class."""
    active = [f"{share(w.active)}\u202f% in {w.layer}" for w in walls]
    first = f"On average a sample makes {join(active)} of the units active; {_dead_words(walls)}."
    by_class = [f"{share(w.between)}\u202f% in {w.layer}" for w in walls if w.between == w.between]
    chance = f"{share(walls[0].chance)}\u202f%" if walls[0].chance == walls[0].chance else "unknown"
    second = (
        f"Class explains {join(by_class) or 'none'} of the variance of activity over samples"
        f" ({chance} expected by chance), in this one repetition"
    )
    if reads_label:
        second += "; the net is shown the true label, which may itself make part of the pattern"
    broken = sum(w.broken for w in walls)
    if broken:
        second += f"; {broken:,} values were not finite and are drawn in orange"
    return first, f"{second}."


def _dead_words(walls: Sequence[Wall]) -> str:
    if not any(w.dead for w in walls):
        return "no unit is silent for every sample shown"
    if len({w.units for w in walls}) == 1:
        counts = f"{join([f'{w.dead:,}' for w in walls])} of {walls[0].units:,} units"
    else:
        counts = f"{join([f'{w.dead:,} of {w.units:,}' for w in walls])} units"
    return f"{counts} are silent for every sample shown"


def _two(value: float) -> str:
    return f"{value:.2f}"


def _first_hoyer(row: ModelRow) -> Estimate:
    return row.layers[0].neutral


def _verdict(rows: Sequence[AreaRow], word: str) -> str:
    named = [f"{row.label} ({_difference(row)})" for row in rows[:_NAMED]]
    verb = "is" if len(rows) == 1 else "are"
    return f"{_list(named, len(rows))} {verb} {word} random"


def _difference(row: AreaRow) -> str:
    found = row.difference
    return "" if found is None else with_interval(found, signed, " points")


def _undecided(rows: Sequence[AreaRow]) -> str:
    named = [f"{row.label} ({_difference(row)})" for row in rows[:_NAMED]]
    return f"{_list(named, len(rows))} cannot be told from random"


def _highest(record: AreasRecord) -> str:
    known = [row for row in record.rows if row.area.n]
    if not known:
        return ""
    named = [f"{row.label} {with_interval(row.area)}" for row in _ends_of(known)]
    return f"Mean area under the budget curve: {_list(named, len(known))}."


def _band_words(record: CurvesRecord) -> str:
    counts = [found.n for curve in record.curves for found in curve.estimates if found.n]
    if max(counts) < 2:
        return "There is one repetition, hence no interval: the lines say nothing about chance."
    over = repetitions(counts)
    text = f"Bands are 95\u202f% Student-t intervals of the mean over {over}"
    if min(counts) < record.repetitions:
        text += f" ({record.repetitions} planned, so later points may rest on fewer)"
    return (
        f"{text}. Strategies share each repetition's beginnings, so overlapping bands decide"
        " nothing; paired differences do."
    )


def _apart(first: str, a: Estimate, second: str, b: Estimate) -> str:
    if not (a.known and b.known):
        return "With one repetition there is no interval, so the order may be chance."
    apart = a.low > b.high
    verdict = "do not overlap" if apart else "overlap, so their order is not settled"
    note = caution(min(a.n, b.n))
    return f"The intervals of the two highest, {first} and {second}, {verdict}. {note}".strip()


def _ends_of(ranked: Sequence[T]) -> list[T]:
    return list(ranked) if len(ranked) <= _NAMED else [*ranked[: _NAMED - 1], ranked[-1]]


def _list(named: Sequence[str], total: int) -> str:
    if total <= len(named):
        return join(named)
    return f"{', '.join(named)} ({total - len(named)} more in the table)"
