import operator
import os
import threading

import pytest

from pauca.errors import InputError
from pauca.rng import Streams
from pauca.testing.process import OtherProcess


def test_functions_run_elsewhere_and_what_they_raise_comes_back(
    other_process: OtherProcess,
) -> None:
    call = other_process.call
    there = call(os.getpid)
    assert there != os.getpid()
    assert call(operator.add, 2, 3) == 5
    with pytest.raises(ZeroDivisionError):
        call(operator.truediv, 1, 0)
    with pytest.raises(InputError, match="unknown random stream"):
        call(Streams(0).generator, "nosuch")
    with pytest.raises(TypeError, match="pickle"):
        # a lock cannot come back
        call(threading.Lock)
    call(print, "what is printed does not mix with the answers")
    assert call(os.getpid) == there


def test_a_process_that_was_never_started_may_be_closed() -> None:
    process = OtherProcess()
    process.close()
    process.close()
