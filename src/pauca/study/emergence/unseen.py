"""A category never seen in training: has it an ensemble, of whose units, and is it noticed?"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor

from pauca.analysis import (
    Formation,
    choose_samples,
    dead_units,
    draw_episodes,
    energy,
    formation,
    nearest_ensemble,
    nearest_mean,
    novelty_auroc,
    overlap_novelty,
    shared_units,
)
from pauca.data import Split
from pauca.learners import AbstractLearner, LabelInput
from pauca.metrics import Interval
from pauca.study.emergence.examined import NONE, reads_label, stream
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
    assert seen.y is not None
    c = learner.task.c
    chosen = choose_samples(seen.y, max(4, min(_SEEN, items) // c), stream(root, "items"))
    x, y = seen.x[chosen], seen.y[chosen]
    order = torch.randperm(len(novel), generator=stream(root, "novel"))
    novel = novel[order[: max(4, _SEEN // c)]]
    shown = {"seen": x, "left-out": novel, "noise": _scrambled(x, len(novel), root)}
    # one seen class asked like the one left out: what a class that was learned looks like
    like = int(torch.randint(c, (), generator=stream(root, "class")))
    reads = reads_label(learner, x)
    free = "neutral" if reads else NONE
    conditions = [free, "predicted"] if reads else [free]
    forms: dict[str, Any] = {}
    common: dict[str, Any] = {}
    for condition in conditions:
        found = {name: _activity(learner, each, condition) for name, each in shown.items()}
        forms[condition], common[condition] = {}, {}
        for layer in found["seen"]:
            each = {name: by_layer[layer] for name, by_layer in found.items()}
            formed, shares = _layer(each, y, like, c, root)
            forms[condition][layer], common[condition][layer] = formed, shares
        if condition == free:
            both = {
                layer: torch.cat([h, found["left-out"][layer]])
                for layer, h in found["seen"].items()
            }
    return {
        "reads_label": reads,
        "conditions": conditions,
        "layers": list(both),
        "units": {layer: h.shape[1] for layer, h in both.items()},
        "items": {name: len(each) for name, each in shown.items()},
        "seen_class": like,
        "formation": forms,
        "shared": common,
        "novelty": _novelty(learner, torch.cat([x, novel]), y, both),
        **_few_shot(torch.cat([x, novel]), y, c, both, stream(root, "episodes")),
    }


def _layer(
    activity: Mapping[str, Tensor], y: Tensor, like: int, c: int, root: Generator
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Formation of every group in one layer by every definition, and the units shared."""
    h = activity["seen"]
    groups = {name: each for name, each in activity.items() if name != "seen"}
    live = ~dead_units(torch.cat(list(activity.values())))
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
                generator=stream(root, name),
                splits=_SPLITS,
                nulls=_NULLS if group == "left-out" else 0,
                among=live,
            )
        asked["seen"] = formation(
            detector(name, c),
            h[other],
            renumbered,
            h[~other],
            generator=stream(root, name),
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


def _novelty(
    learner: AbstractLearner, items: Tensor, y: Tensor, activity: Mapping[str, Tensor]
) -> dict[str, Any]:
    """AUROC of items left out against seen ones, by score.

    Args:
        learner: Trained on the seen classes.
        items: Seen ones, then those left out, [n, ...].
        y: Classes of the seen ones.
        activity: Of all items without an answer, by layer.
    """
    seen = len(y)
    unseen = torch.arange(len(items)) >= seen
    half = torch.arange(seen) % 2 == 0  # ensembles come from one half, scores from the other
    kept = torch.cat([~half, unseen[seen:]])
    needs = frozenset({"goodness", "probs"} & learner.gives)
    outputs = learner.outputs(items, torch.arange(len(items)), needs=needs)
    scores = {"confidence": -outputs.mean_probs.amax(1)}
    if outputs.goodness is not None:
        scores["energy"] = energy(outputs.goodness.sum(2))
    for layer, h in activity.items():
        sets = detector(SELECTIVE, learner.task.c)(h[:seen][half], y[half])
        if bool(sets.any()):
            scores[f"overlap, {layer}"] = overlap_novelty(h, sets)
    found = novelty_auroc({name: each[kept] for name, each in scores.items()}, unseen[kept])
    return {name: _interval(each) for name, each in found.items()}


def _few_shot(
    items: Tensor, y: Tensor, c: int, activity: Mapping[str, Tensor], draw: Generator
) -> dict[str, Any]:
    """All classes, the one left out among them, told apart from a few examples of each.

    Accuracy over all classes with its interval, and over items of the class left out alone.
    """
    labels = torch.cat([y, torch.full((len(items) - len(y),), c)])
    features = torch.cat(list(activity.values()), dim=1)
    record: dict[str, Any] = {}
    alone: dict[str, Any] = {}
    for shots in _SHOTS:
        episodes = draw_episodes(labels, shots=shots, generator=draw)
        methods = {
            "ensemble overlap": nearest_ensemble(features, episodes),
            "class mean of activity": nearest_mean(features, episodes),
            "class mean of pixels": nearest_mean(items.flatten(1).float(), episodes),
        }
        record[str(shots)] = {name: _interval(each.accuracy) for name, each in methods.items()}
        alone[str(shots)] = plain({name: float(m.by_class[-1]) for name, m in methods.items()})
    return {"few_shot": record, "few_shot_left_out": alone}


def _interval(found: Interval) -> list[float]:
    return [found.mean, found.low, found.high]


def _activity(learner: AbstractLearner, x: Tensor, condition: str) -> dict[str, Tensor]:
    label: LabelInput = learner.predict(x).cpu() if condition == "predicted" else "neutral"
    return {name: h.detach() for name, h in learner.activations(x, label=label).items()}


def _scrambled(x: Tensor, count: int, root: Generator) -> Tensor:
    """Items whose numbers are in random order, each its own: as bright, and of no category."""
    generator = stream(root, "noise")
    flat = x[torch.randint(len(x), (count,), generator=generator)].flatten(1)
    order = torch.rand(flat.shape, generator=generator).argsort(dim=1)
    return flat.gather(1, order).view(count, *x.shape[1:])
