"""With what a study was run: versions, machine, code."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pauca
from pauca.data import Dataset
from pauca.data.sparse import SparseRows

__all__ = ["cores", "data_facts", "data_sets", "provenance"]

_PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "datasets", "pillow", "pydantic")


def provenance(
    *, threads: int, device: str, workers: int | None, command: Sequence[str] | None = None
) -> dict[str, Any]:
    """Plain values that say what a study was run with.

    Args:
        threads: Of each worker.
        device: Of the tensors.
        workers: How many work at once, None for as many as a cluster has room for; the results do
            not depend on it.
        command: The command line; this process's own if left out.
    """
    return {
        "versions": {"pauca": pauca.__version__, "python": platform.python_version()}
        | {name: _version(name) for name in _PACKAGES},
        "platform": platform.platform(),
        "processor": _processor(),
        "cpu_count": os.cpu_count() or 1,
        "cores": cores(),
        "threads": threads,
        "workers": workers,
        "device": device,
        "git_commit": _commit(),
        "command": list(sys.argv if command is None else command),
        "started": time.time(),
    }


def cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def data_sets(meta: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Facts of every data set of a study, from what its store holds of the whole of it."""
    keys = [key for key in meta if key == "data" or key.startswith("data.")]
    return tuple(meta[key] for key in sorted(keys))


def data_facts(dataset: Dataset) -> dict[str, Any]:
    """What a data set is and a fingerprint of its values, by which a changed one is noticed."""
    return {
        "name": dataset.name,
        "kind": dataset.kind,
        "classes": list(dataset.classes),
        "groups": list(dataset.group_names),
        "shape": list(dataset.task.shape),
        "train": len(dataset.train),
        "test": 0 if dataset.test is None else len(dataset.test),
        "licence": dataset.licence,
        "notes": list(dataset.notes),
        "fingerprint": _fingerprint(dataset),
    }


def _fingerprint(dataset: Dataset) -> str:
    found = sha256()
    for split in (dataset.train, dataset.test):
        for column in () if split is None else (split.x, split.y, split.groups):
            if column is not None:
                found.update(f"{column.dtype} {list(column.shape)}".encode())
                for part in column.parts if isinstance(column, SparseRows) else (column,):
                    found.update(part.contiguous().numpy().data)
    return found.hexdigest()[:20]


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    """Commit of the code, with a plus where it was changed since; None where there is no git."""
    here = Path(pauca.__file__).parent
    try:
        head = _git(here, "rev-parse", "HEAD")
        tracked = _git(here, "ls-files", "--error-unmatch", "__init__.py")
        changed = _git(here, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}{'+' if changed else ''}" if tracked else None


def _git(folder: Path, *words: str) -> str:
    ended = subprocess.run(
        ["git", "-C", str(folder), *words], capture_output=True, text=True, check=True, timeout=10
    )
    return ended.stdout.strip()
