"""What emerges: verdicts on claims, figures and tables from runs of kinds emergence and unseen.

Each module computes small frozen records first and draws them after, so that numbers can be had
without pictures. What a verdict means is said in ``checks`` and ``claims``.
"""

from pauca.report.emergence.checks import Check, Reading, Verdict
from pauca.report.emergence.files import FOLDER, write_figures
from pauca.report.emergence.nets import Material, Net, Unseen, materials
from pauca.report.emergence.parts import Emergence, emergence
from pauca.report.emergence.plate import Part, Plate, Row

__all__ = [
    "FOLDER",
    "Check",
    "Emergence",
    "Material",
    "Net",
    "Part",
    "Plate",
    "Reading",
    "Row",
    "Unseen",
    "Verdict",
    "emergence",
    "materials",
    "write_figures",
]
