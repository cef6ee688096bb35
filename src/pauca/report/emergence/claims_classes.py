"""The claims of the paper about other categories: unseen ones, and related ones.

Reference: Tosato et al., TMLR 2025 (arXiv 2305.18353).
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pauca.report.emergence.checks import Check, Reading, Verdict, compare, reading, verdict
from pauca.report.emergence.claims import DECIDES
from pauca.report.emergence.nets import FORWARD, Material, Net, Unseen
from pauca.report.emergence.related import CORRELATION, Contrast
from pauca.report.emergence.values import dig, mean
from pauca.report.words import join, repetitions

__all__ = ["related_claim", "unseen_claim"]

_COMPARED = "what it is compared with"
SECOND = "mean-ratio-1"
"""The published definition, by which a verdict has to come out too."""


def unseen_claim(material: Material) -> Verdict:
    """Categories never seen in training form ensembles of their own."""
    rule = (
        "The ensembles of two halves of a category's items agree (Jaccard index, mean over the"
        " categories left out) more than random sets, than random groups of seen items, than noise"
        " images, and than the same category in an untrained net: all intervals above zero, in a"
        f" layer, by {DECIDES} and by {SECOND} ensembles."
    )
    nets = [net for net in material.unseen if net.family == FORWARD and not net.untrained]
    claim = "Categories never seen form ensembles"
    if not nets:
        return verdict(claim, (), rule, missing=("no forward-forward net trained without a class",))
    starts = {net.label: material.start_of(net) for net in nets}
    missing = [
        f"no untrained net was shown the categories left out, beside {label}"
        for label, start in starts.items()
        if start is None
    ]
    readings = [
        reading(f"{net.label}, {d}", _unseen_checks(net, starts[net.label], d))
        for net in nets
        for d in (DECIDES, SECOND)
    ]
    remarks = [_which_words(net) for net in nets]
    return verdict(claim, readings, rule, missing=missing, remarks=remarks)


def _which_words(net: Unseen) -> str:
    return (
        f"{net.label}: {len(net.left_out)} categories were left out in turn,"
        f" {repetitions([len(net.repetitions)])} each; intervals are over repetitions."
    )


def _unseen_checks(net: Unseen, start: Unseen | None, definition: str) -> list[Check]:
    checks = []
    for layer in net.layers:
        own = _formed(net, layer, definition, "left-out", "jaccard")
        against: Mapping[str, tuple[str, dict[int, float], str]] = {
            "More alike than by chance": (
                "random sets of those sizes",
                _formed(net, layer, definition, "left-out", "chance"),
                _COMPARED,
            ),
            "More alike than groups without a category": (
                "random groups of seen items",
                _formed(net, layer, definition, "left-out", "null_jaccard"),
                "",
            ),
            "More alike than noise": (
                "noise images",
                _formed(net, layer, definition, "noise", "jaccard"),
                _COMPARED,
            ),
            "More alike than in the untrained net": (
                "the same category in the untrained net",
                {} if start is None else _formed(start, layer, definition, "left-out", "jaccard"),
                "",
            ),
        }
        for test, (what, other, by) in against.items():
            effect = f"Jaccard index of two halves less that of {what}"
            checks.append(compare(test, effect, layer, own, other, by=by))
    return checks


def _formed(net: Unseen, layer: str, definition: str, group: str, name: str) -> dict[int, float]:
    def read(record: Mapping[str, Any]) -> float:
        return mean(dig(record, "formation", net.own, layer, definition, group, name))

    return net.over_classes(read)


def related_claim(material: Material, contrasts: Sequence[Contrast]) -> Verdict:
    """Related categories share units, above chance, and more than in an untrained net.

    Args:
        material: Nets and groups of classes.
        contrasts: Of every net, untrained ones too, layer and definition; empty without groups.
    """
    claim = "Related categories share units"
    nets = material.trained(FORWARD)
    if not nets:
        return verdict(claim, (), _BY_GROUPS, missing=("no such net has finished in this study",))
    if contrasts:
        readings = [
            one
            for net in nets
            for d in (DECIDES, SECOND)
            if (one := _by_groups(material, net, d, contrasts))
        ]
        return verdict(claim, readings, _BY_GROUPS, missing=_without_start(material, nets))
    if material.related:
        missing = ("no ensembles were kept of which shared units could be counted",)
        return verdict(claim, (), _BY_GROUPS, missing=missing)
    readings = [_by_looks(material, net, d) for net in nets for d in (DECIDES, SECOND)]
    return verdict(claim, readings, _BY_LOOKS, missing=_without_start(material, nets))


_BY_GROUPS = (
    "Observed over expected shared units: above 1 within the groups named in the study, higher"
    " within than between them, and by more than in the untrained net (all intervals), with p below"
    f" .05 when classes are put into groups anew; by {DECIDES} and by {SECOND} ensembles."
)
_BY_LOOKS = (
    "The study names no groups. Pairs of classes that share more units have to look more alike"
    " (Mantel correlation with the likeness of mean images above zero), and that by more than in"
    f" the untrained net; by {DECIDES} and by {SECOND} ensembles."
)


def _without_start(material: Material, nets: Sequence[Net]) -> tuple[str, ...]:
    without = [net.label for net in nets if material.start_of(net) is None]
    return (f"no untrained net to compare {join(without)} with",) if without else ()


def _by_groups(
    material: Material, net: Net, definition: str, contrasts: Sequence[Contrast]
) -> Reading | None:
    start = material.start_of(net)
    held = {(c.net, c.layer): c for c in contrasts if c.definition == definition}
    checks = []
    for layer in net.layers:
        own = held.get((net.label, layer))
        other = held.get((start.label, layer)) if start else None
        if own is None:
            continue
        checks += [
            compare(
                "Related classes share above chance",
                "observed over expected within groups",
                layer,
                own.within,
                above=1.0,
            ),
            compare(
                "More than unrelated ones",
                "observed over expected within groups less between them",
                layer,
                own.difference,
                p=own.p,
            ),
            compare(
                "More so than in the untrained net",
                "the latter less that of the untrained net, paired",
                layer,
                own.difference,
                other.difference if other else {},
            ),
        ]
    return reading(f"{net.label}, {definition}", checks) if checks else None


def _by_looks(material: Material, net: Net, definition: str) -> Reading:
    start = material.start_of(net)
    checks = []
    for layer in net.layers:
        place = (layer, definition, "pixels", "correlation")
        own = net.at("relations", net.own, *place)
        other = start.at("relations", start.own, *place) if start else {}
        checks += [
            compare(
                "Classes that share units look alike",
                "Mantel correlation of shared units with the likeness of mean images",
                layer,
                own,
                within=CORRELATION,
            ),
            compare(
                "More so than in the untrained net",
                "that correlation less that of the untrained net, paired",
                layer,
                own,
                other,
            ),
        ]
    return reading(f"{net.label}, {definition}", checks)
