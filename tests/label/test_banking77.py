"""Real texts with a simulated person: what the project says of itself holds."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from pauca.label import Project
from tests.label.helpers import table


def rows_of(classes: int, most: int) -> list[dict[str, str]]:
    path = Path(os.environ["PAUCA_DATA"]) / "banking77" / "train.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = sorted({row["category"] for row in rows})[:classes]
    rows = [row for row in rows if row["category"] in names]
    order = np.random.default_rng(0).permutation(len(rows))[:most]
    return [rows[i] for i in order]


@pytest.mark.data("banking77")
@pytest.mark.parametrize(
    ("classes", "n", "labels"), [(6, 400, 100), pytest.param(15, 1800, 500, marks=pytest.mark.slow)]
)
def test_a_simulated_person(tmp_path: Path, classes: int, n: int, labels: int) -> None:
    rows = rows_of(classes, n)
    names = sorted({row["category"] for row in rows})
    data = table(tmp_path / "texts.csv", [{"text": row["text"]} for row in rows])
    with Project.create(data, tmp_path / "p", classes=names, batch=20, random_share=0.3) as made:
        number = {each.name: each.id for each in made.classes}
        for _ in range(labels // 20):
            for leased in made.lease("simulated", 20):
                made.answer("simulated", leased.item, number[rows[leased.item]["category"]])
        told = made.train().record["assessment"]
        rest = list(made.predict())
        items = np.concatenate([part.item for part in rest])
        cls = np.concatenate([part.cls for part in rest])
        sure = np.concatenate([part.confidence for part in rest])
        right = cls == np.array([number[rows[i]["category"]] for i in items])
        status = made.status()
    assert status.labelled == labels
    assert min(status.balance.values()) > 0  # the cold start has met every class
    assert told["accuracy"]["n"] == told["random"] == round(0.3 * labels)
    # what is labelled counts as told by cross-validation: the whole pool is a little harder
    assert told["accuracy"]["low"] - 0.02 <= right.mean()
    assert right.mean() > told["chosen"] - 0.02
    assert abs(sure.mean() - right.mean()) < 0.12
    assert told["ece"][1] < told["ece"][0]
