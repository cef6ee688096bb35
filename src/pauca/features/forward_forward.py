"""Activity of a Forward-Forward net that learned from the training part without a label."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor

from pauca import rng
from pauca.checks import check_count
from pauca.data.dataset import Dataset
from pauca.errors import DataError, InputError
from pauca.features.base import AbstractExtractor, Extracted, extractors, inputs, transform_of
from pauca.forward import (
    ForwardNet,
    Items,
    Plan,
    ProbeReadout,
    Recipe,
    goodnesses,
    losses,
    negatives,
    normalisations,
    schedules,
    train,
)
from pauca.registry import Registry

__all__ = ["ForwardForwardFeatures"]

_BATCH = 1024
Count = Annotated[int, Field(ge=1)]
Choice = str | dict[str, Any]


@extractors.register("forward-forward")
class ForwardForwardFeatures(AbstractExtractor):
    """Activities of all layers, d = sum of widths, of a net that tells items from mixed ones.

    Positives are the items of the training part, negatives are mixed of two of them; no label is
    shown and none is read. The net is trained once, from the seed, so that all repetitions of a
    study have the same features, as with those that are fitted or given.

    Args:
        widths: Units of each layer, input side first.
        negatives: ``self-contrastive``: an item beside itself against an item beside another;
            ``hybrid-mask``: an item against two of them mixed by a mask with large blobs.
        goodness: Of a layer's activity, by name or with settings.
        loss: Of the goodness of positives and negatives.
        normalisation: Of what a layer reads.
        schedule: ``greedy``, ``simultaneous``, ``overlapping`` or ``end-to-end``, which is
            backpropagation on the same goodness.
        steps: Optimiser steps of all layers together.
        rate: Adam's rate at its highest.
        batch: Items a step.
        decay: ``constant``, ``linear`` or ``cosine``.
        seed: Of weights, batches and mixtures.
        standardise: Whether the transform gives each feature mean 0 and deviation 1 over the
            training part.
    """

    name = "forward-forward"
    summary = "activity of a Forward-Forward net trained without labels on the training part"
    reference = (
        "Hinton, arXiv 2212.13345, 2022, section 3.2; Chen et al., Nat. Commun. 2025 "
        "(self-contrastive Forward-Forward)"
    )

    def __init__(
        self,
        *,
        widths: Annotated[tuple[Count, ...], Field(min_length=1)] = (784, 784),
        negatives: Literal["self-contrastive", "hybrid-mask"] = "self-contrastive",
        goodness: Choice = "mean-of-squares",
        loss: Choice = "difference",
        normalisation: Choice = "rms",
        schedule: Choice = "simultaneous",
        steps: Count = 2000,
        rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.003,
        batch: Annotated[int, Field(ge=2)] = 256,
        decay: Literal["constant", "linear", "cosine"] = "linear",
        seed: int = 0,
        standardise: bool = True,
    ) -> None:
        self.widths, self.kind, self.seed = tuple(widths), negatives, seed
        self.standardise = standardise
        self._parts: dict[str, tuple[Registry[Any], Choice]] = {
            "goodness": (goodnesses, goodness),
            "loss": (losses, loss),
            "normalisation": (normalisations, normalisation),
            "schedule": (schedules, schedule),
        }
        self.plan = Plan(steps=steps, rate=rate, batch=batch, decay=decay)
        self.recipe = self._recipe()
        stages = self.recipe.schedule.count(len(self.widths))
        check_count(steps, "steps, one for each layer that learns in turn", least=stages)

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Activity for both parts.

        Raises:
            DataError: fewer than two items.
            RunError: the training diverged.
        """
        if len(dataset.train) < 2:
            raise DataError(
                "too few items to mix",
                expected="at least two items to learn from",
                got=len(dataset.train),
                where=dataset.name,
                todo="give it more training items",
            )
        net = self._trained(dataset, device)
        found = self._activity(net, dataset, dataset.train.x, device)
        transform, said = transform_of(found, self.standardise)
        note = (
            f"features: {found.shape[1]} units of a Forward-Forward net trained on"
            f" {len(dataset.train)} items without labels ({self.kind}, {self.plan.steps} steps,"
            f" seed {self.seed}); {said}"
        )
        test = dataset.test
        other = None if test is None else self._activity(net, dataset, test.x, device)
        weights = {name: weight.cpu() for name, weight in net.state_dict().items()}
        return Extracted(found, other, transform, (note,), {"weights": weights})

    def apply(
        self, state: Mapping[str, Any] | None, dataset: Dataset, device: torch.device
    ) -> Tensor:
        """Activity of the net that was trained then.

        Raises:
            InputError: items of another size.
        """
        assert state is not None
        net = self._blank(dataset, rng.generator_from(self.seed))
        try:
            net.load_state_dict(state["weights"])
        except (RuntimeError, AttributeError) as error:
            raise InputError(
                "the net was trained on items of another size",
                got=" ".join(str(error).split())[:300],
                todo="bring the items to the size that the model was trained on",
            ) from None
        return self._activity(net.to(device), dataset, dataset.train.x, device)

    def _recipe(self) -> Recipe:
        made = {axis: _made(registry, choice) for axis, (registry, choice) in self._parts.items()}
        return Recipe(
            widths=self.widths,
            label="none",
            label_params={},
            negatives=negatives.make(self.kind, {}),
            readout=ProbeReadout(),
            **made,
        )

    def _trained(self, dataset: Dataset, device: torch.device) -> ForwardNet:
        task, recipe = dataset.task, self.recipe
        weights, stream = rng.split(rng.generator_from(self.seed), "weights", "training")
        net = self._blank(dataset, weights).to(device)
        x = dataset.train.x.to(device)
        items = Items(
            x,
            torch.zeros(len(x), dtype=torch.int64, device=device),  # not read
            lambda block: task.evaluate(block, None).flatten(1),
            shape=task.shape,
        )
        train(
            net,
            items,
            schedule=recipe.schedule,
            loss=recipe.loss,
            negatives=recipe.negatives,
            plan=self.plan,
            generator=stream,
        )
        return net

    def _blank(self, dataset: Dataset, weights: Generator) -> ForwardNet:
        task, recipe = dataset.task, self.recipe
        channels = task.shape[0] if len(task.shape) == 3 else 1
        code = recipe.code(task.shape, task.c, [1.0] * channels, [0.0] * channels)
        return recipe.build(code, weights)

    @torch.no_grad()
    def _activity(
        self, net: ForwardNet, dataset: Dataset, x: Tensor, device: torch.device
    ) -> Tensor:
        """float32 [n, d] on the CPU."""
        parts = [torch.empty(0, sum(net.widths))]
        for block in inputs(dataset.task, x, most=_BATCH):
            rows = torch.full((len(block),), net.code.absent, device=device)
            layers = net(block.flatten(1).to(device), rows)
            parts.append(torch.cat([h.flatten(1) for h in layers], dim=1).float().cpu())
        return torch.cat(parts)


def _made(registry: Registry[Any], choice: Choice) -> Any:
    given: Mapping[str, Any] = {"name": choice} if isinstance(choice, str) else choice
    return registry.make(
        str(given.get("name", "")), {key: v for key, v in given.items() if key != "name"}
    )
