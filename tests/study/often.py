"""Imported by name in every worker: trainings leave how far they came after every step, slowly."""

import os
import time
from collections.abc import Mapping
from typing import Any

from pauca.study import checkpoint

_save = checkpoint.FileCheckpoint.save


def _slowly(self: checkpoint.FileCheckpoint, state: Mapping[str, Any]) -> None:
    _save(self, state)
    time.sleep(float(os.environ.get("PAUCA_TEST_PAUSE", "0")))


checkpoint.EVERY = 0.0
checkpoint.FileCheckpoint.save = _slowly  # type: ignore[method-assign]
