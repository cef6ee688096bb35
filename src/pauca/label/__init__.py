"""Labelling real data: a folder that holds a pool, its answers, and a model that chooses."""

from pauca.label.book import Training
from pauca.label.changing import Added
from pauca.label.classes import Class, Classes
from pauca.label.discovering import Accepted, Discovered, Proposed
from pauca.label.engine import Predictions
from pauca.label.exporting import (
    export,
    export_answers,
    export_model,
    export_with_predictions,
    labelling_config,
    write_batch,
    write_new_predictions,
    write_predictions,
)
from pauca.label.importing import Imported, import_file
from pauca.label.items import Items
from pauca.label.labels import Agreement, Disagreement, Labels
from pauca.label.pool import PoolOptions
from pauca.label.predictor import Predictor, load
from pauca.label.project import Project
from pauca.label.records import Answer, Entry, Event, Given, Leased, Version
from pauca.label.settings import ProjectSettings
from pauca.label.status import Advice, Status, Wanted

__all__ = [
    "Accepted",
    "Added",
    "Advice",
    "Agreement",
    "Answer",
    "Class",
    "Classes",
    "Disagreement",
    "Discovered",
    "Entry",
    "Event",
    "Given",
    "Imported",
    "Items",
    "Labels",
    "Leased",
    "PoolOptions",
    "Predictions",
    "Predictor",
    "Project",
    "ProjectSettings",
    "Proposed",
    "Status",
    "Training",
    "Version",
    "Wanted",
    "export",
    "export_answers",
    "export_model",
    "export_with_predictions",
    "import_file",
    "labelling_config",
    "load",
    "write_batch",
    "write_new_predictions",
    "write_predictions",
]
