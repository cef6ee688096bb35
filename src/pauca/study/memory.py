"""How much more memory a piece of work needed than there was in use before it."""

from pathlib import Path

import torch

__all__ = ["Peak"]

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_MIB = 2**20


class Peak:
    """Growth of the peak since it was made, of this process and of a GPU.

    The resident peak of a process is a mark that only rises; Linux lets a process put its own back.
    Elsewhere nothing is known of it.

    Args:
        device: Where tensors are.
    """

    def __init__(self, device: str = "cpu") -> None:
        self._gpu = torch.device(device) if device.startswith("cuda") else None
        self._before = _resident("VmRSS") if _put_back() else None
        if self._gpu is not None:
            torch.cuda.reset_peak_memory_stats(self._gpu)
            self._held = torch.cuda.memory_allocated(self._gpu)

    def grown(self) -> dict[str, float]:
        """MiB by which the peak lies above what was in use: ``host``, ``gpu``; what is known."""
        found = {}
        peak = _resident("VmHWM") if self._before is not None else None
        if peak is not None and self._before is not None:
            found["host"] = max(0.0, (peak - self._before) / _MIB)
        if self._gpu is not None:
            peak = torch.cuda.max_memory_allocated(self._gpu)
            found["gpu"] = max(0.0, (peak - self._held) / _MIB)
        return {name: round(value, 1) for name, value in found.items()}


def _put_back() -> bool:
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _resident(key: str) -> int | None:
    """Bytes, as the kernel says."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        name, _, value = line.partition(":")
        if name == key:
            return int(value.split()[0]) * 1024
    return None
