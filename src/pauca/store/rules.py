"""The rules that every store enforces, each with its message."""

from collections.abc import Iterable
from typing import NoReturn

from pauca.errors import StoreError

__all__ = ["check_owned", "refuse_blob", "refuse_meta", "refuse_missing"]


def check_owned(run_id: str, status: str, holder: str | None, owner: str) -> None:
    """Only the owner of a running run may write to it.

    Raises:
        StoreError: the run is not running, or another owner has it.
    """
    if status == "done":
        raise StoreError(
            f"run {run_id} is done and never changes again",
            where=f"owner {owner}",
            todo="nothing: what it found is kept",
        )
    if status != "running" or holder != owner:
        raise StoreError(
            f"run {run_id} is not held by this owner",
            expected=f"running, held by {owner}",
            got=f"{status}, held by {holder or 'nobody'}",
            todo="nothing: whoever holds it goes on with it",
        )


def refuse_missing(run_id: str, name: str | None = None) -> NoReturn:
    """No such run, or no blob of that name.

    Raises:
        StoreError: always.
    """
    if name is None:
        raise StoreError(
            f"there is no run {run_id!r} in this store", todo="name one of those that it lists"
        )
    raise StoreError(
        f"run {run_id} keeps nothing under the name {name!r}", todo="name one of those it lists"
    )


def refuse_blob(run_id: str, names: Iterable[str]) -> NoReturn:
    """A name is taken: what is stored never changes.

    Raises:
        StoreError: always.
    """
    taken = ", ".join(map(repr, sorted(names)))
    raise StoreError(
        f"run {run_id} keeps something under {taken} already", todo="choose another name"
    )


def refuse_meta(key: str, known: str, value: str) -> NoReturn:
    """A value of the whole study is put once.

    Raises:
        StoreError: always.
    """
    raise StoreError(
        f"the store holds another value of {key!r}",
        expected=_short(known),
        got=_short(value),
        todo="use another folder for another study",
    )


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:117]}..."
