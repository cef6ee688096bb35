"""Try settings of a learner on 10,000 training images held out; the test split is never read.

PAUCA_DATA=... python tools/validate.py mnist forward-forward '{"recipe": "best"}' [--seed 0]

A learner's settings may stand in a study file instead: the first one of its section [models], with
what is given as JSON in place of its own. With ``--items`` it learns from so many images only.

PAUCA_DATA=... python tools/validate.py cifar10 studies/ff-conv-cifar10.toml '{"epochs": 4}'
"""

import argparse
import json
import time
import tomllib
from pathlib import Path

import torch

import pauca
from pauca.rng import generator_from

HELD_OUT = 10_000


def main() -> None:
    """Train on the rest, print accuracy on what was held out, and what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", help="name of a data set")
    parser.add_argument("learner", help="its name, or a study file")
    parser.add_argument("settings", type=json.loads, help="of the learner, as JSON")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--items", type=int, help="learn from so many only")
    given = parser.parse_args()
    name, settings = given.learner, given.settings
    if name.endswith(".toml"):
        first = tomllib.loads(Path(name).read_text(encoding="utf-8"))["models"]["learners"][0]
        name, settings = first["name"], {**first, **settings}
        del settings["name"]
    torch.set_num_threads(1)
    data = pauca.load_dataset(given.data)
    x, y = data.train.x, data.train.y
    assert y is not None
    order = torch.randperm(len(x), generator=generator_from(99))  # the same split for all settings
    train, held = order[:-HELD_OUT][: given.items], order[-HELD_OUT:]
    learner = pauca.make_learner(name, task=data.task, **settings)
    began = time.process_time()
    learner.fit(x[train], y[train], generator=generator_from(given.seed))
    spent = time.process_time() - began
    right = (learner.predict(x[held]) == y[held]).double().mean().item()
    print(f"{given.data} {given.learner} {json.dumps(given.settings)} seed {given.seed}:", end=" ")
    print(f"{100 * right:.2f} % of {HELD_OUT:,} held out, {spent:.0f} s of one core")


if __name__ == "__main__":
    main()
