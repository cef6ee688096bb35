"""A model that was taken away against the project that it came from."""

import csv
import json
import pickle
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils.validation import check_is_fitted

import pauca
from pauca.errors import CapabilityError, DataError, InputError, UsageError
from pauca.features.encoders import ImageEncoder, TextEncoder
from pauca.files import pack, unpack
from pauca.label import (
    PoolOptions,
    Predictor,
    Project,
    load,
    write_new_predictions,
    write_predictions,
)
from pauca.nets import make_net
from pauca.rng import generator_from, isolated
from pauca.testing.process import OtherProcess
from tests.label.helpers import clusters, npz, table
from tests.test_cli import Run, cli

__all__ = ["cli"]  # a fixture

N = 36
TEXTS = [
    " ".join(["rose leaf petal red", "wheel road oil red"][i % 2].split()[: 2 + i % 3])
    + f" x{i % 5}"
    for i in range(N)
]
SIGNS = [["☀☁", "✈☂☃"][i % 2] * (1 + i % 3) for i in range(N)]


@dataclass
class Case:
    """Data of one kind, how a project is made of them, and its items in every form in memory.

    Args:
        data: File or folder.
        items: By what they are, the items of the pool in order.
        options: How the data are read.
        settings: Of the project.
        tolerance: Of probabilities; exact by default.
    """

    data: Path
    items: Mapping[str, Any]
    options: PoolOptions = field(default_factory=PoolOptions)
    settings: Mapping[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6


def a_table(path: Path, columns: Mapping[str, list[Any]], delimiter: str = ",") -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def of_texts(home: Path, texts: list[str] = TEXTS, **settings: Any) -> Case:
    data = a_table(home / "t.csv", {"id": [f"k{i}" for i in range(N)], "body": texts})
    items = {
        "list": texts,
        "Series": pd.Series(texts),
        "array": np.array(texts),
        "frame": pd.DataFrame({"body": texts, "other": 1}),
        "predictions": pd.DataFrame({"id": range(N), "text": texts, "label": "even"}),
    }
    return Case(data, items, PoolOptions(text="body"), settings)


def of_joined_texts(home: Path) -> Case:
    heads = [f"no {i}" if i % 4 else "" for i in range(N)]
    data = a_table(home / "t.csv", {"head": heads, "body": TEXTS})
    items = {"frame": pd.DataFrame({"body": TEXTS, "head": heads})}
    return Case(data, items, PoolOptions(text=("head", "body")))


def of_rows(home: Path) -> Case:
    """Decimal commas, words, dates, booleans, empty cells, and times that float32 cannot hold."""
    rng = np.random.default_rng(0)
    price = [f"{v:.2f}".replace(".", ",") for v in rng.normal(5, 2, N)]
    place = [["south", "north", "east"][i % 3] for i in range(N)]
    day = [f"2024-0{1 + i % 9}-1{i % 10}" for i in range(N)]
    flag = [["true", "false"][i % 2] for i in range(N)]
    size = [
        "" if i % 7 == 0 else str(round(float(v), 3)) for i, v in enumerate(rng.normal(0, 1, N))
    ]
    stamp = [1_700_000_000_000 + 7 * i * i for i in range(N)]
    columns: dict[str, list[Any]] = {"price": price, "place": place, "day": day}
    columns |= {"flag": flag, "size": size, "stamp": stamp}
    data = a_table(home / "rows.csv", columns, ";")
    typed = pd.DataFrame(
        {
            "stamp": stamp,
            "price": [float(cell.replace(",", ".")) for cell in price],
            "place": place,
            "day": pd.to_datetime(pd.Series(day)),
            "flag": [cell == "true" for cell in flag],
            "size": pd.to_numeric(pd.Series(size)),
        }
    )
    items = {
        "texts": pd.DataFrame(columns),
        "typed": typed,
        "dicts": typed.assign(day=[datetime.fromisoformat(d) for d in day]).to_dict("records"),
        "lists": [list(row) for row in zip(*columns.values(), strict=True)],
    }
    return Case(data, items, PoolOptions(missing="mean"))


def of_vectors(home: Path, **settings: Any) -> Case:
    x = clusters(N, d=6, c=2)[0].astype(np.float64)
    x[:, 2] += 1e9
    items = {"array": x, "tensor": torch.from_numpy(x), "lists": x.tolist(),
             "frame": pd.DataFrame(x)}  # fmt: skip
    return Case(npz(home / "e.npz", x=x), items, settings=settings)


def of_a_vector_column(home: Path) -> Case:
    x = clusters(N, d=4, c=2)[0].round(3).tolist()
    data = home / "v.jsonl"
    data.write_text("".join(json.dumps({"emb": row, "n": "a b"}) + "\n" for row in x))
    return Case(data, {"array": np.array(x), "frame": pd.DataFrame({"emb": x})})


def pixels(shape: tuple[int, ...], high: int = 256, dtype: Any = np.uint8) -> NDArray[Any]:
    x = np.random.default_rng(1).integers(0, high // 2, (N, *shape)).astype(dtype)
    x[::2, :4] += dtype(high // 2)
    return x


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
    return image


def of_photographs(home: Path, suffix: str = "png", **settings: Any) -> Case:
    """Two sizes, one of them turned by its EXIF."""
    folder, paths = home / "photos", []
    folder.mkdir()
    for i, x in enumerate(pixels((9, 12, 3))):
        path = folder / f"{i:02}.{suffix}"
        exif = Image.Exif()
        exif[0x0112] = 6 if i % 5 == 0 else 1
        image = Image.fromarray(x if i % 3 else np.repeat(np.repeat(x, 8, 0), 8, 1))
        image.save(path, exif=exif)
        paths.append(path)
    items: dict[str, Any] = {"paths": paths, "texts": list(map(str, paths))}
    if suffix == "png":
        items["PIL"] = list(map(opened, paths))
    return Case(folder, items, settings=settings)


def of_deep_images(home: Path) -> Case:
    folder, x = home / "deep", pixels((8, 8), 4000, np.uint16)
    folder.mkdir()
    paths = [folder / f"{i:02}.png" for i in range(N)]
    for path, image in zip(paths, x, strict=True):
        Image.fromarray(image).save(path)
    items = {"paths": paths, "PIL": list(map(opened, paths)), "arrays": list(x),
             "array": x[:, None]}  # fmt: skip
    return Case(folder, items)


def of_image_arrays(home: Path, dtype: Any, low: float, high: float, **settings: Any) -> Case:
    x = pixels((8, 8, 3))
    if dtype is not np.uint8:
        x = (low + x / 255 * (high - low)).astype(dtype)
    return Case(npz(home / "i.npz", x=x), {"array": x, "arrays": list(x)}, settings=settings)


def of_a_net(home: Path) -> Case:
    net = make_net("mlp", shape=(3, 8, 8), classes=3, generator=generator_from(0), widths=[5])
    path = home / "weights.pt"
    torch.save(net.state_dict(), path)
    choice = {"name": "net", "path": str(path), "net": "mlp", "net_params": {"widths": [5]}}
    return of_image_arrays(home, np.uint8, 0, 255, features=choice)


def of_forward_forward(home: Path) -> Case:
    choice = {"name": "forward-forward", "widths": [8], "steps": 3, "batch": 8}
    return of_vectors(home, features=choice)


def bert(home: Path) -> Path:
    library = import_module("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "rose", "leaf", "wheel", "road", "red"]
    folder = home / "bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(words))
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = library.BertConfig(
        vocab_size=len(words), intermediate_size=16, max_position_embeddings=16, **sizes
    )
    with isolated(generator_from(0)):
        library.BertModel(config).eval().save_pretrained(folder)
    library.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def of_a_text_backbone(home: Path) -> Case:
    pytest.importorskip("transformers")
    return of_texts(home, features={"name": "transformers", "path": str(bert(home))})


def of_an_image_backbone(home: Path) -> Case:
    library = pytest.importorskip("transformers")
    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = library.ViTConfig(intermediate_size=16, image_size=8, patch_size=4, **sizes)
    with isolated(generator_from(0)):
        model = library.ViTModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(home / "vit")
    choice = {"name": "transformers", "path": str(home / "vit")}
    return of_photographs(home, features=choice, size=8)


def encoder(name: str) -> str:
    kind = ImageEncoder if name == "image-encoder" else TextEncoder
    if not kind.pinned.installed:
        pytest.skip(f"{kind.pinned.distribution} is not installed")
    return name


def of_a_text_encoder(home: Path) -> Case:
    return of_texts(home, features=encoder("text-encoder"))


def of_an_image_encoder(home: Path) -> Case:
    return of_photographs(home, features=encoder("image-encoder"))


def with_lsa(home: Path) -> Case:
    return of_texts(home, features={"name": "lsa", "dimensions": 3})


CASES: dict[str, Callable[[Path], Case]] = {
    "tf-idf": of_texts,
    "tf-idf of signs": lambda home: of_texts(home, SIGNS),
    "lsa": with_lsa,
    "joined texts": of_joined_texts,
    "text backbone": of_a_text_backbone,
    "rows": of_rows,
    "vectors": of_vectors,
    "vectors by pca": lambda home: of_vectors(home, features={"name": "pca", "dimensions": 3}),
    "forward-forward": of_forward_forward,
    "a column of vectors": of_a_vector_column,
    "photographs": of_photographs,
    "jpegs": lambda home: of_photographs(home, "jpg"),
    "16 bits": of_deep_images,
    "arrays of bytes": lambda home: of_image_arrays(home, np.uint8, 0, 255),
    "arrays of a range": lambda home: of_image_arrays(home, np.float64, -3, 90),
    "arrays in [0, 1]": lambda home: of_image_arrays(home, np.float32, 0, 1),
    "net": of_a_net,
    "image backbone": of_an_image_backbone,
    "text encoder": of_a_text_encoder,
    "image encoder": of_an_image_encoder,
    "arrays by an encoder": lambda home: of_image_arrays(
        home, np.float32, 0, 1, features=encoder("image-encoder")
    ),
    "mlp head": lambda home: of_vectors(
        home, learner={"name": "probe", "head": "mlp", "steps": 20, "hidden": 4}
    ),
}


def made(home: Path, case: Case) -> tuple[Path, NDArray[np.float64]]:
    """The exported model of a project with some labels, and what the project says of all items."""
    with Project.create(
        case.data, home / "project", classes=["even", "odd"], options=case.options, **case.settings
    ) as project:
        for item in range(0, 20):
            project.answer("ann", item, item % 2)
        project.train(assessed=False)
        Predictor.of(project).save(home / "m.pauca")
        told = np.concatenate([part.probs for part in project.predict(range(project.n))])
    return home / "m.pauca", told


def said_there(path: Path, items: Any) -> tuple[Any, Any, bool]:
    """In a process that has never seen the project."""
    model = pauca.label.load(path)
    return model.predict_proba(items), model.predict(items), (path.parent / "project").exists()


@pytest.mark.parametrize("name", CASES)
def test_it_says_what_the_project_says(
    name: str, tmp_path: Path, other_process: OtherProcess
) -> None:
    case = CASES[name](tmp_path)
    path, expected = made(tmp_path, case)
    assert expected.std() > 0.01
    with Project.open(tmp_path / "project") as project:
        write_predictions(project, tmp_path / "own.csv", "csv")
        rest = np.array(project.labels.item)
    model = load(path)
    model.save(tmp_path / "again.pauca")
    assert (tmp_path / "again.pauca").read_bytes() == path.read_bytes()

    # all of the pool as new data, through the reading of files
    count, _ = write_new_predictions(
        model, case.data, tmp_path / "new.csv", "csv", options=PoolOptions()
    )
    assert count == N
    own, new = (pd.read_csv(tmp_path / f"{each}.csv", dtype={"id": str}) for each in ("own", "new"))
    same = new.set_index("id").loc[own["id"]].reset_index()
    assert list(same) == list(own)
    assert same["label"].tolist() == own["label"].tolist()
    assert len(own) == N - len(rest)
    for column in ("confidence", "p:even", "p:odd"):
        np.testing.assert_allclose(same[column], own[column], atol=case.tolerance)

    # the project is gone, and for what lies in memory the data too
    shutil.rmtree(tmp_path / "project")
    for form, items in case.items.items():
        found = model.predict_proba(items)
        np.testing.assert_allclose(found, expected, atol=case.tolerance, err_msg=form)
        likeliest = np.array(["even", "odd"])[expected.argmax(1)]
        assert model.predict(items).tolist() == likeliest.tolist()
        few = items.iloc[3:5] if hasattr(items, "iloc") else items[3:5]
        np.testing.assert_allclose(model.predict_proba(few), expected[3:5], atol=case.tolerance)
    plain = next(items for form, items in case.items.items() if form != "PIL")
    probs, names, there = other_process.call(said_there, path, plain)
    np.testing.assert_allclose(probs, expected, atol=case.tolerance)
    assert names.tolist() == likeliest.tolist()
    assert not there
    assert model.predict_proba([]).shape == (0, 2)


def test_what_the_model_says_of_itself(tmp_path: Path) -> None:
    x, y = clusters(120, c=3)
    with Project.create(
        npz(tmp_path / "e.npz", x=x), tmp_path / "p", classes=["a", "b", "c"], random_share=1.0
    ) as project:
        for item in project.suggest(60):
            project.answer("ann", item, int(y[item]))
        project.train()
        project.rename_class("a", "first")
        project.merge_class("c", "b")
        project.add_classes(["late"])
        model = Predictor.of(project)
        model.save(tmp_path / "m")
        expected = np.concatenate([part.probs for part in project.predict(range(120))])
    model = load(tmp_path / "m")
    assert model.classes_.tolist() == ["first", "b", "late"]
    np.testing.assert_allclose(model.predict_proba(x), expected, atol=1e-9)
    assert (model.predict_proba(x)[:, 2] == 0).all()
    assert model.facts["labels"] == 60
    told = model.describe()
    for words in (
        "probe-1",
        "first, b, late",
        "vectors of 12 numbers",
        "labels: 60",
        "on 60 random",
    ):
        assert words in told
    assert model.facts["trained"].endswith("+00:00")
    assert pauca.label is import_module("pauca.label")


def test_it_passes_for_an_estimator(tmp_path: Path) -> None:
    case = of_texts(tmp_path)
    path, expected = made(tmp_path, case)
    model = load(path)
    check_is_fitted(model)
    assert is_classifier(model)
    assert clone(model) is model
    assert model.get_params() == {}
    assert model.set_params() is model
    with pytest.raises(InputError, match="no parameters"):
        model.set_params(c=1)
    with pytest.raises(CapabilityError, match="not trained again"):
        model.fit(TEXTS, ["even"] * N)
    assert model.score(TEXTS, model.predict(TEXTS)) == 1.0
    frozen = make_pipeline(FrozenEstimator(model)).fit(TEXTS, model.predict(TEXTS))
    assert frozen.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()
    joblib.dump(model, tmp_path / "model.joblib")
    for again in (joblib.load(tmp_path / "model.joblib"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(again.predict_proba(TEXTS), expected)
        assert repr(again) == repr(model) == "Predictor(text, 2 classes, 12 features)"


def test_skops_keeps_it(tmp_path: Path) -> None:
    skops = pytest.importorskip("skops.io", reason="the package skops is not installed")
    path, expected = made(tmp_path, of_texts(tmp_path))
    skops.dump(load(path), tmp_path / "m.skops")
    trusted = skops.get_untrusted_types(file=tmp_path / "m.skops")
    assert trusted == ["pauca.label.predictor.Predictor"]
    again = skops.load(tmp_path / "m.skops", trusted=trusted)
    np.testing.assert_array_equal(again.predict_proba(TEXTS), expected)


ONNX = ("tf-idf", "rows", "vectors", "vectors by pca", "arrays of bytes", "mlp head")


@pytest.mark.parametrize("name", ONNX)
def test_onnx(name: str, tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    case = CASES[name](tmp_path)
    path, expected = made(tmp_path, case)
    model = load(path)
    model.to_onnx(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    given = session.get_inputs()[0]
    fit, part = model.fitted, next(iter(case.items.values()))
    from pauca.label.intake import RowIntake, flat_rows, part_of

    read = part_of(part, fit.intake)
    if given.name == "rows":
        assert isinstance(fit.intake, RowIntake)
        named = bool(fit.intake.fit.columns)
        x = fit.intake.fit.read(read.frame, "x") if named else flat_rows(read)
    else:
        blocks = fit.intake.read(read).blocks()
        x = np.concatenate([fit.features(block).numpy() for block in blocks])
    x = x.astype({"tensor(float)": np.float32, "tensor(double)": np.float64}[given.type])
    label, probs = session.run(["label", "probabilities"], {given.name: x})
    np.testing.assert_allclose(probs, expected, atol=2e-5)
    assert (label == expected.argmax(1)).all()
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"]) == ["even", "odd"]


def test_onnx_of_merged_classes(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the package onnxruntime is not installed")
    x, y = clusters(60, c=3)
    with Project.create(npz(tmp_path / "e.npz", x=x), tmp_path / "p", classes=list("abc")) as p:
        for item in range(30):
            p.answer("ann", item, int(y[item]))
        p.train(assessed=False)
        p.merge_class("c", "a")
        model = Predictor.of(p)
    model.to_onnx(tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx")
    (probs,) = session.run(["probabilities"], {"rows": x})
    np.testing.assert_allclose(probs, model.predict_proba(x), atol=1e-5)


def test_a_head_that_onnx_does_not_have(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the package onnx is not installed")
    learner = {"name": "forward-forward", "widths": [8], "steps": 3, "batch": 8}
    path, _ = made(tmp_path, of_vectors(tmp_path, learner=learner))
    with pytest.raises(CapabilityError, match="cannot be written as ONNX"):
        load(path).to_onnx(tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


def test_items_of_another_kind(tmp_path: Path) -> None:
    """Every kind of item, given to every kind of model: never an answer that means nothing."""
    cases, models = {}, {}
    for name in ("tf-idf", "rows", "vectors", "photographs", "arrays of bytes"):
        (home := tmp_path / name.replace(" ", "")).mkdir()
        cases[name] = CASES[name](home)
        models[name] = load(made(home, cases[name])[0])
    alike = {("photographs", "arrays of bytes"), ("arrays of bytes", "photographs")}
    for name, model in models.items():
        for other, case in cases.items():
            if name == other or (name, other) in alike:
                continue
            for form, items in case.items.items():
                if (name, form) == ("tf-idf", "texts"):  # paths are texts too
                    continue
                with pytest.raises((DataError, InputError)) as caught:
                    model.predict(items)
                assert caught.value.todo


@pytest.mark.parametrize(
    ("name", "items", "words"),
    [
        ("tf-idf", "one text", "one by one"),
        ("tf-idf", ["a", None], "another kind than the others"),
        ("tf-idf", ["a", 3], "another kind than the others"),
        ("rows", [{"price": "1,5"}], "no column 'place'"),
        ("rows", [["1,5", "south"]], "one cell for each column"),
        ("vectors", np.zeros((2, 5)), "another kind"),
        ("vectors", np.full((2, 6), np.nan), "NaN"),
        ("photographs", ["nowhere.png"], "cannot be read"),
        ("photographs", [np.zeros((4, 4)) + 0.5], "8 bits are expected"),
        ("photographs", [np.zeros((4, 4, 3)) + 0.5], "of another kind than files hold"),
        ("arrays of bytes", np.zeros((2, 9, 8, 3), np.uint8), "another size"),
        ("arrays of bytes", np.full((2, 8, 8, 3), 0.5), "another kind"),
    ],
)
def test_items_that_do_not_fit(name: str, items: Any, words: str, tmp_path: Path) -> None:
    model = load(made(tmp_path, CASES[name](tmp_path))[0])
    with pytest.raises((DataError, InputError), match=words) as caught:
        model.predict(items)
    assert caught.value.todo


def test_a_cell_that_is_no_number(tmp_path: Path) -> None:
    case = of_rows(tmp_path)
    model = load(made(tmp_path, case)[0])
    frame = case.items["texts"]
    with pytest.raises(DataError, match="holds words where training holds numbers"):
        model.predict(frame.assign(price="1.5"))  # a point where commas were learned from
    with pytest.raises(DataError, match="holds numbers where training holds words"):
        model.predict(frame.assign(place=3.5))
    west = frame.assign(place="west")  # a word never met
    assert np.isfinite(model.predict_proba(west)).all()
    data = a_table(tmp_path / "new.csv", {name: west[name].tolist() for name in west}, ";")
    _, notes = write_new_predictions(model, data, tmp_path / "out.csv", "csv")
    assert "words that training does not have count as none: 'place' ('west')" in notes


def test_a_backbone_that_moved_or_changed(tmp_path: Path) -> None:
    case = of_a_text_backbone(tmp_path)
    path, expected = made(tmp_path, case)
    shutil.move(tmp_path / "bert", tmp_path / "elsewhere")
    with pytest.raises(DataError, match="no such folder"):
        load(path).predict(TEXTS)
    model = load(path, encoder=tmp_path / "elsewhere")
    np.testing.assert_allclose(model.predict_proba(TEXTS), expected, atol=1e-6)
    weights = tmp_path / "elsewhere" / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-5] ^= 1
    weights.write_bytes(raw)
    with pytest.raises(DataError, match="is not what the model was trained with"):
        load(path, encoder=tmp_path / "elsewhere").predict(TEXTS)


def test_a_project_without_what_was_fitted(tmp_path: Path) -> None:
    path, _ = made(tmp_path, of_vectors(tmp_path))
    assert path.exists()
    fit = tmp_path / "project" / "features.fit"
    raw = fit.read_bytes()
    fit.write_bytes(raw[:-9])
    with pytest.raises(DataError, match="not as it was written"):
        Project.open(tmp_path / "project")
    fit.unlink()
    with Project.open(tmp_path / "project") as project:
        assert list(project.predict())
        with pytest.raises(DataError, match=r"does not hold.*init"):
            Predictor.of(project)
    fit.write_bytes(raw)
    with Project.open(tmp_path / "project") as project:
        Predictor.of(project)


def test_a_project_with_nothing_to_take_away(tmp_path: Path) -> None:
    case = of_vectors(tmp_path)
    with Project.create(case.data, tmp_path / "p", classes=["a", "b"]) as project:
        with pytest.raises(InputError, match="no model was trained"):
            Predictor.of(project)
        for item in range(6):
            project.answer("ann", item, item % 2)
        project.train(assessed=False)
        project.merge_class("b", "a")
        with pytest.raises(InputError, match="nothing to tell apart"):
            Predictor.of(project)


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path, _ = made(tmp_path, of_vectors(tmp_path))
    with pytest.raises(DataError, match="cannot be read"):
        load(tmp_path / "nothing")
    with pytest.raises(UsageError, match="there already"):
        load(path).save(path)
    plain = unpack(path.read_bytes(), path, "w", "t")
    for wrong in ({**plain, "version": 2}, {**plain, "format": "other"}, {"a": 1}):
        path.write_bytes(pack(wrong))
        with pytest.raises(DataError, match="cannot be read"):
            load(path)


def test_as_it_is_typed(cli: Run, tmp_path: Path) -> None:
    rows = [{"id": f"k{i}", "body": text, "label": ["p", "c"][i % 2] if i < 12 else ""}
            for i, text in enumerate(TEXTS)]  # fmt: skip
    data, place = table(tmp_path / "t.csv", rows), tmp_path / "p"
    code, _, err = cli("label", "init", data, "--text", "body", "--out", place)
    assert code == 0, err
    model = tmp_path / "m.pauca"
    code, out, _ = cli("label", "export", place, "--format", "model", "--out", model)
    assert code == 0
    assert "classes: c, p" in out
    assert f"model: {model}" in out
    new = table(tmp_path / "new.csv", [{"nr": "n1", "id": "a", "body": "rose leaf"},
                                       {"nr": "n2", "id": "b", "body": " "},
                                       {"nr": "n3", "id": "c", "body": "wheel road"}])  # fmt: skip
    told = {}
    for source in (place, model):
        out_ = tmp_path / f"{source.name}.csv"
        code, out, err = cli("label", "predict", source, "--data", new, "--id", "nr", "--out", out_)
        assert (code, out) == (0, f"2 items: {out_}\n")
        assert "1 of 3 texts are empty and are left out" in err
        with out_.open(encoding="utf-8", newline="") as file:
            told[source.name] = list(csv.DictReader(file))
    assert told["p"] == told["m.pauca"]
    first, last = told["p"]
    assert list(first) == ["id", "text", "label", "confidence", "p:c", "p:p"]
    assert (first["id"], first["text"], first["label"]) == ("n1", "rose leaf", "p")
    assert (last["id"], last["label"]) == ("n3", "c")
    assert float(first["confidence"]) == float(first["p:p"])
    code, out, _ = cli("label", "predict", model, "--data", new, "--no-probabilities")
    assert out.splitlines()[0] == "id,text,label,confidence"
    code, _, err = cli("label", "predict", model, "--out", tmp_path / "x.csv")
    assert code != 0
    assert "no items of its own" in err
    code, _, err = cli("label", "predict", place, "--id", "nr")
    assert code != 0
    assert "without new items" in err
    for out_ in (new, model):
        code, _, err = cli("label", "predict", model, "--data", new, "--out", out_, "--force")
        assert code != 0
        assert "would be written over" in err
    code, out, _ = cli("label", "formats")
    assert "model" in out
    assert "onnx" in out
    code, _, err = cli("label", "export", place, "--format", "modell", "--out", tmp_path / "y")
    assert code != 0
    assert "model" in err


def test_new_data_are_read_as_the_pool_was(cli: Run, tmp_path: Path) -> None:
    """Encoding, delimiter and column of ids need not be said again."""

    def written(name: str, texts: list[str]) -> Path:
        lines = [f"n{i};{text};{['p', 'c'][i % 2]}" for i, text in enumerate(texts)]
        path = tmp_path / name
        path.write_text("\n".join(["nr;body;label", *lines]), encoding="cp1252")
        return path

    data = written("t.csv", ["rose blüte", "straße öl"] * 10)
    how = ("--read", "encoding=cp1252", "--read", "delimiter=;")
    code, _, err = cli(
        "label", "init", data, "--text", "body", "--id", "nr", *how, "--out", tmp_path / "p"
    )
    assert code == 0, err
    assert (
        cli("label", "export", tmp_path / "p", "--format", "model", "--out", tmp_path / "m")[0] == 0
    )
    new = written("new.csv", ["öl", "blüte"])
    for source in (tmp_path / "p", tmp_path / "m"):
        code, out, err = cli("label", "predict", source, "--data", new, "--no-probabilities")
        assert code == 0, err
        rows = [line.split(",")[:3] for line in out.splitlines()]
        assert rows[1:] == [["n0", "öl", "c"], ["n1", "blüte", "p"]]


def test_predictions_come_in_again(cli: Run, tmp_path: Path) -> None:
    """Columns of probabilities are none of the answers'."""
    path, _ = made(tmp_path, of_texts(tmp_path))
    out = tmp_path / "rest.csv"
    assert path.exists()
    code, _, _ = cli("label", "predict", tmp_path / "project", "--out", out)
    assert code == 0
    code, said, err = cli("label", "import", tmp_path / "project", out, "--person", "bob")
    assert code == 0, err
    assert said.startswith("16 answers kept")
