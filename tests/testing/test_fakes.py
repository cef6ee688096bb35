import pytest
import torch

from pauca.errors import CapabilityError, InputError
from pauca.rng import generator_from
from pauca.testing.fakes import FakeLearner, fake_outputs, tiny_image_dataset, tiny_table_dataset


def test_fake_outputs_have_the_sizes_asked_for() -> None:
    outputs = fake_outputs(7, 3, 5, 4, 2, 1, labelled=True, extras=("critic",), first=100)
    assert (outputs.n, outputs.c, outputs.s) == (7, 3, 4)
    assert outputs.has == {"probs", "members", "features", "goodness", "layers", "critic"}
    assert outputs.features is not None
    assert outputs.goodness is not None
    assert outputs.labels is not None
    assert list(outputs.features.shape) == [7, 5]
    assert list(outputs.goodness.shape) == [7, 3, 2]
    assert int(outputs.ids.min()) >= 100
    assert outputs.ids.tolist() != sorted(outputs.ids.tolist())
    assert fake_outputs().has == {"probs"}


def test_fake_outputs_depend_on_their_seed_alone() -> None:
    assert torch.equal(fake_outputs(seed=1).probs, fake_outputs(seed=1).probs)
    assert not torch.equal(fake_outputs(seed=1).probs, fake_outputs(seed=2).probs)
    assert fake_outputs(dtype=torch.float64).probs.dtype == torch.float64


@pytest.mark.parametrize("make", [tiny_image_dataset, tiny_table_dataset])
def test_the_fake_learner_learns_the_tiny_data(make: object) -> None:
    assert callable(make)
    data = make(60, c=3)
    learner = FakeLearner(task=data.task)
    with pytest.raises(InputError, match="not trained"):
        learner.predict(data.test.x)
    report = learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    assert report.examples == 60
    assert (learner.predict(data.test.x) == data.test.y).float().mean() > 0.9
    assert torch.equal(data.train.y.unique(), torch.arange(3))
    assert torch.equal(data.test.y.unique(), torch.arange(3))


def test_the_fake_learner_answers_item_by_item() -> None:
    data = tiny_table_dataset()
    assert data.train.y is not None
    learner = FakeLearner(task=data.task, extras=("critic",))
    learner.fit(data.train.x, data.train.y, generator=generator_from(0))
    ids = torch.arange(60)
    whole = learner.outputs(data.train.x, ids, needs=learner.gives, generator=generator_from(1))
    assert whole.has == learner.gives
    for i in range(0, 60, 13):
        one = learner.outputs(
            data.train.x[i : i + 1],
            ids[i : i + 1],
            needs=learner.gives,
            generator=generator_from(1),
        )
        assert torch.equal(one.probs[:, 0], whole.probs[:, i])
        assert torch.equal(one.extras["critic"][0], whole.extras["critic"][i])


def test_the_fake_learner_gives_what_it_was_made_to_give() -> None:
    task = tiny_table_dataset().task
    plain = FakeLearner(task=task, members=1, layers=0)
    assert plain.gives == {"probs", "features"}
    with pytest.raises(CapabilityError, match="members"):
        plain.outputs(torch.zeros(1, 5), torch.arange(1), needs=frozenset({"members"}))


def test_the_fake_learner_keeps_its_state() -> None:
    data = tiny_image_dataset()
    assert data.train.y is not None
    one, other = FakeLearner(task=data.task), FakeLearner(task=data.task)
    one.fit(data.train.x, data.train.y, generator=generator_from(0))
    other.load_state(one.state())
    assert torch.equal(one.predict(data.train.x), other.predict(data.train.x))
    assert list(one.activations(data.train.x)["layer1"].shape) == [60, 3]


def test_training_transforms_of_the_images_draw_from_the_generator() -> None:
    data = tiny_image_dataset()
    x = data.train.x[:4]
    found = {tuple(data.task.train(x, generator_from(i)).flatten().tolist()) for i in range(20)}
    assert len(found) == 3
    assert torch.equal(data.task.train(x, None), data.task.evaluate(x, None))
