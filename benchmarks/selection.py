"""How long selection takes and how much memory: pauca, the plain form, and scikit-activeml.

Each measurement runs in a process of its own; the forms of one case take turns, repeat by repeat,
so that what else the machine does meets them alike. Ratios are of one repeat's times, shown as
median (least - most). Memory is the growth of the resident peak over what holds the inputs.

    python benchmarks/selection.py --quick
    python benchmarks/selection.py --n 50000 --k 1000 --kind mnist --form pauca plain
    python benchmarks/selection.py --file features.npy --k 1000

``mnist`` (pixels) and ``convnet`` read the folder named by PAUCA_DATA. For ``convnet`` the default
convnet is trained once for 300 steps on 1,000 labels; the features are its own for images that it
has not seen, and badge's factor comes from its probabilities. All other kinds take random
probabilities. scikit-activeml is optional: pip install scikit-activeml==1.0.1. It runs once, and
not at all where a smaller case says that it would not finish; 200,000 items are measured once.
"""

import argparse
import hashlib
import importlib
import importlib.util
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor

from pauca.select import Work, badge_seeding, k_center, kmeans_plusplus

KINDS = ("mnist-like", "low-rank", "isotropic")
METHODS = ("k-center", "badge", "k-means++")
FORMS = ("pauca", "plain", "scikit-activeml")
UNPRUNED = "unpruned"  # pauca without its bound; k-center has none to leave out
LABELLED = 100
LARGE = 200_000


def seeded(seed: int) -> Generator:
    return Generator().manual_seed(seed)


def spectrum(n: int, d: int, power: float) -> Tensor:
    """Ten clusters around which the variance falls along the axes, as it does for images."""
    scale = torch.arange(1, d + 1).pow(-power / 2)
    turn: Tensor = torch.linalg.qr(torch.randn(d, d, generator=seeded(1)))[0]
    means = torch.randn(10, d, generator=seeded(2)) * scale
    rows = torch.randn(n, d, generator=seeded(3)) * scale
    rows += means[torch.randint(10, (n,), generator=seeded(4))]
    return rows @ turn


def low_rank(n: int, d: int) -> Tensor:
    strong = torch.randn(n, 20, generator=seeded(1)) @ torch.randn(20, d, generator=seeded(2))
    return strong + 0.05 * torch.randn(n, d, generator=seeded(3))


def mnist(n: int) -> Tensor:
    """Training images of MNIST in [0, 1], [n, 784]."""
    import pyarrow.parquet as pq
    from PIL import Image

    path = next((Path(os.environ["PAUCA_DATA"]) / "mnist").glob("train-*.parquet"))
    images = pq.read_table(path, columns=["image"]).column("image").slice(0, n).to_pylist()
    rows = [np.asarray(Image.open(io.BytesIO(one["bytes"]))).ravel() for one in images]
    return torch.from_numpy(np.stack(rows)).float() / 255


def convnet(n: int) -> tuple[Tensor, Tensor]:
    """Features [n, 128] and probabilities [n, c] of a net trained on 1,000 labels of MNIST."""
    import pauca
    from pauca.rng import generator_from

    data = pauca.load_dataset("mnist")
    learner = pauca.make_learner("backprop", task=data.task, steps=300)
    order = torch.randperm(len(data.train), generator=generator_from(0))
    some, rest = order[:1000], order[1000 : 1000 + n]
    assert data.train.y is not None
    learner.fit(data.train.x[some], data.train.y[some], generator=generator_from(1))
    needs = frozenset({"probs", "features"})
    out = learner.outputs(data.train.x[rest], torch.arange(len(rest)), needs=needs)
    assert out.features is not None
    assert out.probs is not None
    return out.features, out.probs[0]


def keep(case: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The case with its features (and the net's probabilities) in files, made once for each."""
    if case["kind"] == "file":
        return case
    path = folder / f"{case['kind']}-{case['n']}-{case['d']}.npy"
    probs = path.with_suffix(".probs.npy")
    if not path.exists() and case["kind"] == "convnet":
        x, p = convnet(case["n"])
        np.save(probs, p.numpy())
        np.save(path, x.numpy())
    elif not path.exists():
        np.save(path, features(case).numpy())
    return {**case, "file": str(path), "probs": str(probs) if probs.exists() else None}


def features(case: dict[str, Any]) -> Tensor:
    n, d = case["n"], case["d"]
    if case.get("file"):
        return torch.from_numpy(np.load(case["file"])[:n]).float().contiguous()
    if case["kind"] == "mnist":
        return mnist(n)
    if case["kind"] == "mnist-like":
        return spectrum(n, d, 1.5)
    if case["kind"] == "low-rank":
        return low_rank(n, d)
    return torch.randn(n, d, generator=seeded(1))


def probabilities(n: int, c: int) -> Tensor:
    return (2 * torch.randn(n, c, generator=seeded(5))).softmax(1)


def factor(probs: Tensor) -> Tensor:
    """P - onehot(argmax p)."""
    top = probs.argmax(1, keepdim=True)
    return probs.scatter_add(1, top, torch.full_like(probs[:, :1], -1.0))


def plain_k_center(x: Tensor, labelled: Tensor, k: int) -> list[int]:
    """One matrix-vector product for each centre."""
    norms = x.square().sum(1)
    least = torch.full_like(norms, torch.inf)
    picks: list[int] = []
    for step in range(len(labelled) + k - 1):
        row = labelled[step] if step < len(labelled) else x[picks[-1]]
        away = torch.addmv(norms, x, row, alpha=-2).add_(row @ row).clamp_(min=0)
        torch.minimum(least, away, out=least)
        if picks:
            least[picks[-1]] = -1
        if step >= len(labelled) - 1:
            picks.append(int(least.argmax()))
    return picks


def plain_seeding(x: Tensor, q: Tensor | None, k: int) -> list[int]:
    """One matrix-vector product (two for badge) for each pick."""
    norms = x.square().sum(1)
    uniforms = torch.rand(k - (q is not None), dtype=torch.float64, generator=seeded(6))
    if q is None:
        pick, uniforms = int(uniforms[0] * len(x)), uniforms[1:]
    else:
        norms = norms * q.square().sum(1)
        pick = int(norms.argmax())
    least, picks = torch.full_like(norms, torch.inf), [pick]
    for u in uniforms:
        product = torch.mv(x, x[pick])
        if q is not None:
            product *= torch.mv(q, q[pick])
        away = torch.add(norms, product, alpha=-2).add_(norms[pick]).clamp_(min=0)
        torch.minimum(least, away, out=least)
        least[pick] = 0
        passed = least.double().cumsum(0)
        pick = int(torch.searchsorted(passed, (u * passed[-1])[None], right=True))
        picks.append(pick)
    return picks


def skactiveml(case: dict[str, Any], x: Tensor, probs: Tensor) -> Callable[[], list[int]]:
    """The same query by scikit-activeml: the first items are labelled, the rest is the pool."""
    base: Any = importlib.import_module("skactiveml.base").SkactivemlClassifier
    pool: Any = importlib.import_module("skactiveml.pool")

    class Fixed(base):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> "Fixed":
            return self

        def predict_proba(self, X: Any) -> Any:
            return probs[-len(X) :].numpy()

    rows, y = x.numpy(), np.full(len(x), np.nan)
    y[:LABELLED] = np.arange(LABELLED) % case["c"]
    if case["method"] == "k-center":
        query = pool.CoreSet(random_state=0)
        return lambda: list(query.query(rows, y, batch_size=case["k"]) - LABELLED)
    clf, badge = Fixed(classes=list(range(case["c"]))), pool.Badge(random_state=0)
    return lambda: list(badge.query(rows, y, clf, fit_clf=False, batch_size=case["k"]))


def pauca_form(case: dict[str, Any], x: Tensor, q: Tensor, work: Work) -> Callable[[], list[int]]:
    k, prune = case["k"], case["form"] != UNPRUNED
    if case["method"] == "k-center":
        return lambda: k_center(x[LABELLED:], k, x[:LABELLED], work=work).tolist()
    if case["method"] == "badge":
        return lambda: badge_seeding(q, x, k, seeded(6), prune=prune, work=work).tolist()
    return lambda: kmeans_plusplus(x, k, seeded(6), prune=prune, work=work).tolist()


def plain_form(case: dict[str, Any], x: Tensor, q: Tensor) -> Callable[[], list[int]]:
    k = case["k"]
    if case["method"] == "k-center":
        return lambda: plain_k_center(x[LABELLED:], x[:LABELLED], k)
    return lambda: plain_seeding(x, q if case["method"] == "badge" else None, k)


def memory(name: str) -> int:
    """VmRSS or VmHWM of this process in bytes (0 where /proc is not there)."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith(name))


def measure(case: dict[str, Any]) -> dict[str, Any]:
    """One form of one case in this process."""
    torch.set_num_threads(case["threads"])
    x = features(case)
    work = Work()
    if case.get("probs"):
        probs = torch.from_numpy(np.load(case["probs"])[: len(x)])
    else:
        probs = probabilities(len(x), case["c"])
    q = factor(probs)
    if case["form"] in ("pauca", UNPRUNED):
        run = pauca_form(case, x, q, work)
    elif case["form"] == "plain":
        run = plain_form(case, x, q)
    else:
        run = skactiveml(case, x, probs)
    if Path("/proc/self/clear_refs").exists():
        Path("/proc/self/clear_refs").write_text("5")
    before, wall, cpu = memory("VmRSS"), time.perf_counter(), time.process_time()
    picks = run()
    seconds, used = time.perf_counter() - wall, time.process_time() - cpu
    d = x.shape[1] + (case["c"] if case["method"] == "badge" else 0)
    return {
        "seconds": seconds,
        "cpu": used,
        "peak": max(0, memory("VmHWM") - before),
        "picks": hashlib.sha256(json.dumps([int(i) for i in picks]).encode()).hexdigest(),
        "work": work.total(d) / (len(x) * case["k"]),
    }


def apart(case: dict[str, Any], limit: float) -> dict[str, Any] | None:
    """``measure`` in a process of its own; None where it does not finish within the limit."""
    command = [sys.executable, __file__, "--one", json.dumps(case)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=True)
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        if error.returncode < 0:
            return None
        sys.exit(f"{case}: {error.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def span(values: list[float], form: str = "{:.2f}") -> str:
    middle, *ends = (form.format(v) for v in (statistics.median(values), min(values), max(values)))
    return middle if len(values) == 1 else f"{middle} ({ends[0]} - {ends[1]})"


PEER: dict[tuple[str, int], float] = {}
"""Seconds for one item and pick that scikit-activeml took, by method and number of classes."""


def wanted(case: dict[str, Any], form: str, turn: int, limit: float) -> bool:
    """Whether to measure this form in this turn."""
    if turn and (form == "scikit-activeml" or case["n"] >= LARGE):
        return False
    if form != "scikit-activeml":
        return True
    if case["method"] == "k-means++" or importlib.util.find_spec("skactiveml") is None:
        return False
    each = PEER.get((case["method"], case["c"]), 0.0)
    return each * case["n"] * case["k"] <= limit


def compare(case: dict[str, Any], options: argparse.Namespace) -> None:
    """All forms of one case, printed."""
    found: dict[str, list[dict[str, Any]]] = {form: [] for form in options.form}
    for turn, form in itertools.product(range(options.repeats), options.form):
        if not wanted(case, form, turn, options.limit):
            continue
        if len(found[form]) < 1 or found[form][-1]:
            result = apart({**case, "form": form, "threads": options.threads}, options.limit)
            found[form].append(result or {})
            if form == "scikit-activeml":
                spent = result["seconds"] if result else options.limit
                PEER[case["method"], case["c"]] = spent / (case["n"] * case["k"])
    title = " ".join(f"{key}={case[key]}" for key in ("method", "kind", "n", "d", "c", "k"))
    print(title, flush=True)
    ours = found.get("pauca", [])
    for form, results in found.items():
        if not results:
            continue
        if not all(results):
            print(f"  {form:16} did not finish (limit {options.limit:.0f} s, or out of memory)")
            continue
        line = f"  {form:16} {span([r['seconds'] for r in results])} s"
        line += f", cpu {span([r['cpu'] for r in results])} s"
        line += f", peak {max(r['peak'] for r in results) / 2**20:.0f} MiB"
        if form == "pauca":
            line += f", work {results[0]['work']:.3f} of n k"
        elif ours and all(ours):
            pairs = list(zip(results, ours, strict=False))
            line += f", pauca is {span([a['seconds'] / b['seconds'] for a, b in pairs], '{:.1f}')}x"
            line += f" faster (cpu {span([a['cpu'] / b['cpu'] for a, b in pairs], '{:.1f}')}x)"
            if form in ("plain", UNPRUNED):
                same = results[0]["picks"] == ours[0]["picks"]
                line += ", same picks" if same else ", other picks"
        print(line, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--d", type=int, default=512)
    parser.add_argument("--c", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--k", type=int, nargs="+", default=[100, 1000])
    parser.add_argument(
        "--kind", nargs="+", default=list(KINDS), choices=[*KINDS, "mnist", "convnet"]
    )
    parser.add_argument("--file", help="features of your own, .npy [n, d], in place of --kind")
    parser.add_argument("--method", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--form", nargs="+", default=list(FORMS), choices=[*FORMS, UNPRUNED])
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--limit", type=float, default=120, help="seconds for one measurement")
    parser.add_argument("--quick", action="store_true", help="n 10,000, k 100, c 10, one repeat")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.n, options.k, options.c, options.repeats = [10_000], [100], [10], 1
    return options


def main() -> None:
    options = arguments()
    if options.one:
        print(json.dumps(measure(json.loads(options.one))))
        return
    print(f"torch {torch.__version__}, {options.threads} threads, load {os.getloadavg()[0]:.1f}")
    kinds = ["file"] if options.file else options.kind
    sizes = {"mnist": (784, 60_000), "convnet": (128, 59_000)}
    with tempfile.TemporaryDirectory() as folder:
        for kind, n, method, k in itertools.product(kinds, options.n, options.method, options.k):
            d, most = sizes.get(kind, (options.d, n))
            for c in options.c if method == "badge" and kind != "convnet" else options.c[:1]:
                case = {"method": method, "kind": kind, "n": min(n, most), "d": d, "c": c, "k": k}
                compare(keep({**case, "file": options.file}, Path(folder)), options)


if __name__ == "__main__":
    main()
