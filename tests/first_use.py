"""Many threads ask for the first time, all at once: run in a process of its own."""

import sys
import threading
from importlib import import_module

from pauca.errors import PaucaError

THREADS = 16


def main() -> None:
    module, names, wanted = sys.argv[1:4]
    registry = getattr(import_module(module), names)
    gate, heard = threading.Barrier(THREADS), []

    def ask() -> None:
        gate.wait()
        try:
            heard.append(f"{len(registry.names())} {bool(registry.get(wanted))}")
        except PaucaError as error:
            heard.append(str(error))

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(len(heard), *sorted(set(heard)), sep="\n")


if __name__ == "__main__":
    main()
