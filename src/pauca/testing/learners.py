"""What every learner must do, as checks that run over any of them."""

import io
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pauca.data.dataset import Dataset, Task
from pauca.errors import CapabilityError, InputError
from pauca.learners.base import (
    AbstractLearner,
    FitReport,
    LabelInput,
    learners,
    make_learner,
)
from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.testing.fakes import tiny_image_dataset
from pauca.testing.process import OtherProcess
from pauca.testing.states import global_state, state_digest
from pauca.testing.variants import digest

__all__ = ["LEARNER_CHECKS", "Make", "check_learner", "check_other_process", "maker"]

Make = Callable[[Task], AbstractLearner]
"""Makes a fresh, untrained learner for a task; the same at every call."""

_TOLERANCE = 1e-4
_ASTRAY = 0.1  # part of the items that a column from a search may differ in
_COLUMNS = ("probs", "features", "goodness")


def check_learner(
    make: str | Make,
    dataset: Dataset | None = None,
    *,
    process: OtherProcess | None = None,
    **settings: Any,
) -> None:
    """Run every check over a learner registered under a name, or over what a function makes.

    Args:
        make: A name, or a function from a task to a fresh learner; the function must be picklable
            (defined in a module).
        dataset: What is learned; small images if None.
        process: A second process to use; without one, one is started and ended here.
        **settings: Settings of a learner that is given by name; without any, its ``quick`` ones.

    Raises:
        AssertionError: the first rule that is broken.
    """
    dataset = tiny_image_dataset() if dataset is None else dataset
    made = maker(make, **settings) if isinstance(make, str) else make
    for check in LEARNER_CHECKS:
        check(made, dataset)
    if process is not None:
        check_other_process(made, dataset, process)
        return
    with OtherProcess() as own:
        check_other_process(made, dataset, own)


def maker(name: str, **settings: Any) -> Make:
    """Makes the learner registered under ``name``; without settings, with its ``quick`` ones."""
    found = learners.get(name)
    if not settings and isinstance(found, type) and issubclass(found, AbstractLearner):
        settings = dict(found.quick)
    return partial(_made, name, settings)


def check_description(make: Make, dataset: Dataset) -> None:
    """It says what it is; the name it is registered under is its own; probs are among ``gives``."""
    learner = make(dataset.task)
    for word in ("name", "summary", "reference"):
        value = getattr(learner, word, None)
        _expect(isinstance(value, str) and bool(value.strip()), learner, f"has no {word}")
    _expect(learner.name == learner.name.lower(), learner, "has capitals in its name")
    _expect(isinstance(learner.gives, frozenset), learner, "has gives that are no frozenset")
    _expect("probs" in learner.gives, learner, "does not give probs")
    for name in learners.names():
        if learners.get(name) is type(learner):
            _expect(name == learner.name, learner, f"is registered as {name!r}")


def check_untrained(make: Make, dataset: Dataset) -> None:
    """Before any training it says that it is not trained, and refuses to speak."""
    learner = make(dataset.task)
    _expect(not learner.fitted, learner, "says that it is trained before any training")
    with _refused(InputError, learner, "a question before training"):
        learner.outputs(dataset.train.x, _ids(dataset))
    with _refused(InputError, learner, "a look at its activity before training"):
        learner.activations(dataset.train.x)


def check_outputs(make: Make, dataset: Dataset) -> None:
    """Outputs hold all that it gives, for these ids in this order, with the task's classes."""
    learner, _ = _trained(make, dataset)
    ids = _ids(dataset)
    told = _outputs(learner, dataset.train.x, ids)
    missing = ", ".join(sorted(learner.gives - told.has))
    _expect(not missing, learner, f"does not give {missing}, which it says it gives")
    _expect(torch.equal(told.ids.cpu(), ids), learner, "changes ids or their order")
    _expect(told.c == dataset.task.c, learner, "has another number of classes than the task")
    _expect(told.labels is None, learner, "fills in labels, which it cannot know")
    for needs in (frozenset({"probs"}), *(frozenset({"probs", gift}) for gift in learner.gives)):
        few = _outputs(learner, dataset.train.x, ids, needs=needs)
        _expect(needs <= few.has, learner, f"does not give {sorted(needs)} when asked for just it")
        if "members" not in needs:
            _expect(few.s == 1, learner, "gives members that nobody asked for")


def check_needs(make: Make, dataset: Dataset) -> None:
    """What it does not give is refused by name."""
    learner, _ = _trained(make, dataset)
    for need in {"no-such-column", "members", "goodness", "features"} - learner.gives:
        with _refused(CapabilityError, learner, f"a need for {need}", need):
            _outputs(learner, dataset.train.x, _ids(dataset), needs=frozenset({"probs", need}))


def check_activations(make: Make, dataset: Dataset) -> None:
    """Layers by name, float [n, units], finite; labels are shown to those who read them."""
    learner, _ = _trained(make, dataset)
    n = len(dataset.train)
    shown: tuple[LabelInput, ...] = ("neutral", "absent", _labels(dataset))
    for label in shown:
        layers = learner.activations(dataset.train.x, label=label)
        _expect(len(layers) > 0, learner, "has no layers")
        for name, layer in layers.items():
            right = layer.ndim == 2 and len(layer) == n and layer.is_floating_point()
            _expect(right, learner, f"has activity of shape {list(layer.shape)} in {name}")
            _expect(bool(layer.isfinite().all()), learner, f"has activity not finite in {name}")


def check_untouched(make: Make, dataset: Dataset) -> None:
    """Questions change neither the model nor the items, to the bit."""
    learner, _ = _trained(make, dataset)
    x = dataset.train.x.clone()
    before = state_digest(learner)
    _outputs(learner, x, _ids(dataset))
    learner.activations(x)
    learner.predict(x)
    _expect(state_digest(learner) == before, learner, "is changed by a question")
    _expect(torch.equal(x, dataset.train.x), learner, "changes the items it is asked about")
    again = _outputs(learner, x, _ids(dataset))
    same = digest(again) == digest(_outputs(learner, x, _ids(dataset)))
    _expect(same, learner, "answers the same question differently")


def check_repeatable(make: Make, dataset: Dataset) -> None:
    """The same seed gives the same model; no global generator is read or changed."""
    first, _ = _trained(make, dataset)
    expected = state_digest(first)
    before = global_state()
    second, _ = _trained(make, dataset)
    _outputs(second, dataset.train.x, _ids(dataset))
    second.activations(dataset.train.x)
    _expect(global_state() == before, second, "changes a global random generator")
    _expect(state_digest(second) == expected, second, "learns differently the second time")
    saved = torch.random.get_rng_state(), random.getstate(), np.random.get_state()
    try:
        torch.manual_seed(1)
        random.seed(1)
        np.random.seed(1)
        third, _ = _trained(make, dataset)
    finally:
        torch.random.set_rng_state(saved[0])
        random.setstate(saved[1])
        np.random.set_state(saved[2])
    _expect(state_digest(third) == expected, third, "reads a global random generator")


def check_blocks(make: Make, dataset: Dataset) -> None:
    """Neither the order of the items nor their division into blocks matters, members included."""
    learner, _ = _trained(make, dataset)
    x, ids = dataset.train.x, _ids(dataset)
    whole = _outputs(learner, x, ids)
    forwards = torch.arange(len(ids))
    for size, order in ((1, forwards), (7, forwards.flip(0)), (len(ids), forwards.flip(0))):
        parts = [_outputs(learner, x[part], ids[part]) for part in torch.split(order, size)]
        found = Outputs.concat(parts).by_id()
        _close(learner, found, whole, f"depends on order or blocks (of {size} items)")


def check_classes(make: Make, dataset: Dataset) -> None:
    """The number of classes comes from the task, whatever labels there are."""
    y = _labels(dataset)
    for kept in (y != int(y.max()), y == int(y.min())):
        learner = make(dataset.task)
        _fit(learner, dataset, kept.nonzero().squeeze(1))
        told = _outputs(learner, dataset.train.x, _ids(dataset))
        _expect(told.c == dataset.task.c, learner, "counts classes from the labels it was given")


def check_few(make: Make, dataset: Dataset) -> None:
    """One labelled item is enough to train, and one item can be asked about."""
    for count in (1, 2):
        learner = make(dataset.task)
        _fit(learner, dataset, torch.arange(count))
        told = _outputs(learner, dataset.train.x[:1], torch.tensor([7]))
        _expect(told.n == 1, learner, "does not answer for a single item")


def check_refusals(make: Make, dataset: Dataset) -> None:
    """Items and labels that do not fit are refused, and leave the model as it was."""
    learner, _ = _trained(make, dataset)
    before = state_digest(learner)
    x, y = dataset.train.x, _labels(dataset)
    wrong: dict[str, tuple[Tensor, Tensor]] = {
        "no items": (x[:0], y[:0]),
        "fewer labels than items": (x, y[:-1]),
        "a label outside the task": (x, torch.full_like(y, dataset.task.c)),
        "a negative label": (x, torch.full_like(y, -1)),
        "items of another shape": (x[..., :-1], y),
    }
    if x.is_floating_point():
        holed = x.clone()
        holed[0, 0] = float("nan")
        wrong["NaN in the items"] = (holed, y)
        with _refused(InputError, learner, "a question about NaN"):
            learner.outputs(holed, _ids(dataset))
    for case, (items, labels) in wrong.items():
        with _refused(InputError, learner, case):
            learner.fit(items, labels, generator=generator_from(2))
    with _refused(InputError, learner, "a question about items of another shape"):
        learner.outputs(x[..., :-1], _ids(dataset))
    with _refused(InputError, learner, "fewer ids than items"):
        learner.outputs(x, _ids(dataset)[:-1])
    _expect(state_digest(learner) == before, learner, "is changed by a training that it refuses")


def check_report(make: Make, dataset: Dataset) -> None:
    """It reports steps and examples, and progress that rises to 1."""
    learner = make(dataset.task)
    seen: list[float] = []
    report = _fit(learner, dataset, None, seen.append)
    _expect(report.steps >= 1, learner, f"reports {report.steps} steps")
    _expect(report.examples >= 1, learner, f"reports {report.examples} examples")
    _expect(seen == sorted(seen), learner, "reports progress that falls")
    _expect(all(0 <= done <= 1 for done in seen), learner, "reports progress outside 0 to 1")
    _expect(not seen or seen[-1] == 1, learner, "never reports that training is done")
    plain = all(isinstance(v, int | float) for r in report.history for v in r.values())
    _expect(plain, learner, "has a history that is not plain numbers")


def check_state(make: Make, dataset: Dataset) -> None:
    """A state, saved and put back in a new learner, answers and learns on as before, to the bit."""
    first, _ = _trained(make, dataset)
    file = io.BytesIO()
    torch.save(first.state(), file)
    file.seek(0)
    other = make(dataset.task)
    other.load_state(torch.load(file, weights_only=True))
    _expect(other.fitted, other, "is not trained after its state was put back")
    _expect(
        state_digest(other) == state_digest(first), other, "has another state than was put back"
    )
    x, ids = dataset.train.x, _ids(dataset)
    same = digest(_outputs(other, x, ids)) == digest(_outputs(first, x, ids))
    _expect(same, other, "answers differently after its state was put back")
    kept = state_digest(first)
    _fit(other, dataset, None, seed=5)
    _expect(state_digest(first) == kept, first, "shares its weights with a learner given its state")
    _fit(first, dataset, None, seed=5)
    _expect(
        state_digest(first) == state_digest(other), other, "learns on differently from a kept state"
    )


def check_unlabelled(make: Make, dataset: Dataset) -> None:
    """It reads the unlabelled items only if it says so."""
    learner = make(dataset.task)
    if learner.reads_unlabelled:
        return
    beside = make(dataset.task)
    _fit(learner, dataset)
    x, y = dataset.train.x, _labels(dataset)
    beside.fit(x, y, generator=generator_from(1), unlabelled=x.flip(0))
    _expect(
        state_digest(beside) == state_digest(learner), learner, "reads the pool without saying so"
    )


def check_other_process(make: Make, dataset: Dataset, process: OtherProcess) -> None:
    """The same seed gives the same model and the same answers in another process.

    With as many threads as here: their number decides in which order sums are taken.
    """
    learner = make(dataset.task)
    process.call(torch.set_num_threads, torch.get_num_threads())
    found = process.call(_answer, make, dataset)
    _expect(found == _answer(make, dataset), learner, "learns differently in another process")


LEARNER_CHECKS: tuple[Callable[[Make, Dataset], None], ...] = (
    check_description,
    check_untrained,
    check_outputs,
    check_needs,
    check_activations,
    check_untouched,
    check_repeatable,
    check_blocks,
    check_classes,
    check_few,
    check_refusals,
    check_report,
    check_state,
    check_unlabelled,
)
"""Every check that needs one process only; each takes a maker of learners and a data set."""


def _made(name: str, settings: Mapping[str, Any], task: Task) -> AbstractLearner:
    return make_learner(name, task=task, **settings)


def _ids(dataset: Dataset) -> Tensor:
    return 3 * torch.arange(len(dataset.train)) + 5


def _labels(dataset: Dataset) -> Tensor:
    if dataset.train.y is None:
        raise InputError("the data set of a check has no labels", todo="pass one with labels")
    return dataset.train.y


def _fit(
    learner: AbstractLearner,
    dataset: Dataset,
    where: Tensor | None = None,
    progress: Callable[[float], None] | None = None,
    seed: int = 1,
) -> FitReport:
    x, y = dataset.train.x, _labels(dataset)
    where = torch.arange(len(y)) if where is None else where
    generator = generator_from(seed)
    rest = x[len(x) // 2 :] if learner.reads_unlabelled else None
    return learner.fit(x[where], y[where], generator=generator, progress=progress, unlabelled=rest)


def _trained(make: Make, dataset: Dataset) -> tuple[AbstractLearner, FitReport]:
    learner = make(dataset.task)
    return learner, _fit(learner, dataset)


def _outputs(
    learner: AbstractLearner, x: Tensor, ids: Tensor, needs: frozenset[str] | None = None
) -> Outputs:
    needs = learner.gives if needs is None else needs
    return learner.outputs(x, ids, needs=needs, generator=generator_from(4))


def _answer(make: Make, dataset: Dataset) -> tuple[str, str]:
    learner, _ = _trained(make, dataset)
    return state_digest(learner), digest(_outputs(learner, dataset.train.x, _ids(dataset)))


def _close(learner: AbstractLearner, found: Outputs, expected: Outputs, fault: str) -> None:
    """Equal but for rounding; an extra column may be a search that rounding sends elsewhere."""
    _expect(torch.equal(found.ids, expected.ids), learner, fault)
    for name in _COLUMNS:
        one, other = getattr(found, name), getattr(expected, name)
        if other is not None:
            close = torch.allclose(one, other, rtol=_TOLERANCE, atol=_TOLERANCE)
            _expect(close, learner, f"{fault}: {name}")
    for name, column in expected.extras.items():
        near = torch.isclose(found.extras[name], column, rtol=_TOLERANCE, atol=_TOLERANCE)
        elsewhere = int((~near).reshape(expected.n, -1).any(1).sum())
        _expect(elsewhere <= _ASTRAY * expected.n, learner, f"{fault}: {name}")


@contextmanager
def _refused(
    kind: type[Exception], learner: AbstractLearner, what: str, word: str = ""
) -> Iterator[None]:
    try:
        yield
    except kind as error:
        _expect(word in str(error), learner, f"does not name {word!r} when it refuses {what}")
        return
    raise AssertionError(f"learner {learner.name!r} takes {what}")


def _expect(right: bool, learner: AbstractLearner, fault: str) -> None:
    if not right:
        name = getattr(learner, "name", type(learner).__name__)
        raise AssertionError(f"learner {name!r} {fault.strip()}")
