"""Every combination of choices that could be made, and which of them make sense and why not."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from pauca.forward import (
    ForwardNet,
    Items,
    Plan,
    Recipe,
    Training,
    goodnesses,
    label_codes,
    losses,
    negatives,
    normalisations,
    readouts,
    schedules,
)
from pauca.rng import generator_from

N = 12
FLAT = ("append", "random")
WINDOWS = ("conv2d", "local")
MIXED = ("hybrid-mask", "self-contrastive")
SCALINGS = ("l2", "layer", "none", "rms")


@dataclass(frozen=True)
class Choice:
    """One choice on every axis, each a name with settings."""

    shape: tuple[int, ...]
    classes: int
    layers: tuple[Mapping[str, Any], ...]
    goodness: Mapping[str, Any]
    loss: Mapping[str, Any]
    label: Mapping[str, Any]
    negatives: Mapping[str, Any]
    normalisation: Mapping[str, Any]
    schedule: str
    readout: Mapping[str, Any]
    seed: int

    @property
    def by_class(self) -> bool:
        return bool(self.goodness["name"] == "channel-wise")

    @property
    def mixed(self) -> bool:
        return self.negatives["name"] in MIXED


def reasons(choice: Choice) -> dict[str, str]:
    """Why a choice makes no sense: short names, each with what the message has to say."""
    label, windows = choice.label["name"], [one["name"] in WINDOWS for one in choice.layers]
    wrong = {
        "mixed label": (choice.mixed and label != "none", "mix items"),
        "mixed goodness": (choice.mixed and choice.by_class, "leave no class"),
        "mixed readout": (choice.mixed and choice.readout["name"] != "probe", "teach no goodness"),
        "by class": (
            not choice.mixed and choice.by_class and label != "none",
            "is shown no label",
        ),
        "no negative": (
            not choice.mixed and not choice.by_class and label == "none",
            "is no negative",
        ),
        "beside": (label in FLAT and any(windows), "where no window reaches"),
        **_of_label(choice, label),
        **_of_layers(choice, label),
        "no layer heard": (
            choice.readout.get("skip", 0) >= len(choice.layers),
            "hears no layer",
        ),
    }
    return {name: message for name, (is_wrong, message) in wrong.items() if is_wrong}


def _of_label(choice: Choice, label: str) -> dict[str, tuple[bool, str]]:
    image, c = len(choice.shape) == 3, choice.classes
    pixels = math.prod(choice.shape[1:]) if image else 0
    found = {
        "no image": (label in ("overlay", "spatial") and not image, "is for images"),
        "small overlay": (label == "overlay" and image and pixels <= c, "too small to carry"),
    }
    if label == "spatial" and image:
        # each frequency serves two classes: the nearest to 0 first, both directions of a half plane
        lengths = sorted(
            (v * v + u * u, max(v, abs(u)))
            for v in range(9)
            for u in range(-8, 9)
            if v > 0 or (v == 0 and u > 0)
        )
        highest = max(size for _, size in lengths[: (c + 1) // 2])
        small = 2 * highest >= min(choice.shape[1:])
        found["small waves"] = (small, "too small for a wave")
    return found


def _of_layers(choice: Choice, label: str) -> dict[str, tuple[bool, str]]:
    """What is left of the image layer by layer, and whether the goodness fits every layer."""
    shape = choice.shape
    if label in FLAT:
        shape = (1,)
    found: dict[str, tuple[bool, str]] = {}
    for layer in choice.layers:
        if layer["name"] == "linear":
            shape, groups, units = (layer["units"],), layer["units"], layer["units"]
        elif len(shape) != 3:
            return {**found, "no picture": (True, "reads images")}
        else:
            sides = [_left(side, layer) for side in shape[1:]]
            if min(sides) < 1:
                return {**found, "nothing left": (True, "nothing is left of the image")}
            shape = (layer["channels"], *sides)
            groups, units = layer["channels"], math.prod(shape)
        if choice.by_class and groups % choice.classes:
            return {**found, "shares": (True, "shared out among the classes")}
        if choice.goodness["name"] == "top-k" and units < choice.goodness["k"]:
            return {**found, "few units": (True, "fewer units than its goodness counts")}
    return found


def _left(side: int, layer: Mapping[str, Any]) -> int:
    places: int = (side + 2 * layer["padding"] - layer["kernel"]) // layer["stride"] + 1
    return places // int(layer["pool"])


SHAPES = st.one_of(
    st.tuples(st.integers(2, 9)),
    st.tuples(st.sampled_from([1, 3]), st.integers(2, 7), st.integers(2, 7)),
)
LOSSES = st.one_of(
    st.builds(lambda t: {"name": "threshold", "theta": t}, st.floats(0.1, 4)),
    st.builds(lambda a: {"name": "difference", "scale": a}, st.floats(0.1, 4)),
    st.builds(
        lambda a, s: {"name": "cross-entropy", "scale": a, "smoothing": s},
        st.floats(0.1, 4),
        st.floats(0, 0.5),
    ),
)
LABELLED = st.one_of(
    st.builds(lambda r: {"name": "random", "count": r}, st.integers(1, 3)),
    st.just({"name": "all"}),
    st.builds(
        lambda r, b: {"name": "hard", "count": r, "beta": b}, st.integers(1, 3), st.floats(0, 4)
    ),
)
UNLABELLED = st.one_of(
    st.builds(lambda b: {"name": "hybrid-mask", "blurs": b}, st.integers(0, 4)),
    st.just({"name": "self-contrastive"}),
)
PROBES = st.builds(lambda p: {"name": "probe", "penalty": p}, st.floats(1e-4, 1))


def named(names: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from([{"name": name} for name in names])


def _goodness(least: int) -> st.SearchStrategy[dict[str, Any]]:
    others = [name for name in goodnesses.names() if name not in ("top-k", "channel-wise")]
    top = st.builds(lambda k: {"name": "top-k", "k": k}, st.integers(1, least))
    return st.one_of(named(others), top)


@st.composite
def some_layers(draw: st.DrawFn, of: int = 1, *, windows: bool = True) -> list[dict[str, Any]]:
    """One to three layers; those with windows first, units or channels a multiple of ``of``."""
    depth = draw(st.integers(1, 3))
    spatial = draw(st.integers(0, depth)) if windows else 0
    found: list[dict[str, Any]] = []
    for number in range(depth):
        size = of * draw(st.integers(1, 3))
        if number >= spatial:
            found.append({"name": "linear", "units": size})
            continue
        layer = {"name": draw(st.sampled_from(WINDOWS)), "channels": size}
        kernel, pool = draw(st.integers(1, 3)), draw(st.sampled_from([1, 1, 2]))
        found.append({**layer, "kernel": kernel, "stride": 1, "padding": kernel // 2, "pool": pool})
    return found


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Anything by anything."""
    classes = draw(st.integers(2, 12))
    layers = draw(some_layers(draw(st.sampled_from([1, classes]))))
    if draw(st.booleans()):
        layers = draw(st.permutations(layers))
    skip = st.builds(
        lambda n, s: {"name": n, "skip": s},
        st.sampled_from(["sum", "softmax-sum"]),
        st.integers(0, 2),
    )
    return Choice(
        shape=draw(SHAPES),
        classes=classes,
        layers=tuple(layers),
        goodness=draw(st.one_of(_goodness(6), st.just({"name": "channel-wise"}))),
        loss=draw(LOSSES),
        label=draw(named(label_codes.names())),
        negatives=draw(st.one_of(LABELLED, UNLABELLED)),
        normalisation=draw(named(normalisations.names())),
        schedule=draw(st.sampled_from(schedules.names())),
        readout=draw(st.one_of(skip, PROBES)),
        seed=draw(st.integers(0, 1000)),
    )


@st.composite
def sensible(draw: st.DrawFn, *, normalisation: Any = None) -> Choice:
    """What makes sense, of every kind."""
    kind = draw(st.sampled_from(["labelled", "labelled", "by class", "unlabelled"]))
    classes = draw(st.integers(2, 12))
    image = draw(st.booleans())
    flat = draw(st.sampled_from(FLAT))
    label = {
        "labelled": draw(st.sampled_from(["overlay", "spatial", flat])) if image else flat,
        "by class": "none",
        "unlabelled": "none",
    }[kind]
    side = st.integers(6, 8)
    shape = (draw(st.sampled_from([1, 3])), draw(side), draw(side)) if image else None
    layers = draw(
        some_layers(
            classes if kind == "by class" else draw(st.integers(2, 4)),
            windows=image and label not in FLAT,
        )
    )
    heard = st.builds(
        lambda n, s: {"name": n, "skip": s},
        st.sampled_from(["sum", "softmax-sum"]),
        st.integers(0, len(layers) - 1),
    )
    return Choice(
        shape=shape or (draw(st.integers(2, 9)),),
        classes=classes,
        layers=tuple(layers),
        goodness={"name": "channel-wise"} if kind == "by class" else draw(_goodness(2)),
        loss=draw(LOSSES),
        label={"name": label},
        negatives=draw(UNLABELLED if kind == "unlabelled" else LABELLED),
        normalisation=draw(named(normalisation or normalisations.names())),
        schedule=draw(st.sampled_from(schedules.names())),
        readout=draw(PROBES if kind == "unlabelled" else st.one_of(heard, PROBES)),
        seed=draw(st.integers(0, 1000)),
    )


def recipe_of(choice: Choice) -> Recipe:
    """The recipe, or a refusal."""
    return Recipe(
        widths=choice.layers,
        goodness=_made(goodnesses, choice.goodness),
        loss=_made(losses, choice.loss),
        label=choice.label["name"],
        label_params=_settings(choice.label),
        negatives=_made(negatives, choice.negatives),
        normalisation=_made(normalisations, choice.normalisation),
        schedule=schedules.make(choice.schedule, {}),
        readout=_made(readouts, choice.readout),
    )


def net_of(choice: Choice) -> ForwardNet:
    """A fresh net in double precision, or a refusal."""
    recipe = recipe_of(choice)
    channels = choice.shape[0] if len(choice.shape) == 3 else 1
    code = recipe.code(choice.shape, choice.classes, [1.2] * channels, [-0.3] * channels)
    return recipe.build(code, generator_from(choice.seed)).double()


def items_of(choice: Choice, n: int = N) -> Items:
    g = generator_from(choice.seed + 1)
    x = torch.randn(n, math.prod(choice.shape), generator=g, dtype=torch.float64)
    y = torch.randint(choice.classes, (n,), generator=g)
    return Items(x, y, lambda batch: batch, None, choice.shape)


def training_of(choice: Choice, net: ForwardNet, *, steps: int = 2, **plan: Any) -> Training:
    """So many steps of each stage."""
    recipe = recipe_of(choice)
    stages = recipe.schedule.count(net.depth)
    return Training(
        net,
        items_of(choice),
        schedule=recipe.schedule,
        loss=recipe.loss,
        negatives=recipe.negatives,
        plan=Plan(steps=steps * stages, **{"rate": 0.01, "batch": 5, **plan}),
        generator=generator_from(choice.seed + 2),
    )


def written_out(net: ForwardNet, x: Tensor, rows: Tensor) -> Tensor:
    """Items with their labels, one copy a row: [b, d] and [r, b] -> [r, b, *shape]."""
    return torch.stack([net.code.write(x, some).view(-1, *net.code.shape) for some in rows])


def _made(registry: Any, choice: Mapping[str, Any]) -> Any:
    return registry.make(choice["name"], _settings(choice))


def _settings(choice: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in choice.items() if key != "name"}
