"""A long Forward-Forward training: goes on where it was cut off, and tells how it goes."""

from collections.abc import Mapping
from typing import Any

from pauca.errors import InputError, PaucaError
from pauca.forward import Trained, Training
from pauca.learners.base import Checkpoint, Progress, Told

__all__ = ["run_long"]


def run_long(
    training: Training,
    settings: Mapping[str, Any],
    checkpoint: Checkpoint | None,
    told: Told | None,
    progress: Progress | None,
) -> Trained:
    """Take every step that is left.

    Args:
        training: Fresh.
        settings: Of the learner, complete and plain; a checkpoint holds them too.
        checkpoint: Where it leaves how far it came.
        told: Told each record of the history as soon as it is made.
        progress: Told which fraction of all steps is done.

    Raises:
        InputError: the checkpoint belongs to another training.
        RunError: the training diverged.
    """
    if checkpoint is not None:
        _go_on(training, settings, checkpoint.load())
    known = len(training.history)

    def after() -> None:
        nonlocal known
        if told is not None:
            for record in training.history[known:]:
                told(record)
        known = len(training.history)
        if checkpoint is not None and checkpoint.due():
            checkpoint.save({"settings": dict(settings), **training.state()})

    return training.run(progress, after=after)


def _go_on(
    training: Training, settings: Mapping[str, Any], state: Mapping[str, Any] | None
) -> None:
    if state is None:
        return
    try:
        if state.get("settings") == settings:
            training.load_state(state)
            return
        got = f"settings {state.get('settings')}"
    except PaucaError:
        raise
    except Exception as error:  # whatever a state of another form leads to
        got = f"another state: {type(error).__name__}: {error}"
    raise InputError(
        "this checkpoint belongs to another training",
        expected=f"settings {dict(settings)}",
        got=got[:500],
        todo="remove it, or train with the settings it was made with",
    )
