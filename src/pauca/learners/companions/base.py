"""What every companion is: a learner around a learner, with a column or a training more."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar, final

from torch import Generator, Tensor

from pauca.errors import CapabilityError, InputError
from pauca.learners.base import AbstractLearner, LabelInput
from pauca.learners.objective import AbstractGradientLearner
from pauca.outputs import Outputs
from pauca.registry import Registry

__all__ = [
    "AbstractCompanion",
    "attach",
    "blocks",
    "companions",
    "gradient_learner",
]

BLOCK = 1024
"""Items that are judged at a time."""

companions: Registry["AbstractCompanion"] = Registry(
    "companion", "pauca.learners.companions", "companions", context=frozenset({"learner"})
)
"""Every companion by name; a new file in this package that registers one is found by itself."""


class AbstractCompanion(AbstractLearner):
    """A learner with something beside it; all that it does not change is the learner's own.

    Args:
        learner: The learner that it accompanies.

    Class attributes:
        columns: Names of the extra columns it adds to Outputs.
        reads: What it must be told of the items to compute them, within the learner's ``gives``.
    """

    columns: ClassVar[frozenset[str]] = frozenset()
    reads: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, learner: AbstractLearner) -> None:
        super().__init__(task=learner.task, device=str(learner.device))
        self.learner = learner

    @property
    def gives(self) -> frozenset[str]:
        """What the learner gives, and the companion's columns."""
        return self.learner.gives | self.columns

    @property
    def fitted(self) -> bool:
        """Whether the learner was trained."""
        return self.learner.fitted

    @property
    def carries_state(self) -> bool:
        """Whether the learner's next training starts from its last."""
        return self.learner.carries_state

    @property
    def keeps_units(self) -> bool:
        """Whether the learner does."""
        return self.learner.keeps_units

    @property
    def reads_unlabelled(self) -> bool:
        """Whether the learner does."""
        return self.learner.reads_unlabelled

    @final
    def outputs(
        self,
        x: Tensor,
        ids: Tensor,
        *,
        needs: frozenset[str] = frozenset({"probs"}),
        generator: Generator | None = None,
    ) -> Outputs:
        """What the learner says of these items, and the companion's columns among ``needs``.

        Raises:
            CapabilityError: ``needs`` is not within ``gives``.
            InputError: not trained yet.
        """
        self.check_gives(needs)
        others = needs - self.columns
        if others == needs:
            return self.learner.outputs(x, ids, needs=needs, generator=generator)
        told, columns = self.tell(x, ids, needs=others | self.reads, generator=generator)
        features = told.features if "features" in needs else None
        return replace(told, features=features, extras={**told.extras, **columns})

    def tell(
        self, x: Tensor, ids: Tensor, *, needs: frozenset[str], generator: Generator | None
    ) -> tuple[Outputs, Mapping[str, Tensor]]:
        """What the learner says of these items, and the companion's columns for them.

        Args:
            x: Stored items [n, ...].
            ids: int64 [n].
            needs: What the learner is to tell, within its ``gives``.
            generator: As in ``outputs``.
        """
        told = self.learner.outputs(x, ids, needs=needs, generator=generator)
        return told, self.measure(x, told)

    def measure(self, x: Tensor, told: Outputs) -> Mapping[str, Tensor]:
        """The companion's columns for stored items x, each float [n]; changes nothing."""
        return {}

    @final
    def activations(self, x: Tensor, *, label: LabelInput = "neutral") -> dict[str, Tensor]:
        """The learner's."""
        return self.learner.activations(x, label=label)

    @final
    def state(self) -> dict[str, Any]:
        """The learner's state and the companion's."""
        return {"learner": self.learner.state(), "companion": self.own_state()}

    @final
    def load_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``state`` gave."""
        self.learner.load_state(state["learner"])
        self.load_own_state(state["companion"])

    @abstractmethod
    def own_state(self) -> dict[str, Any]:
        """All that training changed in the companion."""

    @abstractmethod
    def load_own_state(self, state: Mapping[str, Any]) -> None:
        """Put back what ``own_state`` gave."""

    @final
    def check_unlabelled(self, unlabelled: Tensor | None) -> Tensor:
        """The pool's items, refused where they were not passed.

        Raises:
            InputError: None, or items of another shape.
        """
        if unlabelled is None:
            raise InputError(
                f"companion {self.name!r} was not given the unlabelled items",
                expected="fit(..., unlabelled=items of the pool)",
                got="None",
                todo="pass the pool's stored items; an empty tensor when all are labelled",
            )
        self.check_items(unlabelled)
        return unlabelled


def attach(
    name: str | None, learner: AbstractLearner, settings: Mapping[str, Any] | None = None
) -> AbstractLearner:
    """The learner with this companion, or the learner itself where ``name`` is None.

    Args:
        name: Name of a companion, such as a strategy's ``companion``.
        learner: What it accompanies.
        settings: The companion's settings, such as a strategy's ``companion_settings``.

    Raises:
        UnknownNameError: no such companion or setting; the nearest known one is named.
        UsageError: a setting has a value that it cannot have.
        CapabilityError: this learner cannot be accompanied by it.
    """
    if name is None:
        return learner
    return companions.make(name, settings or {}, learner=learner)


def gradient_learner(learner: AbstractLearner, name: str) -> AbstractGradientLearner:
    """The learner, if a companion can give it a further objective.

    Raises:
        CapabilityError: it does not train one net by gradient steps.
    """
    if isinstance(learner, AbstractGradientLearner) and learner.joinable:
        return learner
    raise CapabilityError(
        f"companion {name!r} needs a net whose training it can join",
        expected="a learner of one net by gradient steps, such as 'backprop'",
        got=f"learner {learner.name!r}",
        todo="use learner 'backprop' (or 'probe' with head = 'mlp'), or a strategy without this"
        " companion",
    )


def blocks(x: Tensor, size: int = BLOCK) -> Iterator[Tensor]:
    """The items in order, at most ``size`` at a time."""
    for start in range(0, len(x), size):
        yield x[start : start + size]
