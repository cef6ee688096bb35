"""Progress: what is shown, where, and how honest the estimate is."""

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.progress import (
    LiveDisplay,
    Part,
    PlainDisplay,
    SilentDisplay,
    Snapshot,
    Work,
    clock,
    display_for,
    percent,
    say,
    time_left,
)

HALF = Snapshot("study", 4, 1, 1, (Part("margin, repetition 0", 0.5),), 61.0, 30.0)


def test_line_says_everything() -> None:
    assert HALF.line == (
        "study: 62%, 1 of 4 cells done, 1 failed, running margin, repetition 0 50%, "
        "1 min 01 s so far, about 30 s left"
    )
    assert "time left not known yet" in Snapshot("study", 4, 0).line
    assert "failed" not in Snapshot("study", 4, 0).line


def test_all_is_said_to_be_done_when_it_is() -> None:
    assert [percent(f) for f in (0.0, 0.29, 0.999, 1.0)] == ["0%", "29%", "99%", "100%"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (7800, "2 h 10 min"),
        (-3, "0 s"),
    ],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_plain_lines_are_some_seconds_apart() -> None:
    stream = io.StringIO()
    with PlainDisplay(stream, every=60.0) as display:
        for _ in range(100):
            display.show(HALF)
        say("a note")
    assert stream.getvalue() == "a note\n"
    with PlainDisplay(stream := io.StringIO(), every=0.0) as display:
        display.show(HALF)
        display.show(HALF)
    assert stream.getvalue() == f"{HALF.line}\n"


def test_live_display_draws_and_says() -> None:
    with LiveDisplay(stream := io.StringIO()) as display:
        display.show(HALF)
        say("a [bold] note")
    assert "a [bold] note" in stream.getvalue()


def test_display_suits_the_stream() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert isinstance(display_for(io.StringIO()), PlainDisplay)
    assert isinstance(display_for(Terminal()), LiveDisplay)


def test_nothing_shown_without_a_display(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, logger="pauca"):
        say("to the log")
        with SilentDisplay() as display:
            display.show(HALF)
            say("this too")
    assert [record.message for record in caplog.records] == ["to the log", "this too"]
    assert capsys.readouterr() == ("", "")


def test_the_display_entered_last_speaks() -> None:
    outer, inner = io.StringIO(), io.StringIO()
    with PlainDisplay(outer):
        with PlainDisplay(inner):
            say("in")
        say("out")
    assert (outer.getvalue(), inner.getvalue()) == ("out\n", "in\n")


def test_estimate_by_hand() -> None:
    assert time_left([Work("a", "pending")], 1) is None
    assert time_left([Work("a", "running", 1.0, 0.0)], 1) is None
    done = Work("a", "done", 10.0, 1.0)
    assert time_left([done], 2) == 0
    assert time_left([done, Work("a", "pending"), Work("a", "pending")], 2) == 10
    assert time_left([done, Work("a", "running", 5.0, 0.5)], 1) == 5
    # another group, not begun, takes as long as what is known
    assert time_left([done, Work("b", "pending")], 1) == 10
    # its own pace, once it has one: 30 s in all, of which two thirds are left
    assert time_left([done, Work("b", "running", 10.0, 1 / 3)], 1) == pytest.approx(20)
    # four workers cannot share one piece
    assert time_left([done, Work("a", "pending")], 4) == 10


@given(st.floats(0.1, 1e4), st.integers(1, 30), st.integers(1, 8), st.integers(0, 29))
def test_estimate_of_equal_pieces_is_exact(
    seconds: float, n: int, workers: int, finished: int
) -> None:
    finished = min(n, finished)
    pieces = [Work("a", "done", seconds, 1.0)] * finished
    pieces += [Work("a", "pending")] * (n - finished)
    left = time_left(pieces, workers)
    if finished == 0:
        assert left is None
    else:
        rest = n - finished
        assert left == pytest.approx(max(seconds * rest / workers, seconds * (rest > 0)))
