"""What a check compares before and after: a learner's state, the global random generators."""

import hashlib
import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.learners.base import AbstractLearner

__all__ = ["global_state", "state_digest"]


def state_digest(learner: AbstractLearner) -> str:
    """Hash of every bit of a learner's state."""
    found = hashlib.sha256()
    _feed(found.update, learner.state())
    return found.hexdigest()


def global_state() -> tuple[object, ...]:
    """The states of the global generators of torch, Python and NumPy."""
    kind, keys, *rest = np.random.get_state()
    numpys = (kind, np.asarray(keys).tobytes(), *rest)
    return torch.random.get_rng_state().numpy().tobytes(), random.getstate(), numpys


def _feed(update: Callable[[bytes], object], value: Any) -> None:
    if isinstance(value, Mapping):
        for key in value:
            update(repr(key).encode())
            _feed(update, value[key])
    elif isinstance(value, list | tuple):
        for part in value:
            _feed(update, part)
    elif isinstance(value, Tensor):
        update(f"{value.dtype}{list(value.shape)}".encode())
        update(value.detach().cpu().contiguous().numpy().tobytes())
    else:
        update(repr(value).encode())
