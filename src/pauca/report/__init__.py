"""A study's results for people: one HTML page, one tidy table, and the figures behind them.

Every figure is made in two steps: a small frozen record is computed (``curves_record``), then drawn
(``draw_curves``), so that its numbers can be had without the picture.
"""

from pauca.report.areas import AreasRecord, areas_record, draw_areas
from pauca.report.curves import CurvesRecord, curves_record, draw_curves
from pauca.report.export import export_frame, export_study
from pauca.report.models import ModelsRecord, draw_accuracy, draw_hoyer, models_record
from pauca.report.page import build_page
from pauca.report.view import Group, StudyView, read_study
from pauca.report.walls import Wall, draw_wall, read_walls
from pauca.report.write import results_frame, write_report, write_text

__all__ = [
    "AreasRecord",
    "CurvesRecord",
    "Group",
    "ModelsRecord",
    "StudyView",
    "Wall",
    "areas_record",
    "build_page",
    "curves_record",
    "draw_accuracy",
    "draw_areas",
    "draw_curves",
    "draw_hoyer",
    "draw_wall",
    "export_frame",
    "export_study",
    "models_record",
    "read_study",
    "read_walls",
    "results_frame",
    "write_report",
    "write_text",
]
