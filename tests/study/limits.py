"""A limit on the size of files, which needs no rights: a write beyond it fails."""

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def limit(size: int) -> None:
    """From now on, here and in every process started from here."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


@contextmanager
def written_at_most(size: int) -> Iterator[None]:
    """Within."""
    old, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    limit(size)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, ignored)
