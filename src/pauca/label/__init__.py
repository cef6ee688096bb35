"""Labelling real data: a folder that holds a pool, its answers, and a model that chooses."""

from pauca.label.book import Training
from pauca.label.classes import Class, Classes
from pauca.label.engine import Predictions
from pauca.label.exporting import export, export_answers, write_batch, write_predictions
from pauca.label.importing import Imported, import_file
from pauca.label.items import Items
from pauca.label.label_studio import labelling_config
from pauca.label.labels import Agreement, Disagreement, Labels
from pauca.label.pool import PoolOptions
from pauca.label.project import Entry, Project
from pauca.label.records import Answer, Event, Given, Leased
from pauca.label.settings import ProjectSettings
from pauca.label.status import Advice, Status

__all__ = [
    "Advice",
    "Agreement",
    "Answer",
    "Class",
    "Classes",
    "Disagreement",
    "Entry",
    "Event",
    "Given",
    "Imported",
    "Items",
    "Labels",
    "Leased",
    "PoolOptions",
    "Predictions",
    "Project",
    "ProjectSettings",
    "Status",
    "Training",
    "export",
    "export_answers",
    "import_file",
    "labelling_config",
    "write_batch",
    "write_predictions",
]
