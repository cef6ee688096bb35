"""What the page shows of an image, and the bytes that exports take."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from pauca.data.images import choose_form, decode_all, survey
from pauca.errors import DataError, InputError
from pauca.formats.folder import blocks_of
from pauca.label.items import Items, write_items
from pauca.label.pictures import Pictures
from pauca.label.pool import PoolOptions
from pauca.label.reading import fingerprint, read_pool
from pauca.label.settings import Source
from tests.data import small
from tests.label.helpers import npz

RAMP = np.tile(np.linspace(0, 1, 64), (8, 1))


def pictures(data: Path, folder: Path, **options: Any) -> Pictures:
    """Pictures of data of one's own, with the levels that a project would keep."""
    pool = read_pool(data, PoolOptions(more=options))
    folder.mkdir(exist_ok=True)
    write_items(folder, pool.keys, pool.sources)
    items = Items(folder, "image", data, pool.format == "folder")
    assert pool.images is not None
    known = {"path": str(data), "format": pool.format, "kind": "image", "items": pool.n}
    levels = None if pool.survey is None else pool.survey.levels
    source = Source.model_validate(
        {**known, "fingerprint": fingerprint(data), "levels": levels, **pool.columns}
    )
    return Pictures(items, source)


def shown(content: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)


def deep_folder(root: Path) -> Path:
    root.mkdir()
    values = (RAMP * 4095).astype(np.uint16)
    Image.fromarray(values).save(root / "a.tif")
    Image.fromarray(values // 2).save(root / "b.png")
    (root / "c.pgm").write_bytes(b"P5 64 8 4095\n" + values.astype(">u2").tobytes())
    return root


def test_the_page_shows_the_greys_that_the_model_reads(tmp_path: Path) -> None:
    root = deep_folder(tmp_path / "rays")
    made = pictures(root, tmp_path / "project")
    files = sorted(root.iterdir())
    form, _ = choose_form(survey(files, str, upright=True), None, None, "crop")
    read = decode_all(blocks_of(files), 3, form, str)
    for item in range(3):
        content, kind = made.read(item)
        assert kind == "image/png"
        np.testing.assert_array_equal(shown(content), read[item, 0].numpy())
    assert len(np.unique(shown(made.read(0)[0]))) == 64
    assert int(shown(made.read(1)[0]).max()) == 127  # half as bright as the others


def test_levels_come_from_the_survey(tmp_path: Path) -> None:
    root = deep_folder(tmp_path / "rays")

    def levels(**options: Any) -> Any:
        found = read_pool(root, PoolOptions(more=options)).survey
        return None if found is None else found.levels

    assert levels() == (0, 4095)
    assert levels(scale=(0, 1000)) == (0, 1000)
    low, high = levels(scale=10)
    assert 0 < low < high < 4095


def test_without_levels_an_image_shows_its_own_range(tmp_path: Path) -> None:
    root = deep_folder(tmp_path / "rays")
    made = pictures(root, tmp_path / "project")
    old = Pictures(made._items, made._source.model_copy(update={"levels": None}))
    assert int(shown(old.read(1)[0]).max()) == 255


def test_what_is_turned_into_png_is_upright_and_white_behind(tmp_path: Path) -> None:
    root = tmp_path / "scans"
    root.mkdir()
    tags = Image.Exif()
    tags[0x0112] = 6
    pixels = small.pixels(0, 4, 8, 3)
    Image.fromarray(pixels).save(root / "a.tif", exif=tags)
    Image.fromarray(np.zeros((4, 8, 4), np.uint8)).save(root / "b.tif")
    made = pictures(root, tmp_path / "project")
    np.testing.assert_array_equal(shown(made.read(0)[0]), np.rot90(pixels, -1))
    assert int(shown(made.read(1)[0]).min()) == 255


def test_the_original_is_the_files_own(tmp_path: Path) -> None:
    root = deep_folder(tmp_path / "rays")
    (root / "deep").mkdir()
    (root / "a.tif").rename(root / "deep" / "a.TIF")
    made = pictures(root, tmp_path / "project")
    assert made.original(2) == ((root / "deep" / "a.TIF").read_bytes(), "a.TIF")
    assert made.original(0) == ((root / "b.png").read_bytes(), "b.png")


def test_the_original_of_a_cell_keeps_its_format(tmp_path: Path) -> None:
    deep = io.BytesIO()
    Image.fromarray((RAMP * 4095).astype(np.uint16)).save(deep, "TIFF")
    jpeg = small.encoded(small.pixels(0, 8, 64), "JPEG")
    cells = pa.array(
        [{"bytes": deep.getvalue(), "path": None}, {"bytes": jpeg, "path": "/x/..\\own.jpeg"}],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"image": cells, "id": ["m", "n"]}), path)
    made = pictures(path, tmp_path / "project")
    assert made.original(0) == (deep.getvalue(), "m.tif")
    assert made.original(1) == (jpeg, "own.jpeg")
    assert made.read(0)[1] == "image/png"
    assert len(np.unique(shown(made.read(0)[0]))) == 64
    assert made.read(1) == (jpeg, "image/jpeg")


def test_arrays_come_as_png(tmp_path: Path) -> None:
    x = small.pixels(0, 3, 6, 5, 3)
    made = pictures(npz(tmp_path / "a.npz", x=x, ids=np.array(["p", "q", "r"])), tmp_path / "made")
    content, name = made.original(1)
    assert name == "q.png"
    np.testing.assert_array_equal(shown(content), x[1])
    assert made.read(1) == (content, "image/png")


def _instead(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def spoil(path: Path) -> None:
        path.unlink()
        make(path)

    return spoil


SPOILS: dict[str, Callable[[Path], object]] = {
    "page": lambda path: path.write_bytes(b"<html>moved</html>"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "empty": lambda path: path.write_bytes(b""),
    "gone": Path.unlink,
    "pipe": _instead(os.mkfifo),
    "folder": _instead(Path.mkdir),
    "device": _instead(lambda path: path.symlink_to("/dev/zero")),
    "ring": _instead(lambda path: path.symlink_to(path)),
}


@pytest.mark.parametrize("kind", SPOILS)
def test_a_picture_that_was_exchanged(kind: str, tmp_path: Path) -> None:
    root = deep_folder(tmp_path / "rays")
    made = pictures(root, tmp_path / "project")
    SPOILS[kind](root / "a.tif")
    with pytest.raises(DataError) as caught:
        made.read(0)
    assert caught.value.todo
    assert "a.tif" in str(caught.value)
    assert made.read(1)[1] == "image/png"


def test_a_parquet_file_that_breaks_while_it_is_open(tmp_path: Path) -> None:
    raws = [small.encoded(small.pixels(i, 9, 9)) for i in range(3)]
    path = small.write_hub(tmp_path / "p.parquet", raws, {})
    made = pictures(path, tmp_path / "project")
    made._file  # opened  # noqa: B018
    path.write_bytes(b"PAR1" + bytes(path.stat().st_size - 4))
    with pytest.raises(DataError, match="the data cannot be read") as caught:
        made.read(0)
    assert caught.value.todo == "put the file back"


def test_items_without_pictures(tmp_path: Path) -> None:
    made = pictures(deep_folder(tmp_path / "rays"), tmp_path / "project")
    with pytest.raises(InputError, match="no such item"):
        made.original(3)
    rows = Pictures(made._items, made._source.model_copy(update={"kind": "table"}))
    with pytest.raises(InputError, match="no pictures"):
        rows.read(0)
