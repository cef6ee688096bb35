"""What a large pool costs: making the project, opening it, the first items, the next batch, memory.

    python benchmarks/label_pool.py images --items 100000
    python benchmarks/label_pool.py embeddings --items 1000000

Images are 64 x 64 jpg files of random blobs; embeddings have 128 numbers in 50 clusters. Each step
runs in a process of its own, whose resident peak is printed.
"""

import argparse
import http.client
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

STEPS = ("init", "open", "first", "labels", "next", "train", "serve", "copies")


def make_images(folder: Path, n: int) -> Path:
    """Small pictures in folders of 1,000."""
    from PIL import Image

    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 256, (10, 8, 8, 3))
    for item in range(n):
        place = folder / "photos" / f"{item // 1000:03d}"
        if item % 1000 == 0:
            place.mkdir(parents=True)
        pixels = np.clip(kinds[item % 10] + rng.normal(0, 30, (8, 8, 3)), 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).resize((64, 64)).save(place / f"{item}.jpg")
    return folder / "photos"


def make_embeddings(folder: Path, n: int) -> Path:
    """Rows of 128 numbers in 50 clusters."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1, (50, 128)).astype(np.float32)
    x = rng.standard_normal((n, 128), dtype=np.float32)
    x += centres[np.arange(n) % 50]
    np.savez(folder / "x.npz", x=x)
    return folder / "x.npz"


def step(name: str, data: Path, out: Path) -> None:
    """One step, in this process."""
    from pauca.label import Project

    began = time.perf_counter()
    if name == "init":
        made = Project.create(data, out, classes=[f"c{k}" for k in range(10)], batch=50)
    else:
        made = Project.open(out)
    told = ""
    if name == "first":
        told = f"{len(made.lease('a', 10))} items"
    elif name == "labels":
        for _ in range(10):
            for each in made.lease("a", 50):
                made.answer("a", each.item, made.classes.ids[each.item % 10])
        told = "500 labels, ten batches"
    elif name == "next":
        told = f"{made.refill(50)} items of 50,000 candidates"
    elif name == "train":
        made.train()
        told = f"{made.status().labelled} labels, with its assessment"
    elif name == "copies":
        told = f"{int((made.duplicates() >= 0).sum())} items in groups"
    seconds = time.perf_counter() - began
    made.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"  {name:7s} {seconds:7.1f} s, peak {peak:5.2f} GiB  {told}", flush=True)


def serve(out: Path) -> None:
    """From the start of `pauca label serve` until a person has an item, and the server's peak."""
    command = [sys.executable, "-m", "pauca", "label", "serve", str(out), "--port", "0"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = int(server.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
        items: list[object] = []
        while not items:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
            body = json.dumps({"person": "b", "k": 1})
            link.request("POST", "/api/lease", body, {"content-type": "application/json"})
            items = json.loads(link.getresponse().read())["items"]
            link.close()
        seconds = time.perf_counter() - began
        status = Path(f"/proc/{server.pid}/status").read_text()
        peak = int(status.split("VmHWM:")[1].split()[0]) / 2**20
        server.terminate()
    print(f"  serve   {seconds:7.1f} s, peak {peak:5.2f} GiB  until the first item", flush=True)


def main() -> None:
    """Make the data, then every step in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kind", choices=("images", "embeddings"))
    parser.add_argument("--items", type=int, required=True)
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--step", help=argparse.SUPPRESS)
    parser.add_argument("--data", help=argparse.SUPPRESS)
    parser.add_argument("--out", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.step == "serve":
        serve(Path(asked.out))
        return
    if asked.step:
        step(asked.step, Path(asked.data), Path(asked.out))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make = make_images if asked.kind == "images" else make_embeddings
        data = make(folder, asked.items)
        print(f"{asked.items} {asked.kind}:", flush=True)
        for each in asked.steps.split(","):
            command = [sys.executable, __file__, asked.kind, "--items", str(asked.items)]
            command += ["--step", each, "--data", str(data), "--out", str(folder / "project")]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
