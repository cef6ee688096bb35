"""What every net is: named layers in a row, a linear head, and a known first stochastic layer."""

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, final

from torch import Generator, Tensor, nn

from pauca.errors import InputError
from pauca.nets.dropout import stochastic_layers
from pauca.registry import Registry
from pauca.rng import isolated

__all__ = ["AbstractNet", "check_image_shape", "make_net", "nets"]

nets: Registry["AbstractNet"] = Registry(
    "net", "pauca.nets", "nets", context=frozenset({"shape", "classes"})
)
"""Every net by name; a new file in pauca/nets/ that registers one is found by itself."""


class AbstractNet(nn.Module, ABC):
    """Layers in a row, then a head: ``forward(x) = head(rest(stem(x)))``, logits float [b, c].

    ``stem`` is everything before the first stochastic layer and ``rest`` what follows, so that s
    dropout passes compute the stem once. Without stochastic layers the stem is all there is.

    Settings are the keyword arguments of the constructor of a subclass, which also takes ``shape``
    (of one item) and ``classes`` (their number) from the program.

    Args:
        layers: Modules by name, in the order in which they are applied.
        head: From the penultimate layer to logits.
        taps: Names of the modules whose output is recorded, input side first.

    Class attributes:
        name: Lower case with hyphens.
        summary: One sentence on what it is.
        reference: Authors, venue, year.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str]

    def __init__(
        self, layers: Mapping[str, nn.Module], head: nn.Module, taps: Sequence[str]
    ) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.head = head
        self.taps = tuple(taps)
        self._order = tuple(layers)
        live = [bool(stochastic_layers(layer)) for layer in layers.values()]
        self._cut = live.index(True) if True in live else len(live)

    @property
    def stochastic(self) -> bool:
        """Whether it has dropout with a rate above 0."""
        return bool(stochastic_layers(self))

    @final
    def stem(self, x: Tensor) -> Tensor:
        """Everything before the first stochastic layer: the same in every dropout pass."""
        return self._through(self._order[: self._cut], x)

    @final
    def rest(self, z: Tensor) -> Tensor:
        """From the stem's output to the features."""
        return self._through(self._order[self._cut :], z)

    @final
    def features(self, x: Tensor) -> Tensor:
        """Activity of the penultimate layer, float [b, d]."""
        return self.rest(self.stem(x))

    def forward(self, x: Tensor) -> Tensor:
        """Logits, float [b, c]."""
        logits: Tensor = self.head(self.features(x))
        return logits

    def _through(self, names: Sequence[str], x: Tensor) -> Tensor:
        for name in names:
            x = self.get_submodule(name)(x)
        return x


def make_net(
    name: str, *, shape: Sequence[int], classes: int, generator: Generator, **params: Any
) -> AbstractNet:
    """The net called ``name`` for items of this shape, its weights drawn from the generator.

    Args:
        name: One of ``nets.names()``.
        shape: Of one item: (channels, height, width) or (d,).
        classes: How many.
        generator: Source of the weights; advances by one draw.
        **params: Settings of the net.

    Raises:
        UnknownNameError: no such net or setting; the nearest known one is named.
        UsageError: a setting has a value that it cannot have.
        InputError: the net does not read items of this shape.
    """
    with isolated(generator):
        return nets.make(name, params, shape=tuple(shape), classes=classes)


def check_image_shape(shape: Sequence[int], net: str, least: int) -> tuple[int, int, int]:
    """(channels, height, width) with sides of at least ``least`` pixels.

    Raises:
        InputError: anything else.
    """
    if len(shape) != 3 or min(shape[1:]) < least:
        raise InputError(
            f"net {net!r} does not read items of this shape",
            expected=f"(channels, height, width) with sides >= {least}",
            got=tuple(shape),
            todo="use net 'mlp' for tables, embeddings and tiny images",
        )
    channels, height, width = shape
    return channels, height, width
