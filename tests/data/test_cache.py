"""Decoding once: what is kept, when it counts, and that nothing of it ever fails a load."""

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pauca.data import cache, load_dataset
from pauca.data.cache import BESIDE, cache_folders, cached_images
from tests.data import small


class Decoder:
    """Counts how often it is asked."""

    def __init__(self, value: int = 1) -> None:
        self.value, self.calls = value, 0

    def __call__(self) -> Tensor:
        self.calls += 1
        return torch.full((3, 1, 4, 5), self.value, dtype=torch.uint8)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is worth keeping the pixels of, cached beside it."""
    monkeypatch.delenv("PAUCA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(cache, "_LEAST", 0.0)
    path = tmp_path / "data" / "train.parquet"
    path.parent.mkdir()
    path.write_bytes(b"one")
    return path


def ask(file: Path, decode: Callable[[], Tensor], **options: object) -> tuple[Tensor, str]:
    found, notes = cached_images([file], options, decode, n=3)
    return found, "; ".join(notes)


def arrays(file: Path) -> list[Path]:
    return sorted((file.parent / BESIDE).glob("*.npy"))


def age(file: Path) -> None:
    """As if it had lain there for a minute, so that its times are trusted."""
    old = os.stat(file).st_mtime - 60
    os.utime(file, (old, old))


def test_the_second_time_it_is_mapped(file: Path) -> None:
    decode = Decoder()
    first, said = ask(file, decode)
    second, again = ask(file, decode)
    assert decode.calls == 1
    assert torch.equal(first, decode())
    assert torch.equal(second, first)
    assert second.dtype == torch.uint8
    assert said == again == "decoded once into .pauca-cache beside the data, 0 MB"
    assert [one.suffix for one in sorted((file.parent / BESIDE).iterdir())].count(".npy") == 1


def test_writing_to_it_changes_nobody_elses(file: Path) -> None:
    found, _ = ask(file, Decoder())
    found.zero_()
    assert int(ask(file, Decoder())[0].min()) == 1


def test_content_counts_and_not_size_and_time(file: Path) -> None:
    age(file)
    before = os.stat(file)
    ask(file, Decoder(1))
    ask(file, Decoder(1))
    file.write_bytes(b"two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert os.stat(file).st_size == before.st_size
    assert os.stat(file).st_mtime_ns == before.st_mtime_ns
    found, _ = ask(file, Decoder(2))
    assert int(found.max()) == 2
    assert len(arrays(file)) == 1  # the old pixels are gone


def test_a_copy_of_the_same_content_is_not_decoded_again(file: Path) -> None:
    ask(file, Decoder())
    os.utime(file, (1, 1))
    decode = Decoder()
    ask(file, decode)
    assert decode.calls == 0


def test_files_are_read_once_while_their_times_stand(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "_RACY", -1.0)
    ask(file, Decoder())

    def refuse(*_: object) -> None:
        raise AssertionError("read again")

    monkeypatch.setattr(cache, "file_digest", refuse)
    decode = Decoder()
    ask(file, decode)
    assert decode.calls == 0


def test_options_are_entries_of_their_own(file: Path) -> None:
    ask(file, Decoder(1), height=4)
    ask(file, Decoder(2), height=8)
    assert int(ask(file, Decoder(9), height=4)[0].max()) == 1
    assert int(ask(file, Decoder(9), height=8)[0].max()) == 2
    assert len(arrays(file)) == 2


def test_another_version_takes_the_place(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(file, Decoder(1))
    monkeypatch.setattr(cache, "_code", lambda: "another version")
    assert int(ask(file, Decoder(2))[0].max()) == 2
    assert len(arrays(file)) == 1


@pytest.mark.parametrize("harm", ["cut", "flipped", "header", "no facts", "facts"])
def test_damage_is_noticed_and_made_good(harm: str, file: Path) -> None:
    ask(file, Decoder())
    array = arrays(file)[0]
    raw = bytearray(array.read_bytes())
    if harm == "cut":
        array.write_bytes(raw[:-7])
    elif harm == "flipped":
        raw[-3] ^= 1
        array.write_bytes(raw)
    elif harm == "header":
        array.write_bytes(b"\0" * len(raw))
    elif harm == "no facts":
        array.with_suffix(".json").unlink()
    else:
        array.with_suffix(".json").write_text("[]")
    decode = Decoder()
    found, said = ask(file, decode)
    assert decode.calls == 1
    assert torch.equal(found, decode())
    assert "damaged" in said
    again = Decoder()
    assert "damaged" not in ask(file, again)[1]
    assert again.calls == 0


def test_drafts_of_a_killed_process_are_removed(file: Path) -> None:
    ask(file, Decoder(), height=1)
    array = arrays(file)[0]
    draft = array.with_name(f".{array.name}.part-0123abcd")
    array.rename(draft)
    ask(file, Decoder(), height=1)
    assert not draft.exists()


def test_off_keeps_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAUCA_CACHE", "off")
    decode = Decoder()
    assert ask(file, decode)[1] == ask(file, decode)[1] == ""
    assert decode.calls == 2
    assert not (file.parent / BESIDE).exists()


def test_the_folder_that_was_named(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAUCA_CACHE", str(tmp_path / "here"))
    assert str(tmp_path / "here") in ask(file, Decoder())[1]
    assert not (file.parent / BESIDE).exists()
    assert list((tmp_path / "here").glob("*.npy"))


def test_beside_data_that_cannot_be_written_the_users_cache(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_folder(monkeypatch, BESIDE, errno.EROFS)
    decode = Decoder()
    _, said = ask(file, decode)
    ask(file, decode)
    assert decode.calls == 1
    assert str(tmp_path / "xdg" / "pauca") in said
    assert list((tmp_path / "xdg" / "pauca").glob("*.npy"))


def test_where_nothing_can_be_written_it_is_decoded_each_time_and_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_folder(monkeypatch, "", errno.EACCES)
    decode = Decoder()
    found, said = ask(file, decode)
    ask(file, decode)
    assert decode.calls == 2
    assert torch.equal(found, decode())
    assert "not kept: Permission denied" in said
    assert "PAUCA_CACHE" in said


@pytest.mark.parametrize("when", ["before", "while writing"])
def test_a_full_disk_fails_no_load(when: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if when == "before":
        usage = shutil.disk_usage(file.parent)._replace(free=3)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    else:

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("numpy.lib.format.write_array", full)
    found, said = ask(file, Decoder())
    assert torch.equal(found, Decoder()())
    assert "not kept: No space left on device" in said
    assert not list((file.parent / BESIDE).glob("*part*"))
    assert not arrays(file)


def test_files_that_change_while_they_are_read_are_not_kept(file: Path) -> None:
    def decode() -> Tensor:
        file.write_bytes(b"changed under way")
        return Decoder()()

    ask(file, decode)
    assert not arrays(file)


def test_an_error_of_the_decoder_is_its_own(file: Path) -> None:
    def decode() -> Tensor:
        raise RuntimeError("not an image")

    with pytest.raises(RuntimeError, match="not an image"):
        ask(file, decode)
    assert int(ask(file, Decoder())[0].max()) == 1  # and lets the others at it


_WORKER = """
import sys, time
from pathlib import Path
import torch
from pauca.data import cache
cache._LEAST = 0.0
def decode():
    with open(sys.argv[2], "a") as log: log.write("decoded\\n")
    time.sleep(1)
    return torch.arange(60, dtype=torch.uint8).view(3, 1, 4, 5)
found, _ = cache.cached_images([Path(sys.argv[1])], {}, decode, n=3)
assert found.sum() == 59 * 30
"""


def test_two_workers_at_once_decode_once(file: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = [sys.executable, "-c", _WORKER, str(file), str(log)]
    workers = [subprocess.Popen(command) for _ in range(2)]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
    assert log.read_text().split() == ["decoded"]


def test_who_has_waited_too_long_decodes_and_leaves_the_others_file_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    ask(file, Decoder())
    array = arrays(file)[0]
    array.unlink()
    monkeypatch.setattr(cache, "_PATIENCE", 0.1)
    with (file.parent / BESIDE / f"{array.name[:12]}.lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        found, _ = ask(file, Decoder())
    assert torch.equal(found, Decoder()())
    assert not arrays(file)


def test_small_sets_leave_no_file(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAUCA_CACHE", str(tmp_path / "cache"))
    small.hub_copy(root, "mnist", shape=(28, 28), classes=10)
    load_dataset("mnist")
    assert not (tmp_path / "cache").exists()


def test_a_set_of_the_catalogue_comes_back_bit_for_bit(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small.hub_copy(
        root, "pneumonia", shape=(50, 70), classes=2, splits=("train", "validation", "test")
    )
    monkeypatch.setenv("PAUCA_CACHE", "off")
    plain = load_dataset("pneumonia")
    monkeypatch.setenv("PAUCA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(cache, "_LEAST", 0.0)
    first = load_dataset("pneumonia")

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("pauca.data.catalog._hub_images.decode_all", refuse)
    heard: list[float] = []
    second = load_dataset("pneumonia", progress=heard.append)
    assert heard[-1] == 1.0
    for found in (first, second):
        assert any("decoded once into" in note for note in found.notes)
        for one, other in ((found.train, plain.train), (found.test, plain.test)):
            assert one is not None
            assert other is not None
            assert torch.equal(one.x, other.x)
            assert one.y is not None
            assert other.y is not None
            assert torch.equal(one.y, other.y)


def test_what_is_known_of_an_entry_names_its_files(file: Path) -> None:
    ask(file, Decoder())
    facts = json.loads(arrays(file)[0].with_suffix(".json").read_text())
    assert facts["files"] == ["train.parquet"]
    assert facts["shape"] == [3, 1, 4, 5]


def _refuse_folder(monkeypatch: pytest.MonkeyPatch, name: str, number: int) -> None:
    """No folder whose name ends so can be made."""
    make = Path.mkdir

    def refuse(self: Path, *args: object, **settings: object) -> None:
        if self.name.endswith(name):
            raise OSError(number, os.strerror(number), str(self))
        make(self, *args, **settings)  # type: ignore[arg-type]  # passed on as they came

    monkeypatch.setattr(Path, "mkdir", refuse)


def test_nothing_is_written_into_a_folder_that_may_not_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root could write there all the same."""
    monkeypatch.delenv("PAUCA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.bin").write_bytes(b"1")
    assert cache_folders([data / "a.bin"]) == [data / BESIDE, tmp_path / "user" / "pauca"]
    data.chmod(0o555)
    assert cache_folders([data / "a.bin"]) == [tmp_path / "user" / "pauca"]
    data.chmod(0o755)
