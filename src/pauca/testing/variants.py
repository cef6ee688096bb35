"""Outputs that differ from given ones in one respect."""

import hashlib
from dataclasses import fields, replace

import torch
from torch import Tensor

from pauca.outputs import Outputs

__all__ = ["digest", "double", "poisoned", "repeated", "without"]


def without(pool: Outputs, need: str) -> Outputs:
    """The same Outputs without one thing that it may need; one member or layer of many."""
    if need == "members":
        return replace(pool, probs=pool.probs[:1])
    if need == "layers" and pool.goodness is not None:
        return replace(pool, goodness=pool.goodness[..., :1])
    if need in pool.extras:
        return replace(pool, extras={k: v for k, v in pool.extras.items() if k != need})
    return Outputs(
        ids=pool.ids,
        probs=pool.probs,
        features=None if need == "features" else pool.features,
        goodness=None if need == "goodness" else pool.goodness,
        extras=pool.extras,
    )


def _column(pool: Outputs, name: str) -> Tensor:
    column = pool.extras[name] if name in pool.extras else getattr(pool, name)
    if not isinstance(column, Tensor):
        raise AssertionError(f"Outputs hold no column {name!r}")
    return column


def _with(pool: Outputs, name: str, column: Tensor) -> Outputs:
    if name in pool.extras:
        return replace(pool, extras={**pool.extras, name: column})
    return Outputs(
        ids=pool.ids,
        probs=column if name == "probs" else pool.probs,
        features=column if name == "features" else pool.features,
        goodness=column if name == "goodness" else pool.goodness,
        labels=pool.labels,
        extras=pool.extras,
    )


def poisoned(pool: Outputs, name: str) -> Outputs:
    """The same Outputs with one NaN in a column; making them is refused."""
    column = _column(pool, name).clone()
    column.view(-1)[column.numel() // 2] = float("nan")
    return _with(pool, name, column)


def repeated(outputs: Outputs, place: int) -> Outputs:
    """The same ids, each with all that the item at this place has; no labels."""
    every = torch.full_like(outputs.ids, place)
    return Outputs(
        ids=outputs.ids,
        probs=outputs.probs[:, every],
        features=None if outputs.features is None else outputs.features[every],
        goodness=None if outputs.goodness is None else outputs.goodness[every],
        extras={name: column[every] for name, column in outputs.extras.items()},
    )


def double(pool: Outputs) -> Outputs:
    """The same numbers in float64."""
    for name in ("probs", "features", "goodness", *pool.extras):
        if name in pool.extras or getattr(pool, name) is not None:
            pool = _with(pool, name, _column(pool, name).to(torch.float64))
    return pool


def digest(outputs: Outputs) -> str:
    """Hash of every bit of every column."""
    digest = hashlib.sha256()
    names = [field.name for field in fields(outputs) if field.name != "extras"]
    columns = [(name, getattr(outputs, name)) for name in names]
    for name, column in [*columns, *outputs.extras.items()]:
        if column is not None:
            digest.update(name.encode() + column.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
