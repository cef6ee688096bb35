"""How quickly answers are taken from many people at once, and whether any is lost or doubled.

    python benchmarks/label_server.py
    python benchmarks/label_server.py --clients 8 --answers 2000

A server as `pauca label serve` starts it, on loopback, with a project of embeddings. Each client
keeps one connection, asks for an item, answers it, and asks for the next; the model is trained
beside them. Milliseconds of each kind of request as the client sees them, median and 99th
percentile; then the account is read and compared with what every client was told.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from pauca.label import Project


class Client(threading.Thread):
    """Labels until enough was answered."""

    def __init__(
        self, name: str, port: int, project: str, left: list[int], lock: threading.Lock
    ) -> None:
        super().__init__()
        self.headers = {"content-type": "application/json", "pauca-project": project}
        self.who, self.port, self.left, self.lock = name, port, left, lock
        self.told: dict[str, int] = {}
        self.seconds: dict[str, list[float]] = {"lease": [], "answer": []}

    def run(self) -> None:
        """Ask and answer."""
        link = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        while True:
            items = self._ask(link, "lease", {"person": self.who, "k": 1})["items"]
            if not items:
                time.sleep(0.02)
            for each in items:
                with self.lock:
                    if not self.left[0]:
                        link.close()
                        return
                    self.left[0] -= 1
                token = f"{self.who}-{len(self.told)}"
                body = {"person": self.who, "item": each["item"], "class": each["item"] % 10}
                self._ask(link, "answer", {**body, "token": token, "ms": 1000})
                self.told[token] = each["item"]

    def _ask(self, link: http.client.HTTPConnection, path: str, body: dict) -> dict:
        content = json.dumps(body)
        began = time.perf_counter()
        link.request("POST", f"/api/{path}", content, self.headers)
        reply = link.getresponse()
        found = json.loads(reply.read())
        self.seconds[path].append(time.perf_counter() - began)
        if reply.status != 200:
            raise SystemExit(f"{path}: {reply.status} {found}")
        return found


def main() -> None:
    """Serve, ask, compare."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--answers", type=int, default=20_000)
    parser.add_argument("--retrain", type=int, default=2000)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    n = asked.answers + 64 * asked.clients
    centres = rng.normal(0, 4, (10, 16))
    x = (centres[np.arange(n) % 10] + rng.normal(0, 1, (n, 16))).astype(np.float32)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.savez(folder / "x.npz", x=x)
        classes = [f"class {k}" for k in range(10)]
        batch = 20 * asked.clients
        with Project.create(folder / "x.npz", folder / "p", classes=classes, batch=batch) as made:
            project = made.id
        command = [sys.executable, "-m", "pauca", "label", "serve", str(folder / "p")]
        command += ["--port", "0", "--retrain", str(asked.retrain)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            port = int(server.stdout.readline().split("127.0.0.1:")[1].split("/")[0])
            left, lock = [asked.answers], threading.Lock()
            clients = [Client(f"p{k}", port, project, left, lock) for k in range(asked.clients)]
            began = time.perf_counter()
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            took = time.perf_counter() - began
            server.terminate()
        with Project.open(folder / "p") as made:
            events = [entry.event for entry in made.history(most=None)]
            trainings = len(made.trainings())
    kept = {event.token: event.item for event in events}
    told = {token: item for client in clients for token, item in client.told.items()}
    items = [event.item for event in events]
    print(
        f"{asked.clients} clients, {len(told)} answers, {took:.0f} s, {trainings} trainings beside"
    )
    print(f"lost {len(told.items() - kept.items())}, doubled {len(items) - len(set(items))}")
    for path in ("lease", "answer"):
        ms = 1000 * np.concatenate([client.seconds[path] for client in clients])
        print(
            f"{path:7s} median {np.median(ms):.1f} ms, 99th percentile "
            f"{np.quantile(ms, 0.99):.1f} ms, longest {ms.max():.0f} ms, {len(ms)} requests"
        )


if __name__ == "__main__":
    main()
