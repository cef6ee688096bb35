"""Frozen features in a study: what a cell learns from, and what is kept of the items themselves."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pauca.errors import UsageError
from pauca.features import featured
from pauca.learners import make_learner
from pauca.metrics import evaluate
from pauca.rng import Streams
from pauca.study import plan, run_study, settings_from
from pauca.study.plan import load_items
from pauca.study.work import keeper
from pauca.testing import tiny_image_dataset
from tests.study.plugin import NAME, study

PCA: dict[str, Any] = {"name": "tiny", "frozen_features": {"name": "pca", "dimensions": 4}}
PLAIN: dict[str, Any] = study(data=PCA, active__learner={"name": "probe"})


def test_every_setting_of_the_features_is_written_down() -> None:
    short = settings_from(study(data={"name": "tiny", "frozen_features": "pca"}))
    features = short.data["frozen_features"]
    assert features["name"] == "pca"
    assert features["dimensions"] == 64
    assert settings_from(short.plain()) == short


def test_features_that_are_not_there_are_refused() -> None:
    with pytest.raises(UsageError, match=r"'pcaa'.*key 'frozen_features'.*'pca'"):
        settings_from(study(data={"name": "tiny", "frozen_features": "pcaa"}))


def test_cells_learn_from_features_and_keep_pictures_of_items(tmp_path: Path) -> None:
    result = run_study(PLAIN, tmp_path / "s", workers=0, imports=[NAME])
    assert not result.failed
    items = tiny_image_dataset()
    dataset = featured(items, PCA["frozen_features"])
    assert dataset.test is not None
    assert dataset.train.y is not None
    from pauca.study.folder import StudyFolder

    with StudyFolder(result.folder).store(readonly=True) as store:
        for run in store.runs():
            streams = Streams(3, run.spec.settings["repetition"])
            learner = make_learner("probe", task=dataset.task)
            ids = torch.tensor(sorted(run.rounds[0]["initial"]))
            y = dataset.train.y[ids]
            learner.fit(dataset.train.x[ids], y, generator=streams.generator("model", 0))
            probs = learner.outputs(dataset.test.x, torch.arange(len(dataset.test))).mean_probs
            metrics = run.rounds[0]["metrics"]
            assert metrics["accuracy"] == evaluate(dataset.test.y, probs)["accuracy"]
            if run.spec.settings["repetition"] == 0:
                with np.load(io.BytesIO(store.blob(run.spec.id, "picks.npz"))) as picks:
                    asked = torch.tensor(run.rounds[0]["asked"])
                    assert np.array_equal(picks["items"], items.train.x[asked].numpy())
        facts = store.meta()["data"]
    assert any("principal components" in note for note in facts["notes"])


def test_what_identifies_the_data_are_the_items() -> None:
    """Features may differ in their last bit between machines."""
    assert keeper()(PCA).kind == "embedding"
    assert load_items(PCA).kind == "image"
    assert torch.equal(load_items(PCA).train.x, tiny_image_dataset().train.x)


def test_features_decide_which_run_it_is() -> None:
    ids = {
        run.id
        for features in ("pca", {"name": "pca", "dimensions": 4})
        for run in plan(
            settings_from(study(data={"name": "tiny", "frozen_features": features})), len
        )
    }
    assert len(ids) == 8
