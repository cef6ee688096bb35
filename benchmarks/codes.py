"""k-center on binary codes: how long, how much memory, how many distances.

    python benchmarks/codes.py --n 100000 1000000 --k 100 1000
    PAUCA_DATA=... python benchmarks/codes.py --kind mnist --n 59000 --k 100 1000

``planted``: codes of ``--bits`` units in groups around ``--groups`` sets of active units, a tenth
of the units each; an item drops a third of its group's on average and has about as many others at
random, some items more and some fewer. ``mnist``: units that are active under the neutral label in
a Forward-Forward net of three layers of 784 units (published form, 600 steps on 1,000 labels), for
training images that it has not seen. 100 items are labelled.

Forms: ``pauca``; ``plain``, one pass over all codes for each centre by the same population count;
``floats``, ``pauca.select.k_center`` on the unpacked bits as float32, in 32 times the memory. Each
measurement runs in a process of its own; memory is the growth of the resident peak over what holds
the codes (or the floats).
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pauca.select import Work, k_center
from pauca.select.codes import hamming_distances, k_center_codes, pack_bits

LABELLED = 100
_BLOCK = 50_000


def planted(n: int, bits: int, groups: int) -> torch.Tensor:
    """Packed codes, uint8 [n, b], made block by block."""
    rng = np.random.default_rng(0)
    sets = rng.random((groups, bits), dtype=np.float32) < 0.1
    parts = []
    for low in range(0, n, _BLOCK):
        size = min(_BLOCK, n - low)
        noise = rng.beta(2, 4, (size, 1)).astype(np.float32)  # mean 1/3
        chance = rng.random((size, bits), dtype=np.float32)
        own = sets[rng.integers(groups, size=size)]
        parts.append(pack_bits(torch.from_numpy(np.where(own, chance > noise, chance < noise / 9))))
    return torch.cat(parts)


def mnist(n: int) -> torch.Tensor:
    import pauca
    from pauca.rng import generator_from

    data = pauca.load_dataset("mnist")
    assert data.train.y is not None
    learner = pauca.make_learner("forward-forward", task=data.task, steps=600, batch=256)
    order = torch.randperm(len(data.train), generator=generator_from(0))
    some, rest = order[:1000], order[1000 : 1000 + n]
    learner.fit(data.train.x[some], data.train.y[some], generator=generator_from(1))
    parts = []
    for ids in torch.split(rest, 4096):
        told = learner.outputs(data.train.x[ids], ids, needs=frozenset({"probs", "features"}))
        assert told.features is not None
        parts.append(pack_bits(told.features > 0))
    return torch.cat(parts)


def plain(codes: torch.Tensor, labelled: torch.Tensor, k: int, work: Work) -> list[int]:
    """One pass over all codes for each centre."""
    least = torch.full((len(codes),), 2**30)
    picks: list[int] = []
    for step in range(len(labelled) + k - 1):
        centre = labelled[step] if step < len(labelled) else codes[picks[-1]]
        torch.minimum(least, hamming_distances(codes, centre), out=least)
        work.distances += len(codes)
        if step >= len(labelled) - 1:
            if picks:
                least[picks] = -1
            picks.append(int(least.argmax()))
    return picks


def resident(name: str) -> float:
    """VmRSS or VmHWM of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def measure(case: dict[str, Any]) -> dict[str, Any]:
    codes = torch.from_numpy(np.load(case["file"]))
    known, pool = codes[:LABELLED], codes[LABELLED:]
    work, k = Work(), case["k"]
    if case["form"] == "floats":
        bits = np.unpackbits(codes.numpy(), axis=1, bitorder="little")
        x = torch.from_numpy(bits).float()
        del bits
    Path("/proc/self/clear_refs").write_text("5")  # the peak from here on
    before, began, used = resident("VmRSS"), time.perf_counter(), time.process_time()
    if case["form"] == "floats":
        picks = k_center(x[LABELLED:], k, x[:LABELLED], work=work).tolist()
    elif case["form"] == "plain":
        picks = plain(pool, known, k, work)
    else:
        picks = k_center_codes(pool, k, known, work=work).tolist()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    return {
        "seconds": seconds,
        "cpu": cpu,
        "peak": resident("VmHWM") - before,
        "share": work.distances / (len(pool) * (LABELLED + k)),
        "picks": hashlib.sha256(str(picks).encode()).hexdigest()[:8],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("planted", "mnist"), default="planted")
    parser.add_argument("--n", type=int, nargs="+", default=[100_000])
    parser.add_argument("--k", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--bits", type=int, default=2352)
    parser.add_argument("--groups", type=int, default=100)
    parser.add_argument("--form", nargs="+", default=["pauca"])
    parser.add_argument("--case", help=argparse.SUPPRESS)
    told = parser.parse_args()
    torch.set_num_threads(1)
    if told.case:
        print(json.dumps(measure(json.loads(told.case))))
        return
    with tempfile.TemporaryDirectory() as folder:
        for n in told.n:
            file = Path(folder) / f"{n}.npy"
            codes = (
                mnist(n + LABELLED)
                if told.kind == "mnist"
                else planted(n + LABELLED, told.bits, told.groups)
            )
            np.save(file, codes.numpy())
            held = codes.nbytes / 2**20
            del codes
            for k in told.k:
                for form in told.form:
                    case = json.dumps({"file": str(file), "k": k, "form": form})
                    words = [sys.executable, __file__, "--case", case]
                    done = subprocess.run(words, capture_output=True, text=True, check=True)
                    found = json.loads(done.stdout)
                    print(
                        f"{told.kind} n {n:8d} k {k:5d} {form:7s} {found['seconds']:8.2f} s"
                        f" (cpu {found['cpu']:.2f})"
                        f"  codes {held:6.0f} MiB, peak beside them {found['peak']:7.1f} MiB"
                        f"  distances {found['share']:.4f} of n (m + k)  picks {found['picks']}",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
