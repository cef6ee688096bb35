import pytest
import torch

from pauca.analysis import hoyer, mean_defined
from pauca.data import load_dataset
from pauca.learners.base import make_learner
from pauca.rng import generator_from


@pytest.mark.slow
@pytest.mark.data("mnist")
def test_one_layer_of_the_published_recipe_is_accurate_and_sparse_after_ten_epochs() -> None:
    """Measured on 10,000 training images that the training does not see."""
    data = load_dataset("mnist")
    assert data.train.y is not None
    # the stored order is by class
    order = torch.randperm(len(data.train), generator=generator_from(0))
    x, y = data.train.x[order], data.train.y[order]
    learner = make_learner("forward-forward", task=data.task, widths=[784], epochs=10)
    learner.fit(x[:50_000], y[:50_000], generator=generator_from(1))
    held, right = x[50_000:], y[50_000:]
    correct = learner.predict(held).cpu() == right
    assert float(correct.to(torch.float64).mean()) > 0.89
    shown = learner.activations(held, label=right)["layer1"]
    assert 0.74 < mean_defined(hoyer(shown)).mean < 0.86
