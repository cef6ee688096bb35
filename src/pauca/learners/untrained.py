"""Learners as they are before the first step, beside which what was learned has to show."""

import json
from functools import singledispatch

from torch import Generator, Tensor

from pauca.errors import CapabilityError
from pauca.forward import ProbeReadout
from pauca.learners.backprop import Backprop
from pauca.learners.base import AbstractLearner, weights_of
from pauca.learners.forward_forward import AbstractForward
from pauca.nets import make_net
from pauca.rng import split

__all__ = ["untrained"]


@singledispatch
def untrained(learner: AbstractLearner, x: Tensor, y: Tensor, *, generator: Generator) -> None:
    """Give the learner the net that ``fit`` with these arguments would begin with.

    Learners from elsewhere join by ``untrained.register``.

    Args:
        learner: Left with that net, as if trained for no step.
        x: Stored items [n, ...]: constants of the label code and mean images come from them.
        y: int64 [n].
        generator: As in ``fit``.

    Raises:
        CapabilityError: a learner that has no such net, or cannot answer without having learned.
        InputError: as ``fit``.
    """
    raise CapabilityError(
        "this learner cannot be had untrained",
        expected="backprop, forward-forward or bp-ff, or a learner registered with untrained",
        got=learner.name,
        todo="leave `untrained` out",
    )


@untrained.register
def _(learner: Backprop, x: Tensor, y: Tensor, *, generator: Generator) -> None:
    learner.check_fit(x, y)
    (init,) = split(generator, "init")
    task = learner.task
    net = make_net(
        learner.net_name,
        shape=task.shape,
        classes=task.c,
        generator=init,
        **learner.net_params,
    )
    learner.load_state({"net": weights_of(net), "fits": learner.fits})


@untrained.register
def _(learner: AbstractForward, x: Tensor, y: Tensor, *, generator: Generator) -> None:
    learner.check_fit(x, y)
    recipe, encoding = learner.recipe, learner.encoding
    if isinstance(recipe.readout, ProbeReadout):
        raise CapabilityError(
            "a linear probe answers by what it learned",
            expected="a readout by goodness",
            got=f"readout {learner.settings['readout']!r}",
            todo="choose another readout, or leave `untrained` out",
        )
    (weights,) = split(generator, "weights")
    items = x.to(learner.device)
    encoding.learn(items)
    net = recipe.build(encoding.code(recipe, encoding.appended(items)), weights)
    state = {"settings": json.loads(json.dumps(dict(learner.settings))), "net": weights_of(net)}
    learner.load_state(state if encoding.centre is None else {**state, "centre": encoding.centre})
