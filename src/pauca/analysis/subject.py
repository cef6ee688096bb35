"""A trained model as an experimenter has it: what is active, what it answers, what a change does.

Units can be silenced or driven and weights taken away; then the same questions are asked again.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from copy import copy
from typing import Any, Literal, Self, final

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pauca.analysis._arrays import tensor
from pauca.analysis.edits import Edit, Level, Mask, as_edit, hold, silence
from pauca.analysis.taps import Inputs, Pool, Tap, checked_taps, intervene, outputs, record
from pauca.checks import check_count, check_finite, check_size
from pauca.errors import InputError, UnknownNameError

__all__ = ["AbstractSubject", "ModuleSubject", "Shown", "replaced"]

Shown = Tensor | Literal["neutral", "absent"]
"""Label shown to a net that reads one: int64 [n], or ``neutral``, or ``absent``."""


class AbstractSubject(ABC):
    """What lesions, drive and pruning need of a model, whatever it is and however it learned.

    Operations (``edited``, ``lesioned``, ``driven``, ``reweighted``) return a further subject and
    leave this one as it is; they add up. Weights are shared and nothing is copied: a change is in
    place only while a question is answered. So one model answers one question at a time.

    Args:
        module: The net.
        layers: Names under which activity is given, input side first.
    """

    def __init__(self, module: nn.Module, layers: Sequence[str]) -> None:
        self.module, self.layers = module, tuple(layers)
        self._operations: tuple[Callable[[], AbstractContextManager[Any]], ...] = ()

    @final
    def activations(self, x: Any, label: Shown = "neutral") -> dict[str, Tensor]:
        """Activity of every layer for n items, {layer: float [n, u]}.

        Args:
            x: Items, as the model takes them.
            label: Shown with them, where the net reads a label.
        """
        with self._operated():
            return self._activations(x, label)

    @final
    def activity(self, x: Any, layer: str, label: Shown = "neutral") -> Tensor:
        """As ``activations``, of one layer, float [n, u] without history.

        Raises:
            UnknownNameError: no such layer.
        """
        self._check(layer)
        return self.activations(x, label)[layer].detach()

    @final
    def predict(self, x: Any) -> Tensor:
        """The answer to each item, int64 [n].

        Raises:
            InputError: what the model gives is NaN or infinite, or is no answer an item; an edit
                whose module was not called.
        """
        with self._operated():
            return _answers(self._predict(x), 1)

    @final
    def predict_each(self, x: Any, layer: str, edits: Sequence[Edit | Mask]) -> Tensor:
        """Answers under each of m edits of one layer, one at a time, int64 [m, n].

        The same as ``edited({layer: edit}).predict(x)`` for each, up to rounding; what lies below
        the layer may be computed once. Compare with the answers under an edit that changes nothing:
        they come the same way.

        Args:
            x: n items.
            layer: Which layer.
            edits: m of them, at least one; each as in ``edited``.

        Raises:
            UnknownNameError: no such layer.
            InputError: no edit; as ``predict``.
        """
        self._check(layer)
        if not isinstance(edits, Sequence) or not edits:
            raise InputError(
                "there are no edits to answer under",
                expected="a list of at least one",
                got=type(edits).__name__,
                todo="pass [edit], or ask subject.predict",
            )
        with self._operated():
            return _answers(self._predict_each(x, layer, [as_edit(edit) for edit in edits]), 2)

    @final
    def edited(self, edits: Mapping[str, Edit | Mask]) -> Self:
        """A subject in which the activity of layers is changed before anything reads it.

        Args:
            edits: By layer; each a function of activity [..., u], or a mask, bool [u], of units to
                silence.

        Raises:
            UnknownNameError: no such layer.
        """
        for layer in edits:
            self._check(layer)
        given = {layer: as_edit(edit) for layer, edit in edits.items()}
        return self._with(*(_Edited(self, layer, edit) for layer, edit in given.items()))

    @final
    def lesioned(self, layer: str, units: Mask) -> Self:
        """A subject without these units, bool [u]: they are silent whatever they read."""
        return self.edited({layer: silence(units)})

    @final
    def driven(self, layer: str, units: Mask, level: Level) -> Self:
        """A subject in which these units, bool [u], are active at ``level``, a number or [u]."""
        return self.edited({layer: hold(units, level)})

    @final
    def reweighted(self, weights: Mapping[str, Tensor | NDArray[Any]]) -> Self:
        """A subject with other weights, by name of the net's parameter.

        Raises:
            UnknownNameError: no such parameter.
            InputError: weights of another shape; one parameter by two names.
        """
        return self._with(_Reweighted(self.module, _checked_weights(self.module, weights)))

    @final
    def weight(self, name: str) -> Tensor:
        """A parameter of the net, without history, as it is in this subject.

        Raises:
            UnknownNameError: no such parameter; the nearest known name is offered.
        """
        own = _parameters(self.module, [name])[name]
        with ExitStack() as stack:
            # edits, which wait for a pass, do not touch it
            for operation in self._operations:
                if isinstance(operation, _Reweighted):
                    stack.enter_context(operation())
            return own.detach()

    @abstractmethod
    def _activations(self, x: Any, label: Shown) -> dict[str, Tensor]:
        """Of the module as it is now."""

    @abstractmethod
    def _predict(self, x: Any) -> Tensor:
        """Of the module as it is now."""

    @abstractmethod
    def _edit(self, layer: str, edit: Edit) -> AbstractContextManager[Any]:
        """Within it, the layer's activity is edited, after the edits that are there already."""

    def _predict_each(self, x: Any, layer: str, edits: Sequence[Edit]) -> Tensor:
        """One after the other; a subject that can share work overrides it."""
        found = []
        for edit in edits:
            with self._edit(layer, edit):
                found.append(self._predict(x))
        return torch.stack(found)

    def _with(self, *operations: Callable[[], AbstractContextManager[Any]]) -> Self:
        other = copy(self)
        other._operations = (*self._operations, *operations)
        return other

    @contextmanager
    def _operated(self) -> Iterator[None]:
        with ExitStack() as stack:
            for operation in self._operations:
                stack.enter_context(operation())
            yield

    def _check(self, layer: str) -> None:
        if layer not in self.layers:
            raise UnknownNameError("layer", layer, self.layers)


class ModuleSubject(AbstractSubject):
    """Any torch module that classifies, seen through named taps.

    Args:
        model: Returns one row of class scores an item (or a tuple or mapping that begins with it).
        layers: Modules, or taps with a pool of their own (see ``pauca.analysis.record``). Under the
            pools ``mean`` and ``max`` a unit is a feature or channel, edited at all its positions.
        pool: For layers that are given by name alone.
        batch: Items of one block.
        decide: From what the model returns, finite [n, ...], to int64 [n]; by default the class
            with the highest score.

    Raises:
        UnknownNameError: no such module; the nearest known name is offered.
        InputError: a layer that is named twice.
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[str | Tap],
        *,
        pool: Pool = "flatten",
        batch: int = 256,
        decide: Callable[[Tensor], Tensor] | None = None,
    ) -> None:
        taps = checked_taps(model, layers, pool)
        super().__init__(model, [tap.name for tap in taps])
        self._taps = {tap.name: tap for tap in taps}
        self._batch, self._decide = check_count(batch, "batch", least=1), decide

    def _activations(self, x: Inputs, label: Shown) -> dict[str, Tensor]:
        return record(self.module, x, list(self._taps.values()), batch=self._batch)

    def _predict(self, x: Inputs) -> Tensor:
        found = check_finite(outputs(self.module, x, batch=self._batch), "what the model returns")
        if self._decide is not None:
            return check_size(_answers(self._decide(found), 1), len(found), "answers")
        if found.ndim != 2 or found.shape[1] < 2:
            raise InputError(
                "the model does not return class scores",
                expected="[n, c] with a score for each of at least 2 classes",
                got=list(found.shape),
                todo="say what it answers: ModuleSubject(decide=), from its output to int64 [n]",
            )
        return found.argmax(-1)

    def _edit(self, layer: str, edit: Edit) -> AbstractContextManager[None]:
        return intervene(self.module, {self._taps[layer]: edit})


@contextmanager
def replaced(module: nn.Module, weights: Mapping[str, Tensor | NDArray[Any]]) -> Iterator[None]:
    """Within it, parameters have other values; at the end, also after an error, their own again.

    Args:
        module: Any torch module.
        weights: New values by name of the parameter, of the same shape.

    Raises:
        UnknownNameError: no such parameter.
        InputError: weights of another shape; one parameter by two names.
    """
    given = _checked_weights(module, weights)
    owns = _parameters(module, given)
    kept = {name: own.data for name, own in owns.items()}
    try:
        for name, own in owns.items():
            own.data = given[name].detach().to(own)
        yield
    finally:
        for name, own in owns.items():
            own.data = kept[name]


def _checked_weights(
    module: nn.Module, weights: Mapping[str, Tensor | NDArray[Any]]
) -> dict[str, Tensor]:
    owns = _parameters(module, weights)
    given, names = {name: tensor(new) for name, new in weights.items()}, dict[int, str]()
    for name, new in given.items():
        own = owns[name]
        if new.shape != own.shape or not torch.can_cast(new.dtype, own.dtype):
            raise InputError(
                f"weights do not fit parameter {name!r}",
                expected=f"{own.dtype} {list(own.shape)}",
                got=f"{new.dtype} {list(new.shape)}",
                todo="give one number for each weight of the parameter",
            )
        if (other := names.setdefault(id(own), name)) != name:
            raise InputError(
                f"{name!r} and {other!r} are the same parameter",
                expected="other weights for each parameter once",
                todo="leave one of the names out",
            )
    return given


def _parameters(module: nn.Module, names: Iterable[str]) -> dict[str, nn.Parameter]:
    known = dict(module.named_parameters(remove_duplicate=False))
    for name in names:
        if name not in known:
            raise UnknownNameError("parameter", name, known)
    return {name: known[name] for name in names}


class _Edited:
    """An edit to be put in place, as a value that can be kept."""

    def __init__(self, subject: AbstractSubject, layer: str, edit: Edit) -> None:
        self._subject, self._layer, self._what = subject, layer, edit

    def __call__(self) -> AbstractContextManager[Any]:
        return self._subject._edit(self._layer, self._what)


class _Reweighted:
    """Weights to be put in place, as a value that can be kept."""

    def __init__(self, module: nn.Module, weights: Mapping[str, Tensor]) -> None:
        self._module, self._weights = module, dict(weights)

    def __call__(self) -> AbstractContextManager[None]:
        return replaced(self._module, self._weights)


def _answers(found: Tensor, axes: int) -> Tensor:
    """Answers, if they are: whole numbers, one an item (and edit), as int64."""
    given = isinstance(found, Tensor)
    whole = given and found.dtype != torch.bool and torch.can_cast(found.dtype, torch.int64)
    if not whole or found.ndim != axes:
        raise InputError(
            "answers have the wrong form",
            expected=f"whole numbers, one an item, {'[n]' if axes == 1 else '[m, n]'}",
            got=f"{found.dtype} {list(found.shape)}" if given else type(found).__name__,
            todo="return one class an item, such as scores.argmax(1)",
        )
    return found.to(torch.int64)
