"""What every data set promises, checked on one that was loaded."""

import pickle
from dataclasses import FrozenInstanceError

import torch
from torch import Tensor

from pauca.data.dataset import Dataset, Split, Transform
from pauca.data.sparse import SparseRows
from pauca.rng import generator_from

__all__ = ["check_dataset"]

_BATCH = 16


def check_dataset(dataset: Dataset, *, device: str = "cpu") -> None:
    """Check that a data set keeps every promise that learners, strategies and reports rely on.

    Frozen; images stored as uint8 or floats in [0, 1], rows as finite floats; class names distinct;
    labels and groups in range; the evaluation transform deterministic, blind to the generator and
    to the rest of the batch; the training transform decided by its generator alone; both give
    finite floats on the batch's device, keep the input as it was, and can be pickled.

    Args:
        dataset: A loaded data set.
        device: Where the transforms are tried.

    Raises:
        AssertionError: says which promise is broken.
    """
    _check_frozen(dataset)
    _check_words(dataset)
    for where, split in (("train", dataset.train), ("test", dataset.test)):
        if split is not None:
            _check_split(dataset, split, where)
    batch = dataset.train.x[:_BATCH].to(device)
    _require(len(batch) > 0, "the training part is empty")
    _check_evaluate(dataset.task.evaluate, batch)
    _check_train(dataset.task.train, batch)
    for name, transform in (("evaluate", dataset.task.evaluate), ("train", dataset.task.train)):
        again = pickle.loads(pickle.dumps(transform))
        _require(
            _same(again(batch, generator_from(1)), transform(batch, generator_from(1))),
            f"{name} is another transform after pickling",
        )


def _require(held: bool, promise: str) -> None:
    if not held:
        raise AssertionError(promise)


def _same(left: Tensor, right: Tensor) -> bool:
    return torch.equal(left, right)


def _check_frozen(dataset: Dataset) -> None:
    for value in (dataset, dataset.task, dataset.train):
        try:
            value.__setattr__("name", "other")
        except (FrozenInstanceError, AttributeError):
            continue
        raise AssertionError(f"{type(value).__name__} can be changed")


def _check_words(dataset: Dataset) -> None:
    classes = dataset.task.classes
    _require(len(set(classes)) == len(classes), "class names are not distinct")
    _require(all(isinstance(name, str) and name for name in classes), "a class has no name")
    _require(dataset.task.c == len(classes), "the class count is not that of the names")
    _require(bool(dataset.name) and bool(dataset.source), "name or source is empty")
    _require(bool(dataset.licence), "the licence is not stated (say 'unknown' if it is)")
    _require(dataset.kind in ("image", "table", "text", "embedding", "sequence"), "unknown kind")
    _require(all(isinstance(note, str) for note in dataset.notes), "a note is not text")


def _check_split(dataset: Dataset, split: Split, where: str) -> None:
    x = split.x
    _require(
        tuple(x.shape[1:]) == dataset.task.shape, f"{where}: items are not of the task's shape"
    )
    if dataset.kind == "image":
        stored = x.dtype in (torch.uint8, torch.float32) and x.ndim == 4
        _require(stored, f"{where}: images are neither uint8 nor float32 [n,c,h,w]")
        inside = x.dtype == torch.uint8 or bool(((x >= 0) & (x <= 1)).all())
        _require(inside, f"{where}: images of floats are not in [0, 1]")
        _require(x.shape[1] in (1, 3, 4), f"{where}: images have neither 1 nor 3 nor 4 channels")
    else:
        axes = 3 if dataset.kind == "sequence" else 2
        _require(
            x.dtype == torch.float32 and x.ndim == axes, f"{where}: rows are not float32 [n, d]"
        )
        kept = x.entries if isinstance(x, SparseRows) else x
        _require(bool(torch.isfinite(kept).all()), f"{where}: rows hold NaN or infinity")
    if split.y is not None:
        _check_numbers(split.y, len(split), dataset.task.c, f"{where}: labels")
    if split.groups is not None:
        _check_numbers(split.groups, len(split), len(dataset.group_names), f"{where}: groups")
    if split.sources is not None:
        _require(len(split.sources) == len(split), f"{where}: sources do not fit the items")


def _check_numbers(values: Tensor, n: int, count: int, where: str) -> None:
    _require(values.dtype == torch.int64 and values.shape == (n,), f"{where} are not int64 [n]")
    inside = (values >= 0) & (values < count)
    _require(bool(inside.all()), f"{where} are not all in 0..{count - 1}")


def _check_evaluate(evaluate: Transform, batch: Tensor) -> None:
    before = batch.clone()
    whole = _floats(evaluate(batch, None), batch, "evaluate")
    _require(_same(batch, before), "evaluate changes its input")
    _require(_same(evaluate(batch, None), whole), "evaluate gives two answers")
    drawn = evaluate(batch, generator_from(7))
    _require(_same(drawn, whole), "evaluate depends on the generator")
    single = torch.cat([evaluate(batch[i : i + 1], None) for i in range(len(batch))])
    _require(_same(single, whole), "evaluate of an item depends on the rest of the batch")


def _check_train(train: Transform, batch: Tensor) -> None:
    before = batch.clone()
    generator = generator_from(3)
    start = generator.get_state()
    first = _floats(train(batch, generator), batch, "train")
    random = not torch.equal(generator.get_state(), start)
    _require(_same(batch, before), "train changes its input")
    _require(_same(train(batch, generator_from(3)), first), "one generator, two answers")
    if random:
        others = [train(batch, generator_from(seed)) for seed in range(20, 24)]
        _require(
            any(not _same(other, first) for other in others),
            "train draws from the generator and always gives the same",
        )


def _floats(out: Tensor, batch: Tensor, name: str) -> Tensor:
    _require(out.dtype == torch.float32, f"{name} does not give float32")
    _require(out.shape[0] == batch.shape[0], f"{name} changes the number of items")
    _require(out.device == batch.device, f"{name} moves items to another device")
    _require(bool(torch.isfinite(out).all()), f"{name} gives NaN or infinity")
    return out
