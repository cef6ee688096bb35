"""A category never seen in training: has it an ensemble, of whose units, and is it noticed?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.analysis import (
    Formation,
    choose_samples,
    class_overlap,
    dead_units,
    draw_episodes,
    energy,
    formation,
    nearest_ensemble,
    nearest_mean,
    novelty_auroc,
    shared_units,
)
from pauca.data import Split
from pauca.learners import AbstractLearner, LabelInput
from pauca.metrics import Interval
from pauca.rng import split
from pauca.study.emergence.finders import RATIO, SELECTIVE, detector
from pauca.study.emergence.plain import plain

__all__ = ["look_at"]

_SPLITS, _NULLS = 5, 9
_SEEN = 2000  # items of seen classes
_SHOTS = (1, 5, 10)


def look_at(
    learner: AbstractLearner, seen: Split, novel: Tensor, root: Generator, items: int
) -> dict[str, Any]:
    """Formation, shared units, novelty and learning from few examples.

    No label fits an item of the category, so the neutral one is shown, or the one that the net
    itself would give.

    Args:
        learner: Trained on the seen classes alone.
        seen: Test items of these, with labels of the learner's task.
        novel: Test items of the category left out.
        root: Source of every random number.
        items: At most so many items of seen classes.
    """
    streams = dict(
        zip(_STREAMS, split(root, *_STREAMS), strict=True),
    )
    assert seen.y is not None
    c = learner.task.c
    chosen = choose_samples(seen.y, max(4, min(_SEEN, items) // c), streams["items"])
    x, y = seen.x[chosen], seen.y[chosen]
    novel = novel[torch.randperm(len(novel), generator=streams["novel"])[: max(4, _SEEN // c)]]
    noise = _scrambled(x, len(novel), streams["noise"])
    # one seen class asked like the one left out: what a class that was learned looks like
    like = int(torch.randint(c, (), generator=streams["class"]))
    groups = {"left-out": novel, "noise": noise}
    reads = _reads_label(learner, x)
    record: dict[str, Any] = {
        "reads_label": reads,
        "conditions": ["neutral", "predicted"] if reads else ["none"],
        "seen_class": like,
        "formation": {},
        "shared": {},
    }
    for condition in record["conditions"]:
        shown = _activity(learner, x, condition)
        found = {name: _activity(learner, each, condition) for name, each in groups.items()}
        record.setdefault("layers", list(shown))
        record.setdefault("units", {layer: h.shape[1] for layer, h in shown.items()})
        forms, shares = record["formation"], record["shared"]
        forms[condition], shares[condition] = {}, {}
        for layer, h in shown.items():
            each = {name: part[layer] for name, part in found.items()}
            formed, common = _layer(h, y, each, like, c, root)
            forms[condition][layer], shares[condition][layer] = formed, common
    record["novelty"] = _novelty(learner, x, y, novel, "neutral" if reads else "none")
    return record | _few_shot(learner, x, y, novel, streams["episodes"], reads)


_STREAMS = ("items", "novel", "noise", "class", "episodes")


def _layer(
    h: Tensor, y: Tensor, groups: Mapping[str, Tensor], like: int, c: int, root: Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Formation of every group in one layer by every definition, and the units shared."""
    live = ~dead_units(torch.cat([h, *groups.values()]))
    forms: dict[str, Any] = {}
    common: dict[str, Any] = {}
    names = (SELECTIVE, RATIO) if bool((h >= 0).all()) else (SELECTIVE,)
    other = y != like
    renumbered = y[other] - (y[other] > like).to(y.dtype)
    for name in names:
        asked: dict[str, Formation[Tensor]] = {}
        for group, each in groups.items():
            asked[group] = formation(
                detector(name, c + 1),
                h,
                y,
                each,
                generator=_again(root, name),
                splits=_SPLITS,
                nulls=_NULLS if group == "left-out" else 0,
                among=live,
            )
        asked["seen"] = formation(
            detector(name, c),
            h[other],
            renumbered,
            h[~other],
            generator=_again(root, name),
            splits=_SPLITS,
            among=live,
        )
        forms[name] = {
            group: {
                **{
                    key: getattr(each, key)
                    for key in ("size", "jaccard", "chance", "formed", "p_size", "p_jaccard")
                },
                "null_jaccard": float(torch.as_tensor(each.null_jaccards).mean()),
            }
            for group, each in asked.items()
        }
        one = asked["left-out"]
        shared = shared_units(one.members, one.seen, among=live | one.members | one.seen.any(0))
        common[name] = {
            key: plain(getattr(shared, key))
            for key in ("observed", "expected", "p_more", "p_fewer")
        }
    return plain(forms), common


def _again(root: Generator, name: str) -> Generator:
    """The same stream for the same name."""
    start = root.get_state()
    (found,) = split(root, name)
    root.set_state(start)
    return found


def _novelty(
    learner: AbstractLearner, x: Tensor, y: Tensor, novel: Tensor, condition: str
) -> dict[str, Any]:
    """AUROC of items left out against seen ones, by score."""
    c = learner.task.c
    both = torch.cat([x, novel])
    unseen = torch.arange(len(both)) >= len(x)
    half = torch.arange(len(x)) % 2 == 0  # ensembles come from one half, scores from the other
    kept = torch.cat([~half, torch.ones(len(novel), dtype=torch.bool)])
    needs = frozenset({"goodness", "probs"} & learner.gives)
    outputs = learner.outputs(both, torch.arange(len(both)), needs=needs)
    scores = {"confidence": -outputs.mean_probs.amax(1)}
    if outputs.goodness is not None:
        scores["energy"] = energy(outputs.goodness.sum(2))
    activity = _activity(learner, both, condition)
    for layer, h in activity.items():
        sets = detector(SELECTIVE, c)(h[: len(x)][half], y[half])
        if bool(sets.any()):
            overlap = class_overlap(h, sets)
            scores[f"overlap, {layer}"] = 1 - torch.nan_to_num(overlap, nan=0.0).amax(1)
    found = novelty_auroc({name: each[kept] for name, each in scores.items()}, unseen[kept])
    return {name: _interval(each) for name, each in found.items()}


def _few_shot(
    learner: AbstractLearner, x: Tensor, y: Tensor, novel: Tensor, draw: Generator, reads: bool
) -> dict[str, Any]:
    """All classes, the one left out among them, told apart from a few examples of each.

    Accuracy over all classes with its interval, and over items of the class left out alone.
    """
    both = torch.cat([x, novel])
    labels = torch.cat([y, torch.full((len(novel),), learner.task.c)])
    activity = torch.cat(
        list(_activity(learner, both, "neutral" if reads else "none").values()), dim=1
    )
    record: dict[str, Any] = {}
    alone: dict[str, Any] = {}
    for shots in _SHOTS:
        episodes = draw_episodes(labels, shots=shots, generator=draw)
        methods = {
            "ensemble overlap": nearest_ensemble(activity, episodes),
            "class mean of activity": nearest_mean(activity, episodes),
            "class mean of pixels": nearest_mean(both.flatten(1).float(), episodes),
        }
        record[str(shots)] = {name: _interval(each.accuracy) for name, each in methods.items()}
        left = {name: each.by_class[-1] for name, each in methods.items()}
        alone[str(shots)] = plain({k: float(v) for k, v in left.items()})
    return {"few_shot": record, "few_shot_left_out": alone}


def _interval(found: Interval) -> list[float]:
    return [found.mean, found.low, found.high]


def _activity(learner: AbstractLearner, x: Tensor, condition: str) -> dict[str, Tensor]:
    label: LabelInput = learner.predict(x).cpu() if condition == "predicted" else "neutral"
    return {name: h.detach() for name, h in learner.activations(x, label=label).items()}


def _reads_label(learner: AbstractLearner, x: Tensor) -> bool:
    first, second = (
        learner.activations(x[:16], label=torch.full((len(x[:16]),), label)) for label in (0, 1)
    )
    return any(not torch.equal(first[layer], second[layer]) for layer in first)


def _scrambled(x: Tensor, count: int, generator: Generator) -> Tensor:
    """Items whose numbers are in random order, each its own: as bright, and of no category."""
    flat = x[torch.randint(len(x), (count,), generator=generator)].flatten(1)
    order = torch.rand(flat.shape, generator=generator).argsort(dim=1)
    return flat.gather(1, order).view(count, *x.shape[1:])
