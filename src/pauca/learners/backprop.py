"""The plain learner: a net trained end to end by backpropagation on the cross-entropy."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from copy import deepcopy
from functools import partial
from typing import Annotated, Any, ClassVar, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Generator, Tensor, nn

from pauca.checks import check_size
from pauca.data.dataset import Task
from pauca.data.sparse import as_dense
from pauca.errors import InputError
from pauca.learners.attack import Attack
from pauca.learners.base import LOGITS, FitReport, LabelInput, Progress, learners, weights_of
from pauca.learners.objective import AbstractGradientLearner, AbstractObjective, Training, join
from pauca.learners.training import (
    Objective,
    Optimiser,
    Plan,
    Schedule,
    check_length,
    hold_out,
    steps_of,
    train,
    worst_case,
)
from pauca.nets import (
    AbstractNet,
    MemberMasks,
    activations,
    make_net,
    member_logits_from,
    member_masks,
    nets,
)
from pauca.outputs import Outputs
from pauca.rng import generator_from, isolated, split

__all__ = ["Backprop"]

_STEPS = 500


@learners.register("backprop")
class Backprop(AbstractGradientLearner):
    """A net trained on the cross-entropy for a fixed number of optimiser steps.

    Exactly one of ``steps`` and ``epochs``; with neither, 500 steps. With a ``validation`` part the
    weights with the lowest validation loss are kept, and training stops early where ``patience``
    says so; the part is taken from the labelled items, so it counts as budget.

    Args:
        net: Name of the net.
        net_params: Its settings.
        steps: Optimiser steps of one training, whatever the number of items.
        epochs: Passes over the items trained on.
        batch: Items a step; all items where there are fewer. A batch of a single item has no
            statistics: BatchNorm then uses its running ones.
        optimiser: adam, adamw or sgd.
        rate: Learning rate at the start.
        momentum: Of sgd.
        weight_decay: As the optimiser defines it.
        schedule: constant, or cosine down to 0.
        validation: Fraction of the labelled items held out, stratified where possible.
        check_every: Steps between two looks at the validation part (and records of the history).
        patience: Looks without a lower validation loss before training stops; 0 for never.
        warm: Start from the last weights (with a fresh optimiser) instead of new ones. The
            validation part is drawn anew each time, so the last weights may have seen items of it.
        augment: Train on the task's training transform instead of its evaluation transform.
        adversarial: Part of its length by which an input is moved to raise the loss, 0 for none.
        passes: Dropout members s that ``outputs`` gives when asked.
        bim_step: Step of BIM in every input coordinate, in units of the net's input.
        attack_steps: Steps after which BIM and DeepFool give an item up as never flipping.
        task: What is learned.
        device: Where.

    Raises:
        UsageError: settings that exclude each other, or that the net refuses.
        InputError: the net does not read items of the task's shape.
    """

    name = "backprop"
    summary = "a net trained end to end on the cross-entropy; members are its dropout passes"
    reference = "Rumelhart, Hinton and Williams, Nature 1986; Gal and Ghahramani, ICML 2016"
    quick: ClassVar[Mapping[str, Any]] = {
        "net_params": {"widths": [4, 4], "hidden": 8},
        "steps": 30,
        "batch": 16,
        "rate": 0.01,
        "passes": 3,
        "attack_steps": 5,
    }
    eval_batch: ClassVar[int] = 256

    def __init__(
        self,
        *,
        net: str = "convnet",
        net_params: dict[str, Any] | None = None,
        steps: Annotated[int, Field(ge=1)] | None = None,
        epochs: Annotated[int, Field(ge=1)] | None = None,
        batch: Annotated[int, Field(ge=1)] = 64,
        optimiser: Optimiser = "adam",
        rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.002,
        momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9,
        weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0,
        schedule: Schedule = "cosine",
        validation: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        check_every: Annotated[int, Field(ge=1)] = 50,
        patience: Annotated[int, Field(ge=0)] = 0,
        warm: bool = False,
        augment: bool = True,
        adversarial: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        passes: Annotated[int, Field(ge=1)] = 20,
        bim_step: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.05,
        attack_steps: Annotated[int, Field(ge=1)] = 100,
        task: Task,
        device: str = "cpu",
    ) -> None:
        super().__init__(task=task, device=device)
        given = {"net": net, "net_params": net_params, "steps": steps, "epochs": epochs}
        whole = self.complete({**given, "validation": validation, "patience": patience})
        self.net_name, self.net_params = net, whole["net_params"]
        self.epochs, self.validation, self.warm = epochs, validation, warm
        self.augment, self.passes, self.adversarial = augment, passes, adversarial
        self.attack = Attack(bim_step=bim_step, max_steps=attack_steps)
        self._plan = partial(
            Plan,
            batch=batch,
            optimiser=optimiser,
            rate=rate,
            momentum=momentum,
            weight_decay=weight_decay,
            schedule=schedule,
            check_every=check_every,
            patience=patience,
        )
        self.batch, self.steps = batch, whole["steps"]
        self._stochastic = self._sketch().stochastic
        self._net: AbstractNet | None = None
        self.fits = 0

    @classmethod
    def complete(cls, settings: dict[str, Any]) -> dict[str, Any]:
        """Every setting of the net, and the number of steps where neither it nor epochs is given.

        Raises:
            UsageError: both steps and epochs; patience without a validation part; a setting that
                the net does not have.
        """
        steps, epochs = settings.get("steps"), settings.get("epochs")
        check_length(settings, cls.name)
        whole = nets.resolve(settings["net"], settings.get("net_params") or {})
        fixed = _STEPS if steps is None and epochs is None else steps
        return {**settings, "net_params": whole, "steps": fixed}

    @property
    def gives(self) -> frozenset[str]:
        """Probabilities, logits, features, boundary distances; members with dropout, passes > 1."""
        members = {"members"} if self._stochastic and self.passes > 1 else set[str]()
        return frozenset({"probs", LOGITS, "features", *Attack.columns, *members})

    @property
    def fitted(self) -> bool:
        """Whether there is a trained net."""
        return self._net is not None

    @property
    def carries_state(self) -> bool:
        """With a warm start."""
        return self.warm

    @property
    def net(self) -> AbstractNet:
        """The trained net, in evaluation mode.

        Raises:
            InputError: not trained yet.
        """
        self.check_fitted()
        return cast(AbstractNet, self._net)

    def fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """Train on n labelled items; arguments as in the base class.

        The weights at the start depend on the generator alone, not on the items.

        Raises:
            InputError: no items, labels outside the task, sizes that differ.
            RunError: the training diverged; the learner stays as it was.
        """
        return self._fit(x, y, generator=generator, progress=progress)

    def fit_more(
        self,
        x: Tensor,
        y: Tensor,
        more: tuple[Tensor, Tensor],
        *,
        generator: Generator,
        share: float = 1.0,
        progress: Progress | None = None,
        unlabelled: Tensor | None = None,
    ) -> FitReport:
        """As ``fit``, with further items; validation part and number of steps come from x alone."""
        return self._fit(x, y, generator=generator, progress=progress, more=(more, share))

    def fit_towards(
        self,
        objective: AbstractObjective,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None = None,
    ) -> FitReport:
        """As ``fit``, with the objective's loss in place of the cross-entropy."""
        return self._fit(x, y, generator=generator, progress=progress, objective=objective)

    def _fit(
        self,
        x: Tensor,
        y: Tensor,
        *,
        generator: Generator,
        progress: Progress | None,
        more: tuple[tuple[Tensor, Tensor] | None, float] = (None, 1.0),
        objective: AbstractObjective | None = None,
    ) -> FitReport:
        self.check_fit(x, y)
        init, part, order, noise, dropout, game, other = split(
            generator, "init", "validation", "batches", "augment", "dropout", "objective", "other"
        )
        x, y = x.to(self.device), y.to(self.device)
        kept, held = (where.to(self.device) for where in hold_out(y, self.validation, part))
        warm = self.warm and self._net is not None
        net = deepcopy(self.net) if warm else self._make(init)
        steps = self.steps or steps_of(self.epochs or 1, len(kept), self.batch)
        whole: nn.Module = net
        loss: Objective = worst_case(self.adversarial)
        if objective is not None:
            example = self.task.evaluate(as_dense(x[:1]), None)
            training = Training(net, example, steps, partial(self._input, noise=other), game)
            whole, loss = join(objective, training)
        seen_x, seen_y = self.with_more(x[kept], y[kept], *more)
        with isolated(dropout):
            report = train(
                whole,
                partial(self._batch, seen_x, seen_y, noise),
                len(seen_x),
                self._plan(steps=steps),
                generator=order,
                objective=loss,
                check=partial(self._check, x[held], y[held]) if len(held) else None,
                progress=progress,
            )
        self._net = net
        self.fits += 1
        return report

    @torch.inference_mode()
    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What the net says of these items, in evaluation mode; changes nothing.

        Members are ``passes`` fixed sets of dropout masks, drawn from the generator's present state
        without advancing it: blocks that are given the same generator meet the same members.
        ``logits`` is what the softmax reads, [n, c]; of members their mean.

        Raises:
            CapabilityError: ``needs`` is not within ``gives``.
            InputError: not trained yet; members without a generator; items that are not finite.
        """
        self.check_gives(needs)
        self.check_fitted()
        self.check_items(x)
        check_size(ids, len(x), "ids")
        with self._members("members" in needs, generator) as masks:
            told = [self._tell(part, masks, "features" in needs) for part in self._parts(x)]
        logits, features = zip(*told, strict=True)
        with torch.inference_mode(mode=False):  # plain tensors, that any later step may use
            whole = torch.cat(logits, dim=1).float()
            extras = {LOGITS: whole.mean(0)} if LOGITS in needs else {}
            return Outputs(
                extras=extras | self.attack.distances(self.net, self._parts(x), needs),
                ids=ids.to(self.device),
                probs=whole.log_softmax(-1).exp(),
                features=torch.cat(features).clone() if "features" in needs else None,
            )

    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """Activity of every tap of the net, float [n, u]; the net reads no label."""
        net = self.net
        self.check_items(x)
        return activations(net, self._parts(x), net.taps, len(x))

    def state(self) -> dict[str, Any]:
        """The net's weights and running statistics, and how many trainings there were."""
        return {"net": weights_of(self.net), "fits": self.fits}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave.

        Raises:
            InputError: it comes from another net.
        """
        net = self._make(generator_from(0))
        try:
            net.load_state_dict(state["net"])
            fits = int(state["fits"])
        except (KeyError, RuntimeError) as error:
            raise InputError(
                "this state belongs to another net",
                expected=f"weights of net {self.net_name!r} for task {self.task.name!r}",
                got=str(error).replace("\n", " "),
                todo="make the learner with the settings it was trained with",
            ) from None
        self._net, self.fits = net.eval(), fits

    def _make(self, generator: Generator) -> AbstractNet:
        shape, classes = self.task.shape, self.task.c
        net = make_net(
            self.net_name, shape=shape, classes=classes, generator=generator, **self.net_params
        )
        return net.to(self.device)

    def _sketch(self) -> AbstractNet:
        """The net without numbers: what cannot be built is refused before any training."""
        with isolated(generator_from(0)), torch.device("meta"):
            return nets.make(
                self.net_name, self.net_params, shape=self.task.shape, classes=self.task.c
            )

    def _batch(
        self, x: Tensor, y: Tensor, noise: Generator, where: Tensor
    ) -> tuple[Tensor, Tensor]:
        where = where.to(self.device)
        return self._input(x[where], noise), y[where]

    def _input(self, x: Tensor, noise: Generator) -> Tensor:
        x = as_dense(x).to(self.device)
        return self.task.train(x, noise) if self.augment else self.task.evaluate(x, None)

    def _parts(self, x: Tensor) -> Iterator[Tensor]:
        """Net inputs of at most ``eval_batch`` items; one empty one where there are none."""
        for start in range(0, max(1, len(x)), self.eval_batch):
            part = as_dense(x[start : start + self.eval_batch])
            yield self.task.evaluate(part.to(self.device), None)

    def _members(
        self, wanted: bool, generator: Generator | None
    ) -> AbstractContextManager[MemberMasks | None]:
        if not wanted:
            return nullcontext()
        if generator is None:
            raise InputError(
                "dropout members are drawn, and there is no generator to draw them from",
                expected="outputs(..., generator=a torch.Generator)",
                got="None",
                todo="pass the same generator for every block of the pool",
            )
        same = Generator()
        same.set_state(generator.get_state())
        return member_masks(self.net, self.passes, same)

    def _tell(
        self, x: Tensor, masks: MemberMasks | None, wants_features: bool
    ) -> tuple[Tensor, Tensor]:
        """Logits [s, b, c] and features [b, d] of one block; features are empty if not needed."""
        net = self.net
        z = net.stem(x)
        features = net.rest(z) if wants_features or masks is None else z[:0]
        if masks is None:
            return net.head(features).unsqueeze(0), features
        return member_logits_from(net, z, masks), features

    @torch.inference_mode()
    def _check(self, x: Tensor, y: Tensor, net: Any) -> Mapping[str, float]:
        logits = torch.cat([net(part) for part in self._parts(x)])
        return {
            "validation_loss": float(F.cross_entropy(logits, y)),
            "validation_accuracy": float((logits.argmax(-1) == y).double().mean()),
        }
