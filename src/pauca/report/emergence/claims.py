"""The claims of the paper about trained categories: sparse, category-specific, in which nets.

Reference: Tosato et al., TMLR 2025 (arXiv 2305.18353).
"""

from collections.abc import Sequence

from pauca.report.emergence.checks import Check, Reading, Verdict, Word, compare, reading, verdict
from pauca.report.emergence.nets import FORWARD, Material, Net
from pauca.report.emergence.values import over, three, two
from pauca.report.estimates import SHARE, Estimate, estimate, paired
from pauca.report.words import join, share, with_interval

__all__ = ["DECIDES", "LEAST_AUC", "ensemble_checks", "first_claims"]

DECIDES = "selective"
"""The definition of an ensemble that decides: more active for one class than for the others."""
LEAST_AUC = 0.64
"""Least area under the ROC curve that counts, the medium effect that the definition asks for."""
_NEAR = 0.02
"""A backprop net counts as a rival if its accuracy is at most this much lower."""
ACCURATE = 0.005
"""As accurate as backprop: the whole interval of the difference lies above minus this."""


def first_claims(material: Material) -> tuple[Verdict, ...]:
    """Sparse, category-specific, not under backprop, under bp-ff, and as accurate as backprop."""
    return (
        sparse(material),
        specific(material),
        not_under_backprop(material),
        under_bp_ff(material),
        accurate(material),
    )


def sparse(material: Material) -> Verdict:
    """Forward-forward layers are sparser than the untrained net and than any rival backprop net."""
    nets = material.trained(FORWARD)
    rule = (
        "In a layer, Hoyer sparsity without the answer has to be higher than that of the untrained"
        " net, and than that of every backprop net of this study, whatever its learning rate, whose"
        f" accuracy is at most {share(_NEAR)} points lower: all paired intervals above zero."
    )
    readings = []
    for net in nets:
        checks = _sparser_than_start(material, net)
        rivals = _rivals(material, net)
        for rival in rivals:
            checks += _sparser_than_rival(net, rival)
        if not rivals:
            checks += [
                Check("Sparser than backprop", "no backprop net to compare with", layer, over(()))
                for layer in net.layers
            ]
        readings.append(reading(net.label, checks))
    missing = _missing(material, nets)
    if nets and not any(_rivals(material, net) for net in nets):
        missing = (*missing, "no backprop net about as accurate")
    return verdict("Forward-Forward representations are sparse", readings, rule, missing=missing)


def specific(material: Material) -> Verdict:
    """Forward-forward ensembles answer to categories, and to the image rather than the label."""
    nets = material.trained(FORWARD)
    readings = [reading(net.label, _specific(material, net)) for net in nets]
    remarks = [f"{net.label}: {words}" for net in nets if (words := _blank_words(net))]
    return verdict(
        "Ensembles are category-specific",
        readings,
        f"{_SPECIFIC_RULE} All intervals on the right side, in a layer. Definition: {DECIDES}.",
        missing=_missing(material, nets),
        remarks=remarks,
    )


_SPECIFIC_RULE = (
    "Ensembles have more members than under shuffled labels, come out again on test items above"
    " chance, and units are more selective than in the untrained net, by AUC, by d\u2032 and by the"
    " selectivity index (where these disagree, it depends on the measure); in nets that read a"
    f" label they also tell their class under the neutral label (AUC above {LEAST_AUC}), follow the"
    " image rather than the label when both disagree, and come out again from images without the"
    " answer more than from the answer without an image."
)


def not_under_backprop(material: Material) -> Verdict:
    """No layer of a backprop net has sparse, category-specific ensembles."""
    nets = material.trained("backprop")
    rule = (
        "Confirmed if in every layer of every backprop net a test says that it is not sparser than"
        " the untrained net or not category-specific (rules above without the label): a whole"
        " interval at zero or below, for a test that is open shows nothing. Not confirmed if every"
        " layer passes all. A test marked yes speaks against the claim."
    )
    readings = [_denied(reading(n.label, ensemble_checks(material, n))) for n in nets]
    found = verdict(
        "Plain backprop has no such ensembles", readings, rule, missing=_missing(material, nets)
    )
    if found.word != "depends":
        return found
    where = [(r.net, [la for la, state in r.layers.items() if state == "yes"]) for r in readings]
    on = "; ".join(f"{net}: they are there in {join(la) or 'no layer'}" for net, la in where)
    return Verdict(found.claim, found.word, on, rule, found.readings, found.missing)


def _denied(one: Reading) -> Reading:
    """The reading of the opposite: a layer bears it out if a whole interval says so."""
    refuted = {c.layer for c in one.checks if c.found.known and c.found.high <= c.above}
    layers = {
        layer: "?" if state == "no" and layer not in refuted else state
        for layer, state in one.layers.items()
    }
    turned: dict[Word, Word] = {"confirmed": "not confirmed", "not confirmed": "confirmed"}
    word = "not decided" if one.word == "not confirmed" and "?" in layers.values() else one.word
    return Reading(one.net, turned.get(word, word), one.checks, layers, one.note)


def under_bp_ff(material: Material) -> Verdict:
    """Backprop on the same goodness has sparse, category-specific ensembles too."""
    nets = material.trained("bp-ff")
    readings = [reading(net.label, ensemble_checks(material, net)) for net in nets]
    rule = (
        "In a layer, sparser than the untrained net and category-specific, by the rules above, the"
        " label control included."
    )
    return verdict(
        "Backprop on the same goodness (bp-ff) has such ensembles",
        readings,
        rule,
        missing=_missing(material, nets),
    )


def accurate(material: Material) -> Verdict:
    """A forward-forward net as accurate as backprop still has the ensembles."""
    best = max(
        material.trained("backprop"), key=lambda n: over(n.accuracy.values()).mean, default=None
    )
    rule = (
        "Forward-forward nets whose accuracy is that of the most accurate backprop net or higher"
        f" (paired interval above \u2212{share(ACCURATE)} points) are held to: sparser than the"
        " untrained net and category-specific, by the rules above."
    )
    claim = "A Forward-Forward net as accurate as backprop has such ensembles"
    nets = material.trained(FORWARD)
    if best is None or not nets:
        family = "backprop" if best is None else FORWARD
        return verdict(claim, (), rule, missing=(f"no {family} net in this study",))
    gaps = {net.label: _gap(net, best) for net in nets}
    remarks = tuple(_gap_words(net, best, gaps[net.label]) for net in nets)
    chosen = [net for net in nets if gaps[net.label].known and gaps[net.label].low > -ACCURATE]
    if not chosen:
        none = ("no forward-forward net of this study is as accurate as backprop",)
        return verdict(claim, (), rule, missing=none, remarks=remarks)
    readings = [reading(net.label, ensemble_checks(material, net)) for net in chosen]
    return verdict(claim, readings, rule, missing=_missing(material, chosen), remarks=remarks)


def _gap(net: Net, best: Net) -> Estimate:
    return estimate([d for _, d in paired(net.accuracy, best.accuracy)])


def _gap_words(net: Net, best: Net, gap: Estimate) -> str:
    own = with_interval(over(net.accuracy.values()))
    other = with_interval(over(best.accuracy.values()))
    ends = f" [{_signed(gap.low)}, {_signed(gap.high)}]" if gap.known else ""
    return (
        f"{net.label}: accuracy {own}, against {other} of {best.label}; paired difference"
        f" {_signed(gap.mean)}{ends} points (n = {gap.n})."
    )


def _signed(value: float) -> str:
    return f"{100 * value:+.2f}".replace("-", "\u2212")


def ensemble_checks(material: Material, net: Net) -> list[Check]:
    """Everything that sparse, category-specific ensembles have to pass, layer by layer."""
    return [*_sparser_than_start(material, net), *_specific(material, net)]


def _sparser_than_start(material: Material, net: Net) -> list[Check]:
    start = material.start_of(net)
    return [
        compare(
            "Sparser than untrained",
            "Hoyer sparsity less that of the untrained net, paired",
            layer,
            net.hoyer(layer) if start else {},
            start.hoyer(layer) if start else {},
        )
        for layer in net.layers
    ]


def _rivals(material: Material, net: Net) -> tuple[Net, ...]:
    """Backprop nets about as accurate, from the lowest learning rate to the highest."""
    own = over(net.accuracy.values()).mean
    nets = [*material.trained("backprop"), *(m for m in material.models if m.family == "backprop")]
    near = [n for n in nets if over(n.accuracy.values()).mean >= own - _NEAR]
    return tuple(sorted(near, key=lambda n: n.rate))


def _sparser_than_rival(net: Net, rival: Net) -> list[Check]:
    """Layer by layer; a deeper layer than the rival has is compared with its last one."""
    last = len(rival.layers) - 1
    how = f"Hoyer sparsity less that of {rival.label} ({_accuracy(rival)}), paired"
    return [
        compare(
            f"Sparser than {rival.label}",
            how,
            layer,
            net.hoyer(layer),
            rival.hoyer(rival.layers[min(depth, last)]) if last >= 0 else {},
            by="the learning rate of backprop",
        )
        for depth, layer in enumerate(net.layers)
    ]


def _accuracy(net: Net) -> str:
    return f"accuracy {share(over(net.accuracy.values()).mean)}\u202f%"


def _specific(material: Material, net: Net) -> list[Check]:
    start, own = material.start_of(net), net.own
    checks = []
    for layer in net.layers:
        null = ("nulls", own, layer, DECIDES)
        found = ("ensembles", own, layer, DECIDES)
        checks += [
            compare(
                "More members than by chance",
                "members of all ensembles less those under shuffled labels",
                layer,
                net.at(*null, "observed"),
                net.at(*null, "shuffled"),
            ),
            compare(
                "The same units on test items",
                "Jaccard index of train and test ensembles less chance",
                layer,
                net.at(*found, "jaccard"),
                net.at(*found, "chance"),
            ),
            *_selectivity_checks(net, start, layer),
        ]
        if net.reads_label:
            checks += _label_checks(net, layer)
    return checks


def _selectivity_checks(net: Net, start: Net | None, layer: str) -> Sequence[Check]:
    """By every measure: silence within the own class counts against a unit in some of them only."""
    return [
        compare(
            f"{_SELECTIVE} ({name})",
            f"mean {name} of units for their best class less that of the untrained net, paired",
            layer,
            net.at("selectivity", net.own, layer, key),
            start.at("selectivity", start.own, layer, key) if start else {},
            by="the measure of selectivity",
        )
        for key, name in _MEASURES.items()
    ]


_SELECTIVE = "Units more selective than untrained"
_MEASURES = {"auc": "AUC", "d_prime": "d\u2032", "class_selectivity": "selectivity index"}


def _label_checks(net: Net, layer: str) -> Sequence[Check]:
    auc = ("label_control", layer, "auc", DECIDES)
    return (
        compare(
            "Tells its class without the label",
            "AUC of the ensemble's mean activity under the neutral label",
            layer,
            net.at(*auc, "neutral"),
            above=LEAST_AUC,
            by="the label",
            within=SHARE,
        ),
        compare(
            "Follows the image, not the label",
            "under wrong labels, AUC for the image's class less AUC for the label's",
            layer,
            net.at(*auc, "wrong_image"),
            net.at(*auc, "wrong_label"),
            by="the label",
        ),
        compare(
            "Made by the image, not by the label's pixels",
            "Jaccard index with the ensemble under the true label: of the one under the neutral"
            " label less that of the units a blank image with the label makes active",
            layer,
            net.at("label_control", layer, "neutral_true", DECIDES, "jaccard"),
            net.at("label_control", layer, "blank", "jaccard"),
            by="the label",
        ),
    )


def _blank_words(net: Net) -> str:
    """What a blank image with the label alone does, against chance."""
    parts = []
    for layer in net.layers:
        place = ("label_control", layer, "blank")
        found, chance = (over(net.at(*place, name).values()) for name in ("jaccard", "chance"))
        if found.n and chance.n:
            parts.append(f"{layer} {with_interval(found, two, '')} against {three(chance.mean)}")
    if not parts:
        return ""
    return (
        "units that a blank image with the label alone makes active, against the ensemble of that"
        f" label (Jaccard index; chance): {'; '.join(parts)}."
    )


def _missing(material: Material, nets: Sequence[Net]) -> tuple[str, ...]:
    """What stands in the way of a verdict about these nets."""
    if not nets:
        return ("no such net has finished in this study",)
    missing = []
    without = [net.label for net in nets if material.start_of(net) is None]
    if without:
        missing.append(f"no untrained net to compare {join(without)} with")
    unlabelled = [
        net.label
        for net in nets
        if net.reads_label and not any(r.get("label_control") for r in net.records.values())
    ]
    if unlabelled:
        missing.append(f"no label control of {join(unlabelled)}")
    few = [net.label for net in nets if len(net.records) < 2]
    if few:
        missing.append(f"fewer than two repetitions of {join(few)}, hence no interval")
    return tuple(missing)
