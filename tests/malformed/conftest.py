"""Accounts of doors: the summary at the end of a run counts what was tried at each."""

from collections.abc import Callable, Iterator

import pytest

from pauca.testing.malformed import Tally

TallyOf = Callable[[str], Tally]


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[TallyOf]:
    """Makes the account of a door, by its name."""
    made: list[tuple[str, Tally]] = []

    def make(door: str) -> Tally:
        made.append((door, Tally()))
        return made[-1][1]

    yield make
    for door, found in made:
        told = (door, found.total, len(found.bugs))
        request.node.user_properties.append(("malformed", told))
