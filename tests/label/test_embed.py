"""Features on the disk against plain computations in memory."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import TfidfVectorizer

from pauca.data import load_dataset
from pauca.errors import CapabilityError, DataError, UsageError
from pauca.features import extractors, featured
from pauca.label import embed
from pauca.label.embed import open_features, resolve_choice, write_features
from pauca.label.pool import Pool, PoolOptions
from pauca.label.reading import read_pool
from tests.label.helpers import images, npz, table


def made(folder: Path, pool: Pool, choice: Any = None, **options: Any) -> torch.Tensor:
    write_features(folder, pool, resolve_choice(choice, pool), **options)
    return open_features(folder, pool.n)


def read(path: Path) -> Pool:
    return read_pool(path, PoolOptions())


def test_rows_are_standardised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).normal(300, [1, 20, 0.01], (50, 3))
    x = np.c_[x, np.full(50, 7.3)].astype(np.float32)
    pool = read(npz(tmp_path / "e.npz", x=x))
    wide = x.astype(np.float64)
    std = wide.std(0)
    std[3] = np.inf
    expected = (wide - wide.mean(0)) / std
    for numbers in (embed._NUMBERS, 24):  # in one block and in many
        monkeypatch.setattr(embed, "_NUMBERS", numbers)
        found = made(tmp_path, pool).numpy()
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_words(tmp_path: Path) -> None:
    texts = ["good day", "bad day bad", "good good night", "no"]
    pool = read(table(tmp_path / "t.csv", [{"text": text} for text in texts]))
    model = TfidfVectorizer(sublinear_tf=True, strip_accents="unicode")
    expected = model.fit_transform(texts).toarray()
    np.testing.assert_allclose(made(tmp_path, pool).numpy(), expected, atol=1e-6)
    short = made(tmp_path, pool, {"name": "lsa", "dimensions": 2}).numpy()
    _, sizes, _ = np.linalg.svd(expected)
    np.testing.assert_allclose(np.linalg.norm(short, axis=0), sizes[:2], rtol=1e-4)
    assert made(tmp_path, pool, vocabulary=3).shape == (4, 3)


def test_pixels_as_the_extractor_has_them(tmp_path: Path) -> None:
    folder = images(tmp_path / "pets", [f"{i}.png" for i in range(12)])
    expected = featured(load_dataset(folder), {"name": "pca", "dimensions": 4}).train.x
    found = made(tmp_path, read(folder), {"name": "pca", "dimensions": 4})
    assert torch.equal(found, expected)


def test_principal_components_of_a_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitted on some items, told of all: the same as fitting on these alone."""
    monkeypatch.setattr(embed, "_FIT", 30)
    rng = np.random.default_rng(1)
    pool = read(npz(tmp_path / "e.npz", x=rng.normal(size=(100, 6)).astype(np.float32)))
    found = made(tmp_path, pool, {"name": "pca", "dimensions": 6, "scale": "none"}, seed=3).double()
    order = torch.randperm(100, generator=torch.Generator().manual_seed(3))[:30].sort().values
    part = found[order]
    np.testing.assert_allclose(part.mean(0), 0, atol=1e-5)
    spread = np.cov(part.numpy().T)
    np.testing.assert_allclose(spread - np.diag(np.diag(spread)), 0, atol=1e-5)
    assert pool.rows is not None
    np.testing.assert_allclose(
        torch.cdist(found, found), torch.cdist(pool.rows.double(), pool.rows.double()), atol=1e-4
    )


def test_defaults_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = read(table(tmp_path / "t.csv", [{"text": "a day"}, {"text": "a night"}]))
    assert resolve_choice(None, texts) == {"name": "tf-idf"}
    monkeypatch.setattr(embed, "_MANY_TEXTS", 1)
    assert resolve_choice(None, texts) == {"name": "lsa", "dimensions": 256}
    rows = read(npz(tmp_path / "e.npz", x=np.ones((2, 2), np.float32)))
    assert resolve_choice(None, rows) == {"name": "rows"}
    for pool, choice in (
        (rows, "tf-idf"),
        (texts, "pca"),
        (rows, {"name": "transformers", "path": "x"}),
    ):
        with pytest.raises(UsageError, match="are not for items of kind"):
            resolve_choice(choice, pool)
    with pytest.raises(UsageError, match="have no such setting"):
        resolve_choice({"name": "lsa", "words": 3}, texts)


def test_a_backbone_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is fetched once and kept as a path; without a network it is said so."""
    import huggingface_hub

    texts = read(table(tmp_path / "t.csv", [{"text": "a day"}]))
    choice = {"name": "transformers", "path": "owner/model"}
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: f"/cache/{name}")
    assert resolve_choice(choice, texts)["path"] == "/cache/owner/model"

    def fails(name: str, **_: Any) -> str:
        raise ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fails)
    with pytest.raises(CapabilityError, match=r"no network.*hf download owner/model"):
        resolve_choice(choice, texts)


def test_a_backbone_is_given_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Fake:
        def identity(self) -> dict[str, str]:
            return {}

        def extract(self, data: Any, device: torch.device) -> Any:
            seen.append(len(data.train))
            x = data.train.x.float().mean((1, 2, 3))[:, None]
            return SimpleNamespace(train=x)

    pool = read(images(tmp_path / "pets", [f"{i}.png" for i in range(7)]))
    monkeypatch.setattr(extractors, "make", lambda name, settings: Fake())
    monkeypatch.setattr(embed, "gathered", lambda blocks, most: _threes(blocks))
    write_features(tmp_path, pool, {"name": "transformers", "path": "x"}, size=4)
    assert seen == [3, 3, 1]
    assert open_features(tmp_path, 7).shape == (7, 1)


def _threes(blocks: Any) -> Any:
    raws = [raw for block in blocks for raw in block]
    return [raws[i : i + 3] for i in range(0, len(raws), 3)]


def test_features_of_other_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        open_features(tmp_path, 3)
    np.save(tmp_path / "features.npy", np.ones((4, 2), np.float32))
    with pytest.raises(DataError, match="those of other items"):
        open_features(tmp_path, 3)
    (tmp_path / "features.npy").write_bytes((tmp_path / "features.npy").read_bytes()[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        open_features(tmp_path, 4)
