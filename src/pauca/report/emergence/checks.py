"""From tests to verdicts: what holds where, by stated rules.

A **check** is one test in one layer: an effect over repetitions with its 95 % Student-t interval,
and the number that the whole interval has to exceed. A **reading** is what all checks of one net
say, layer by layer. A **verdict** is what the readings of all nets say about a claim.

A layer bears a claim out when every check in it holds. All of several tests have to succeed for
that, each at its level, so nothing is gained by having many of them and no correction is due; what
holds in some layers only is reported as depending on the layer.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pauca.report.emergence.values import over, two
from pauca.report.estimates import ANYWHERE, Estimate, estimate, paired
from pauca.report.words import join, repetitions

__all__ = ["Check", "Reading", "Verdict", "Word", "compare", "reading", "verdict"]

Word = Literal["confirmed", "not confirmed", "depends", "not decided"]
_ALPHA = 0.05


@dataclass(frozen=True)
class Check:
    """One test in one layer.

    Args:
        test: What holds if it succeeds, in words; the same for all layers.
        effect: What is measured, and against what.
        layer: Name.
        found: Effect over repetitions.
        above: What the whole interval has to exceed.
        p: Of a test beside the interval, which has to be below .05; None where there is none.
        by: What the claim depends on, if checks with this key are all that fail in a layer and
            another one with it holds there; empty where a failure is a failure.
    """

    test: str
    effect: str
    layer: str
    found: Estimate
    above: float = 0.0
    p: float | None = None
    by: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether it does; None where there is no interval (or no p)."""
        if not self.found.known or (self.p is not None and math.isnan(self.p)):
            return None
        return self.found.low > self.above and (self.p is None or self.p < _ALPHA)

    @property
    def turned(self) -> bool:
        """Whether the interval says the opposite."""
        return self.found.known and self.found.high < self.above


@dataclass(frozen=True)
class Reading:
    """What all checks of one net say.

    Args:
        net: Label.
        word: Over its layers.
        checks: All of them.
        layers: {layer: ``yes`` if every check holds there, ``no``, ``?`` where it is not known, or
            what it depends on}.
        note: More words, such as by which definition.
    """

    net: str
    word: Word
    checks: tuple[Check, ...]
    layers: Mapping[str, str]
    note: str = ""

    @property
    def sentences(self) -> tuple[tuple[str, str], ...]:
        """(mark, sentence) of each test, over layers: effect, interval, n."""
        tests: dict[str, list[Check]] = {}
        for check in self.checks:
            tests.setdefault(check.test, []).append(check)
        return tuple((_mark(held), _sentence(test, held)) for test, held in tests.items())


@dataclass(frozen=True)
class Verdict:
    """What a study says about one claim.

    Args:
        claim: In a few words.
        word: Over all nets.
        on: What it depends on, or why it is not decided.
        rule: How it was decided, in a few words.
        readings: Of each net.
        missing: What would be needed and is not there.
        remarks: Further sentences, each with its numbers.
    """

    claim: str
    word: Word
    on: str
    rule: str
    readings: tuple[Reading, ...]
    missing: tuple[str, ...] = ()
    remarks: tuple[str, ...] = field(default=())


def compare(
    test: str,
    effect: str,
    layer: str,
    values: Mapping[int, float],
    baseline: Mapping[int, float] | None = None,
    *,
    above: float = 0.0,
    by: str = "",
    p: float | None = None,
    within: tuple[float, float] = ANYWHERE,
) -> Check:
    """A check of values, or of their paired differences to a baseline, repetition by repetition."""
    if baseline is None:
        return Check(test, effect, layer, over(values.values(), within), above, p, by)
    differences = [d for _, d in paired(values, baseline)]
    return Check(test, effect, layer, estimate(differences), above, p, by)


def reading(net: str, checks: Sequence[Check], note: str = "") -> Reading:
    """Layer by layer: every check holds, one fails, or it cannot be said."""
    layers = {
        layer: _state([c for c in checks if c.layer == layer])
        for layer in dict.fromkeys(c.layer for c in checks)
    }
    return Reading(net, _word(list(layers.values())), tuple(checks), layers, note)


def _state(checks: Sequence[Check]) -> str:
    failing = {c.by for c in checks if c.holds is False}
    if failing:
        by = next(iter(failing)) if len(failing) == 1 else ""
        return by if by and any(c.holds for c in checks if c.by == by) else "no"
    return "?" if not checks or any(c.holds is None for c in checks) else "yes"


def _word(layers: Sequence[str]) -> Word:
    if layers and all(state == "yes" for state in layers):
        return "confirmed"
    if layers and all(state == "no" for state in layers):
        return "not confirmed"
    return "not decided" if set(layers) <= {"no", "?"} else "depends"


def verdict(
    claim: str,
    readings: Sequence[Reading],
    rule: str,
    *,
    missing: Sequence[str] = (),
    remarks: Sequence[str] = (),
) -> Verdict:
    """Nets agree, or it depends on the net, on the layer, on what they are compared with."""
    words = [r.word for r in readings]
    known = [w for w in words if w != "not decided"]
    if not known:
        word: Word = "not decided"
    elif len(set(words)) == 1:
        word = words[0]
    else:
        word = "not decided" if set(known) == {"not confirmed"} else "depends"
    on = _depends(readings) if known else _why_not(readings, missing)
    return Verdict(
        claim,
        word,
        on if word in ("depends", "not decided") else "",
        rule,
        tuple(readings),
        tuple(missing),
        tuple(remarks),
    )


def _why_not(readings: Sequence[Reading], missing: Sequence[str]) -> str:
    if missing:
        return "; ".join(missing)
    if not readings:
        return "no such net in this study"
    counts = [c.found.n for r in readings for c in r.checks]
    if max(counts, default=0) < 2:
        return "fewer than two repetitions, hence no interval"
    return "a part of the tests has no value"


def _depends(readings: Sequence[Reading]) -> str:
    """On what: where it holds, of each net."""
    parts = []
    for one in readings:
        if one.word == "not decided":
            parts.append(f"{one.net}: not decided")
            continue
        said = [
            f"{_WHERE.get(state, f'on {state}')} in {join(_in(one, state))}"
            for state in dict.fromkeys(one.layers.values())
        ]
        parts.append(f"{one.net}: {', '.join(said)}")
    return "; ".join(parts)


_WHERE = {"yes": "holds", "no": "not", "?": "not decided"}


def _in(one: Reading, state: str) -> list[str]:
    return [layer for layer, held in one.layers.items() if held == state]


def _mark(checks: Sequence[Check]) -> str:
    held = [c.holds for c in checks]
    if all(h is True for h in held):
        return "yes"
    if all(h is None for h in held):
        return "unknown"
    if any(held):
        return "partly"
    return "no" if any(c.turned for c in checks) else "open"


def _sentence(test: str, checks: Sequence[Check]) -> str:
    form: Callable[[float], str] = two
    parts = []
    for c in checks:
        if c.found.n == 0:
            parts.append(f"{c.layer} no value")
            continue
        ends = f" [{form(c.found.low)}, {form(c.found.high)}]" if c.found.known else ""
        p = "" if c.p is None or math.isnan(c.p) else f", p = {c.p:.4f}"
        parts.append(f"{c.layer} {form(c.found.mean)}{ends}{p}")
    counts = [c.found.n for c in checks if c.found.n]
    over_n = f" ({repetitions(counts)})" if counts else ""
    bound = f"; needs more than {two(checks[0].above)}" if checks[0].above else ""
    return f"{test}: {checks[0].effect}, {'; '.join(parts)}{over_n}{bound}."
