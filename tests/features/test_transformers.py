"""Tiny models with random weights, saved and read back; nothing is downloaded."""

import json
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from pauca.data.dataset import Dataset
from pauca.errors import CapabilityError, DataError, InputError
from pauca.features import featured
from pauca.rng import generator_from, isolated
from pauca.testing import check_dataset
from pauca.testing.fakes import tiny_image_dataset, tiny_table_dataset

_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "card", "lost"]
_TEXTS = ("red card", "lost", "blue card lost card red", "a card")


@pytest.fixture(scope="module")
def library() -> Any:
    pytest.importorskip("transformers")
    return import_module("transformers")


def texts() -> Dataset:
    data = tiny_table_dataset(4)
    train = replace(data.train, sources=_TEXTS)
    task = replace(data.task, kind="text")
    return replace(data, task=task, train=train, test=train)


@pytest.fixture(scope="module")
def bert(library: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any, Path]:
    folder = tmp_path_factory.mktemp("bert")
    (folder / "vocab.txt").write_text("\n".join(_WORDS))
    tokens = library.BertTokenizer(str(folder / "vocab.txt"))
    config = library.BertConfig(
        vocab_size=len(_WORDS),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=16,
    )
    with isolated(generator_from(0)):
        model = library.BertModel(config).eval()
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    return model, tokens, folder


def test_texts_are_read_one_by_one_as_in_batches(bert: tuple[Any, Any, Path]) -> None:
    model, tokens, folder = bert
    choice = {"name": "transformers", "path": str(folder), "standardise": False, "batch": 3}
    mean, first = featured(texts(), choice), featured(texts(), {**choice, "pooling": "cls"})
    check_dataset(mean)
    for i, text in enumerate(_TEXTS):
        with torch.no_grad():
            hidden = model(**tokens(text, return_tensors="pt")).last_hidden_state[0]
        assert torch.allclose(mean.train.x[i], hidden.mean(0), atol=1e-5)
        assert torch.allclose(first.train.x[i], hidden[0], atol=1e-5)
    assert float(mean.train.x.std(0).max()) > 0.01
    assert any("BertModel" in note for note in mean.notes)
    # four tokens of the third text: [CLS] blue card [SEP]
    short = featured(texts(), {**choice, "max_length": 4}).train.x[2]
    with torch.no_grad():
        hidden = model(**tokens("blue card", return_tensors="pt")).last_hidden_state[0]
    assert torch.allclose(short, hidden.mean(0), atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_resized_and_normalised(library: Any, channels: int, tmp_path: Path) -> None:
    config = library.ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=8,
        patch_size=4,
        num_channels=channels,
    )
    with isolated(generator_from(0)):
        model = library.ViTModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(tmp_path)
    size = {"height": 8, "width": 8}
    told = {"image_mean": [0.2] * channels, "image_std": [0.4] * channels, "size": size}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    data = tiny_image_dataset(10)
    choice = {"name": "transformers", "path": str(tmp_path), "standardise": False, "batch": 4}
    found = featured(data, choice)
    pixels = (data.train.x.float() / 255 - 0.2) / 0.4
    with torch.no_grad():
        hidden = model(pixel_values=pixels.expand(-1, channels, -1, -1)).last_hidden_state
    assert torch.allclose(found.train.x, hidden.mean(1), atol=1e-5)
    large = featured(tiny_image_dataset(10, size=16), choice)
    assert large.train.x.shape == (10, 8)
    first = featured(data, {**choice, "pooling": "cls"})
    assert torch.allclose(first.train.x, hidden[:, 0], atol=1e-5)


def test_a_convolutional_backbone_has_places_and_no_first_token(
    library: Any, tmp_path: Path
) -> None:
    config = library.ResNetConfig(
        embedding_size=4, hidden_sizes=[4, 6], depths=[1, 1], layer_type="basic"
    )
    with isolated(generator_from(0)):
        model = library.ResNetModel(config).eval()
    model.save_pretrained(tmp_path)
    data = tiny_image_dataset(6, size=16)
    choice = {"name": "transformers", "path": str(tmp_path), "standardise": False}
    found = featured(data, choice)
    with torch.no_grad():
        hidden = model(
            pixel_values=((data.train.x.float() / 255 - 0.5) / 0.5).expand(-1, 3, -1, -1)
        ).last_hidden_state
    assert torch.allclose(found.train.x, hidden.mean((2, 3)), atol=1e-5)
    with pytest.raises(InputError, match="no first token"):
        featured(data, {**choice, "pooling": "cls"})


def test_what_is_not_there_is_told(
    library: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice = {"name": "transformers", "path": str(tmp_path / "none")}
    with pytest.raises(DataError, match="no such folder"):
        featured(texts(), choice)
    choice["path"] = str(tmp_path)
    with pytest.raises(DataError, match="finds nothing to load"):
        featured(texts(), choice)
    with pytest.raises(InputError, match="images or texts"):
        featured(tiny_table_dataset(), choice)


def test_without_the_package_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(CapabilityError, match=r"pip install 'pauca\[hub\]'"):
        featured(texts(), {"name": "transformers", "path": str(tmp_path)})
