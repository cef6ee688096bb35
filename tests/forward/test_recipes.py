"""What must hold for every combination of choices, over combinations of every kind."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from torch import Tensor

from pauca.errors import InputError, UsageError
from pauca.forward import (
    AbstractGoodnessReadout,
    AbstractStage,
    BatchNorm,
    ForwardNet,
    LinearProbe,
    ProbeReadout,
    Recipe,
    goodnesses,
    label_codes,
    losses,
    negatives,
    normalisations,
    readouts,
    schedules,
)
from pauca.rng import generator_from
from tests.forward.recipes import (
    FLAT,
    MIXED,
    SCALINGS,
    Choice,
    N,
    choices,
    items_of,
    net_of,
    reasons,
    recipe_of,
    sensible,
    training_of,
    written_out,
)

some = settings(
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
many = settings(some, max_examples=70)


def close(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-10)


FEW_CHANNELS = Choice(
    shape=(1, 6, 6),
    classes=3,
    layers=({"name": "conv2d", "channels": 2, "kernel": 3, "stride": 1, "padding": 1, "pool": 1},),
    goodness={"name": "top-k", "k": 50},
    loss={"name": "difference"},
    label={"name": "overlay"},
    negatives={"name": "all"},
    normalisation={"name": "l2"},
    schedule="greedy",
    readout={"name": "sum"},
    seed=0,
)
"""72 units in 2 channels: the 50 strongest may be counted."""


@many
@example(FEW_CHANNELS)
@given(choices())
def test_what_makes_no_sense_is_refused_with_the_reason(choice: Choice) -> None:
    wrong = reasons(choice)
    if not wrong:
        training_of(choice, net_of(choice)).run(steps=1)
        return
    with pytest.raises((UsageError, InputError)) as refused:
        net_of(choice)
    assert any(re.search(words, str(refused.value)) for words in wrong.values()), wrong


def test_every_pair_of_names_is_built_or_refused_as_it_should_be() -> None:
    """All names by all names on the axes that exclude each other: nothing is left to chance."""
    refused = 0
    axes = (goodnesses, losses, label_codes, negatives, readouts)
    for goodness, loss, label, wrong, readout in product(*(axis.names() for axis in axes)):
        by_class, mixed = goodness == "channel-wise", wrong in MIXED
        if mixed:
            fine = label == "none" and not by_class and readout == "probe"
        else:
            fine = by_class == (label == "none")
        try:
            Recipe(
                widths=(12,),
                goodness=goodnesses.make(goodness, {}),
                loss=losses.make(loss, {}),
                label=label,
                label_params={},
                negatives=negatives.make(wrong, {}),
                normalisation=normalisations.make("l2", {}),
                schedule=schedules.make("greedy", {}),
                readout=readouts.make(readout, {}),
            )
        except UsageError:
            refused += 1
            assert not fine, (goodness, loss, label, wrong, readout)
        else:
            assert fine, (goodness, loss, label, wrong, readout)
    assert refused > 0


@many
@given(sensible())
def test_what_makes_sense_learns_and_predicts(choice: Choice) -> None:
    assert reasons(choice) == {}
    net = net_of(choice)
    trained = training_of(choice, net).run()
    for record in trained.history:
        assert all(value == value and abs(value) < 1e12 for value in record.values())
        assert 0 <= record["separation"] <= 1
        assert ("accuracy" in record) == (not choice.mixed)
    probs = predicted(choice, net)
    assert probs.shape == (N, choice.classes)
    close(probs.sum(1), torch.ones(N, dtype=torch.float64))


def predicted(choice: Choice, net: ForwardNet, index: Tensor | None = None) -> Tensor:
    """Probabilities by the readout, float [n, c]."""
    items, readout = items_of(choice), recipe_of(choice).readout
    x = items.x if index is None else items.x[index]
    if isinstance(readout, ProbeReadout):
        probe: LinearProbe = readout.probe(sum(net.widths), choice.classes).double()
        neutral = torch.full((N,), net.code.neutral)
        with torch.no_grad():
            features = torch.cat(net(items.x, neutral), 1)
            mine = torch.cat(net(x, neutral[: len(x)]), 1)
        probe.fit(features, items.y)
        found: Tensor = probe(mine).softmax(-1)
        return found
    assert isinstance(readout, AbstractGoodnessReadout)
    return readout.probs(net.label_goodness(x))


@some
@given(sensible())
def test_a_prediction_depends_neither_on_the_batch_nor_on_the_order(choice: Choice) -> None:
    net = net_of(choice)
    training_of(choice, net).run()
    whole = predicted(choice, net)
    order = torch.randperm(N, generator=generator_from(choice.seed))
    cut = [predicted(choice, net, order[at : at + 5]) for at in range(0, N, 5)]
    close(torch.cat(cut), whole[order])
    bright = items_of(choice).x.clone()
    bright[1:] *= 100
    close(net.label_goodness(bright)[:1], net.label_goodness(bright[:1]))


@some
@given(sensible())
def test_the_same_seed_gives_the_same_weights(choice: Choice) -> None:
    nets = [net_of(choice), net_of(choice), net_of(replace(choice, seed=choice.seed + 1))]
    for net, seed in zip(nets, (0, 0, 1), strict=True):
        training_of(replace(choice, seed=choice.seed + seed), net).run()
    one, two, other = ([p.detach() for p in net.parameters()] for net in nets)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# --- what flows where

BATCH_IN_TURN = Choice(
    shape=(6,),
    classes=2,
    layers=({"name": "linear", "units": 2},) * 3,
    goodness={"name": "l1"},
    loss={"name": "threshold", "theta": 1.0},
    label={"name": "append"},
    negatives={"name": "all"},
    normalisation={"name": "batch"},
    schedule="greedy",
    readout={"name": "sum"},
    seed=0,
)


def reached(choice: Choice, number: int, depth: int) -> set[int]:
    """The layers that the loss of layer ``number`` may change."""
    if choice.schedule == "end-to-end":
        return set(range(number + 1))
    below = choice.schedule == "overlapping" and number > 0
    return {number - 1, number} if below else {number}


def stages_of(choice: Choice, net: ForwardNet) -> Iterator[AbstractStage]:
    """Every stage, made when those before it are over, its layers learning."""
    training = training_of(choice, net)
    before: AbstractStage | None = None
    for number in range(training.schedule.count(net.depth)):
        net.eval()
        before = training.schedule.stage(number, training.source, before)
        for layer in before.layers:
            net.layer(layer).train()
        yield before


def slow_losses(
    choice: Choice, net: ForwardNet, stage: AbstractStage, x: Tensor, rows: Tensor
) -> list[Tensor]:
    """Each learning layer's loss, written out: a copy of the items a row, cut by hand."""
    shown = net.shown(rows)
    whole = x if x.ndim == 3 else None
    if whole is None:
        h = written_out(net, x, shown)
    else:
        h = torch.stack([net.code.write(a, r) for a, r in zip(whole, shown, strict=True)])
        h = h.view(*shown.shape, *net.code.shape)
    inputs, read = [], h
    for number in range(max(stage.layers) + 1):
        inputs.append(read)
        read = net.layer(number)(read)
        if choice.schedule != "end-to-end":
            read = read.detach()
    found = []
    loss = recipe_of(choice).loss
    for number in stage.layers:
        if choice.schedule == "overlapping" and number > 0:
            activity = net.layer(number)(net.layer(number - 1)(inputs[number - 1]))
        else:
            activity = net.layer(number)(inputs[number])
        goodness = net.judge(activity, rows)
        found.append(loss(goodness[0], goodness[1:]))
    return found


@settings(some, max_examples=60)
@example(BATCH_IN_TURN)
@given(sensible())
def test_a_layers_loss_changes_the_layers_that_it_may_and_as_autograd_says(
    choice: Choice,
) -> None:
    """Layer by layer: connected exactly where it may be, and equal to the plain form."""
    net = net_of(choice)
    index = torch.arange(6)
    for stage in stages_of(choice, net):
        source = stage.source
        x = source.read(index)  # once: mixed items are drawn at random
        prepared = net.prepare(x)
        rows = source.rows(source.items.y[index], prepared)
        activities = stage.activities(
            stage.prepared(index) if source.plain else prepared, net.shown(rows), index
        )
        loss = recipe_of(choice).loss
        expected = slow_losses(choice, net, stage, x, rows)
        for number, h, slow in zip(stage.layers, activities, expected, strict=True):
            goodness = net.judge(h, rows)
            fast = loss(goodness[0], goodness[1:])
            close(fast, slow)
            may = reached(choice, number, net.depth)
            for other in range(net.depth):
                got, wanted = gradients(fast, net, other), gradients(slow, net, other)
                assert (got is not None) == (other in may), (number, other)
                if got is not None and wanted is not None:
                    close(got, wanted)


def gradients(loss: Tensor, net: ForwardNet, number: int) -> Tensor | None:
    """Of a layer's parameters, one after the other; None where nothing leads to them."""
    if not loss.requires_grad:
        return None
    found = torch.autograd.grad(
        loss, list(net.layer(number).parameters()), allow_unused=True, retain_graph=True
    )
    known = [g.flatten() for g in found if g is not None]
    return torch.cat(known) if known else None


@settings(some, max_examples=40)
@given(sensible(normalisation=SCALINGS))
def test_the_shared_first_product_equals_a_copy_for_every_label(choice: Choice) -> None:
    """Every scaling, kind of layer and label code; every row of the code."""
    net = net_of(choice)
    assert net.factorised
    x = items_of(choice).x
    rows = torch.arange(choice.classes + 2).unsqueeze(1)
    found = net.through(net.prepare(x), rows)
    h = written_out(net, x, rows.expand(-1, N))
    for number, fast in enumerate(found):
        h = net.layer(number)(h)
        close(fast.expand_as(h), h)


@settings(some, max_examples=40)
@given(sensible())
def test_the_order_of_units_means_nothing(choice: Choice) -> None:
    """Units of linear layers, channels of others; within each class's group where it has one."""
    net = net_of(choice)
    training_of(choice, net).run()
    x = items_of(choice).x
    before = net.label_goodness(x)
    g = generator_from(choice.seed)
    for number, layer in enumerate(choice.layers):
        shuffle(net, number, str(layer["name"]), order_of(net, number, choice, g))
    close(net.label_goodness(x), before)


def order_of(net: ForwardNet, number: int, choice: Choice, g: torch.Generator) -> Tensor:
    size = net.layer(number).groups
    groups = choice.classes if choice.by_class else 1
    each = size // groups
    return torch.cat([k * each + torch.randperm(each, generator=g) for k in range(groups)])


@torch.no_grad()
def shuffle(net: ForwardNet, number: int, kind: str, order: Tensor) -> None:
    """Put the units of a layer in this order, and what the next layer reads of them."""
    layer = net.layer(number)
    weight, bias = layer.parameters()
    weight.copy_(weight[..., order] if kind == "local" else weight[order])
    bias.copy_(bias[order])
    if number + 1 == net.depth:
        return
    above = net.layer(number + 1)
    read = next(iter(above.parameters()))
    if read.ndim == 2:  # [u, channels * height * width]
        new = read.view(len(read), len(order), -1)[:, order].flatten(1)
    elif read.ndim == 3:  # [places, channels * kernel^2, u]
        new = read.view(len(read), len(order), -1, read.shape[2])[:, order].flatten(1, 2)
    else:
        new = read[:, order]
    read.copy_(new)
    normalisation = above.normalisation
    if isinstance(normalisation, BatchNorm):
        for moment in (normalisation.mean, normalisation.variance):
            moment.copy_(moment[order])


@some
@given(sensible())
def test_labels_can_be_read_again(choice: Choice) -> None:
    """All codes, all rows, the neutral and the absent one too."""
    assume(choice.label["name"] != "none")
    code = net_of(choice).code
    rows = torch.arange(choice.classes + 2)
    x = items_of(choice, choice.classes + 2).x
    assert torch.equal(code.read(code.write(x, rows)), rows)
    if choice.label["name"] in (*FLAT, "spatial"):
        assert torch.equal(code.write(x, rows)[:, : code.d_item], x)  # nothing is lost
