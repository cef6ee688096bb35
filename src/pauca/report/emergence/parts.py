"""The sections of an emergence study, in the order in which they are read."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pauca.report.emergence.arrays import Arrays
from pauca.report.emergence.checks import Verdict
from pauca.report.emergence.claims import DECIDES, first_claims
from pauca.report.emergence.claims_classes import related_claim, unseen_claim
from pauca.report.emergence.control import control_record, control_rows, control_table
from pauca.report.emergence.ensembles import ensembles_record, ensembles_row, ensembles_table
from pauca.report.emergence.inhibition import (
    histograms_plate,
    inhibition_record,
    inhibition_row,
    inhibition_table,
)
from pauca.report.emergence.matrices import (
    PARTS,
    Effects,
    dominance_row,
    dominance_table,
    effects_plate,
    effects_record,
    largest,
)
from pauca.report.emergence.nets import Material, materials
from pauca.report.emergence.plate import Part, Plate, Row
from pauca.report.emergence.pruning import pruning_row
from pauca.report.emergence.related import (
    Contrast,
    contrast_record,
    related_row,
    related_table,
    relations_record,
)
from pauca.report.emergence.scatter import scatter_row
from pauca.report.emergence.sharing import (
    BOTH,
    Sharing,
    sharing_plate,
    sharing_record,
    trees_plate,
)
from pauca.report.emergence.sparsity import (
    indices_table,
    sparsity_record,
    sparsity_row,
    sparsity_table,
)
from pauca.report.emergence.spikes import DEFINITION, spikes_plate, spikes_record
from pauca.report.emergence.stability import stability_table
from pauca.report.emergence.totals import blind_table, totals_table, units_table
from pauca.report.emergence.unseen import (
    formation_record,
    formation_row,
    scores_table,
    shared_plate,
)
from pauca.report.emergence.unseen_scores import few_shot_plate, novelty_plate
from pauca.report.emergence.wall_plates import wall_rows
from pauca.report.tables import Table
from pauca.report.view import StudyView
from pauca.store.base import AbstractStore

__all__ = ["Emergence", "emergence"]

_DRAWN = 6
"""Figures of single nets are made for at most this many nets; tables have all."""


@dataclass(frozen=True, eq=False)
class Emergence:
    """What the report says about emergence in one data set.

    Args:
        title: Of the group of runs.
        verdicts: On every claim, conclusions first.
        parts: Sections.
    """

    title: str
    verdicts: tuple[Verdict, ...]
    parts: tuple[Part, ...]

    @property
    def plates(self) -> Iterator[Plate]:
        """Every figure, in order."""
        for part in self.parts:
            for row in part.rows:
                yield from row.plates


def emergence(store: AbstractStore, view: StudyView) -> tuple[Emergence, ...]:
    """One for each data set of which the study measures emergence; empty for other studies.

    Raises:
        StoreError: the arrays of a run cannot be read.
    """
    return tuple(
        _of(store, view, material)
        for material in materials(view)
        if material.nets or material.unseen
    )


def _of(store: AbstractStore, view: StudyView, material: Material) -> Emergence:
    arrays = Arrays(store)
    shared = _shared(material, arrays)
    contrasts = tuple(
        c for one in shared if (c := contrast_record(one, material.related)) is not None
    )
    verdicts = (
        *first_claims(material),
        unseen_claim(material),
        related_claim(material, contrasts),
    )
    parts = (
        _sparsity(material),
        _ensembles(store, view, material, arrays),
        _control(material),
        _sharing(material, shared, contrasts),
        _unseen(material),
        _causes(material),
        _scatter(material),
    )
    return Emergence(material.title, verdicts, tuple(p for p in parts if p is not None))


def _rows(*rows: Row | None) -> tuple[Row, ...]:
    return tuple(row for row in rows if row is not None)


def _tables(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)


def _each(
    title: str, how: str, plates: Iterable[Plate | None], shown: int | None = None
) -> tuple[Row, ...]:
    """One row a net, the words before the first of them.

    Untrained nets have to be opened, and with ``shown`` all but so many.
    """
    found = [plate for plate in plates if plate is not None]
    return tuple(
        Row(
            title if at == 0 else "",
            how if at == 0 else "",
            (plate,),
            each=True,
            folded=at > 0 and (plate.alt.endswith(", untrained") or at >= (shown or len(found))),
        )
        for at, plate in enumerate(found)
    )


def _sparsity(material: Material) -> Part | None:
    rows = sparsity_record(material)
    if not rows:
        return None
    return Part(
        "Sparsity",
        "A sparse layer has few units active at a time. What counts is the comparison with the"
        " untrained net and with backprop at several learning rates, not the number.",
        (sparsity_row(rows, material),),
        (sparsity_table(rows, material),),
        (indices_table(rows),),
    )


def _ensembles(
    store: AbstractStore, view: StudyView, material: Material, arrays: Arrays
) -> Part | None:
    rows = ensembles_record(material)
    spikes = [spikes_record(net, arrays) for net in material.nets[:_DRAWN]]
    how = (
        "Mean activity of each unit on test items of a class, no answer shown; units stand in order"
        " of the class they prefer, the same order in all rows of a column. Members of the class's"
        f" ensemble ({DEFINITION}) are red. Category-specific: red strokes stand in another place"
        " in each row."
    )
    pictures = (
        *((ensembles_row(rows),) if rows else ()),
        *wall_rows(store, view, material, _DRAWN),
        *_each(
            "Units by class",
            how,
            (spikes_plate(one, material) for one in spikes if one),
        ),
    )
    stable = stability_table(material, arrays)
    if not pictures and stable is None:
        return None
    return Part(
        "Ensembles",
        "Does a class have units of its own, and would other items give the same ones?",
        pictures,
        _tables(stable),
        _tables(
            ensembles_table(rows) if rows else None, units_table(material), blind_table(material)
        ),
    )


def _control(material: Material) -> Part | None:
    rows = control_record(material)
    if not rows:
        return None
    return Part(
        "Label control",
        "These nets read a label together with the image, so the label alone may make the pattern."
        " The answer is taken away, replaced by a wrong one, or shown without an image.",
        control_rows(rows),
        (),
        (control_table(rows),),
    )


def _shared(material: Material, arrays: Arrays) -> tuple[Sharing, ...]:
    return tuple(
        found
        for net in material.nets
        for definition in BOTH
        for layer in net.layers
        if (found := sharing_record(net, layer, definition, arrays)) is not None
    )


def _sharing(
    material: Material, shared: Sequence[Sharing], contrasts: Sequence[Contrast]
) -> Part | None:
    relations = [
        one
        for net in material.nets
        for layer in net.layers
        if (one := relations_record(net, layer, DECIDES)) is not None
    ]
    own = [c for c in contrasts if c.definition == DECIDES]
    if not shared and not relations:
        return None
    by_net = {
        net.label: held
        for net in material.nets[:_DRAWN]
        if (held := [s for s in shared if s.net == net.label])
    }
    matrix = (
        "Units that two classes share, over what random sets of their sizes would: orange they"
        " share, purple they avoid each other, white is chance, grey undefined. Large dots: new"
        " nets would show it too (t test over repetitions); small dots: not chance in these nets"
        " (exact test); false-discovery rate 5\u202f%, over pairs."
    )
    tree = (
        "Classes join where they share units: the further left, the more. In brackets, how well"
        " the tree shows the distances (1 is faithful, near 0 it shows what is not there)."
    )
    return Part(
        "Sharing",
        "Units that ensembles of different classes have in common, against chance; live units"
        " only, no answer shown.",
        (
            *((related_row(own, relations, material),) if own or relations else ()),
            *_each(
                "Who shares with whom",
                matrix,
                (sharing_plate(h, material) for h in by_net.values()),
            ),
            *_each(
                "Trees of classes", tree, (trees_plate(h, material) for h in by_net.values()), 1
            ),
        ),
        (),
        _tables(related_table(contrasts) if contrasts else None, totals_table(material)),
    )


def _unseen(material: Material) -> Part | None:
    trained = [net for net in material.unseen if not net.untrained][:_DRAWN]
    records = [one for net in trained for one in formation_record(material, net)]
    known = [one for one in records if any(e.n for e in one.jaccard.values())]
    if not material.unseen:
        return None
    shares = (
        "Units that the ensemble of a category never seen shares with those of seen categories,"
        " over what random sets would; summed over repetitions. Orange: more than chance."
    )
    novelty = novelty_plate(material)
    few = [few_shot_plate(material, part) for part in ("few_shot", "few_shot_left_out")]
    scores = Row(
        "Is it noticed as new?",
        "How often an item of the category left out has a higher score than one of a seen category:"
        " 0.5 is a coin, 1 without a mistake. Means over categories, 95\u202f% intervals over"
        " repetitions.",
        (novelty,) if novelty else (),
    )
    learned = _each(
        "Is it learned from a few examples?",
        "Accuracy in naming further items from 1, 5 or 10 examples of each category. Means over"
        " categories left out, 95\u202f% intervals over repetitions.",
        few,
    )
    return Part(
        "Categories never seen",
        "Each category is left out of the training in turn, then shown.",
        (
            *((formation_row(known, material),) if known else ()),
            *_each("Whom does it resemble?", shares, (shared_plate(material, n) for n in trained)),
            *((scores,) if novelty else ()),
            *learned,
        ),
        (),
        (scores_table(known, material),) if known else (),
    )


def _causes(material: Material) -> Part | None:
    effects = [e for net in material.nets for part in PARTS for e in effects_record(net, part)]
    inhibition = [one for net in material.nets for one in inhibition_record(net)]
    drawn = {net.label for net in material.nets[:_DRAWN]}
    by_net = {
        label: [one for one in inhibition if one.net == label]
        for label in dict.fromkeys(one.net for one in inhibition)
        if label in drawn
    }
    histograms = (
        "Above: share of inhibition in the drive of members and of other units. Below: weights from"
        " the layer below between units of one ensemble and of different ones."
    )
    rows = (
        *((dominance_row(effects, material),) if effects else ()),
        *_matrices(effects, material, drawn),
        *_rows(pruning_row(material)),
        *((inhibition_row(inhibition, material),) if inhibition else ()),
        *_each("Distributions", histograms, (histograms_plate(h) for h in by_net.values()), 1),
    )
    if not rows:
        return None
    return Part(
        "Causes",
        "Are the units needed, or a by-product? Ensembles are silenced or driven, units are"
        " removed, inhibition is taken away; beside each stands what random sets of as many units"
        " do.",
        rows,
        (),
        (
            *((dominance_table(effects),) if effects else ()),
            *((inhibition_table(inhibition),) if inhibition else ()),
        ),
    )


_HOW = {
    "lesions, same size": "Accuracy lost on each class when the ensemble of another (row) is"
    " silent, beyond the loss from random sets of its size; means over repetitions. A red diagonal:"
    " an ensemble is needed for its own class alone.",
    "drive, answers": "Half of an ensemble is made as active as on its own class while other"
    " classes are shown: how many more items are then taken for each class, beyond random sets.",
}


def _matrices(effects: Sequence[Effects], material: Material, drawn: set[str]) -> tuple[Row, ...]:
    titles = {"lesions, same size": "Lesions", "drive, answers": "Drive"}
    rows: list[Row] = []
    for part, title in titles.items():
        held: dict[str, list[Effects]] = {}
        for one in effects:
            if one.part == part and one.net in drawn:
                held.setdefault(one.net, []).append(one)
        top = largest(one for records in held.values() for one in records)
        plates = (effects_plate(h, material, top) for h in held.values())
        rows += _each(title, _HOW[part], plates)
    return tuple(rows)


def _scatter(material: Material) -> Part | None:
    row = scatter_row(material)
    if row is None:
        return None
    return Part(
        "Accuracy against sparsity",
        "Does a net have to be sparse to be accurate, and is sparsity more than a large learning"
        " rate?",
        (row,),
    )
