"""Single units, ensembles without labels, and all shared units together, as tables."""

from pauca.report.emergence.nets import Material, Net
from pauca.report.emergence.sharing import BOTH
from pauca.report.emergence.values import over, three, two
from pauca.report.estimates import COUNT, Estimate
from pauca.report.tables import Cell, Column, Table, cell

__all__ = ["blind_table", "totals_table", "units_table"]

_UNITS = {
    "auc": ("AUC", "0.5 is chance"),
    "d_prime": ("d\u2032", "standard deviations"),
    "class_selectivity": ("Selectivity index", "\u22121 to 1"),
    "mutual_information": ("Mutual information", "bits"),
}


def units_table(material: Material) -> Table | None:
    """How far single units tell classes apart, no answer shown; None where nothing was kept."""
    rows = []
    for net in material.nets:
        for layer in net.layers:
            found = [over(net.at("selectivity", net.own, layer, n).values()) for n in _UNITS]
            if any(e.n for e in found):
                rows.append((Cell(net.label), Cell(layer), *(cell(e, three) for e in found)))
    columns = (*_PLACE, *(Column(name, hint) for name, hint in _UNITS.values()))
    note = "Means over live units, of each unit\u2019s best class; no answer shown."
    return Table("Selectivity of single units", columns, tuple(rows), (note,)) if rows else None


_PLACE = (Column("Net", numeric=False), Column("Layer", numeric=False))


def blind_table(material: Material) -> Table | None:
    """Ensembles found without labels; None where nothing was kept."""
    rows = []
    for net in material.nets:
        for layer in net.layers:
            place = ("coactivation", net.own, layer)
            counted = over(net.at(*place, "found").values(), COUNT)
            if counted.n:
                parts = [over(net.at(*place, n).values()) for n in ("size", "auc", "chance_auc")]
                cells = (cell(e, form) for e, form in zip(parts, (two, two, two), strict=True))
                rows.append((Cell(net.label), Cell(layer), cell(counted, two), *cells))
    columns = (
        *_PLACE,
        Column("Ensembles found"),
        Column("Units", "of each"),
        Column("AUC", "of each with its best class"),
        Column("AUC by chance"),
    )
    note = "Units that are active together, whatever for; labels are read afterwards."
    return Table("Ensembles without labels", columns, tuple(rows), (note,)) if rows else None


def totals_table(material: Material) -> Table | None:
    """All shared units over what random sets share, also of the same activity."""
    rows = []
    for net in material.nets:
        for layer in net.layers:
            for definition in BOTH:
                found = [_ratio(net, layer, definition, part) for part in _PARTS]
                if any(e.n for e in found):
                    head = (Cell(net.label), Cell(layer), Cell(definition))
                    rows.append((*head, *(cell(e, two) for e in found)))
    columns = (
        *_PLACE,
        Column("Definition", numeric=False),
        Column("Shared over random sets", "1 is chance"),
        Column("Shared over sets as active", "1 is chance"),
    )
    notes = (
        "Unit-pairs that all ensembles of a layer share, over the mean of random sets of their"
        " sizes, and of random sets of units about as active. Below 1: ensembles avoid each other.",
    )
    return Table("Shared units in all", columns, tuple(rows), notes) if rows else None


_PARTS = ("total", "matched")


def _ratio(net: Net, layer: str, definition: str, part: str) -> Estimate:
    place = ("sharing", net.own, layer, definition, part)
    observed, drawn = net.at(*place, "observed"), net.at(*place, "mean")
    return over(observed[r] / drawn[r] for r in observed if drawn.get(r, 0) > 0)
