"""Activity inside one of pauca's nets with weights that were saved."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pauca.data.dataset import Dataset, Task
from pauca.errors import DataError
from pauca.features.base import AbstractExtractor, Extracted, extractors, inputs, transform_of
from pauca.files import read_bytes, read_tensors
from pauca.nets import AbstractNet, activations, make_net
from pauca.rng import generator_from

__all__ = ["NetFeatures"]

_BATCH = 256
_SHOWN = 12


@extractors.register("net")
class NetFeatures(AbstractExtractor):
    """What a tap of a trained net returns for every item, flattened; items as they are evaluated.

    The weights are a state of the net (``torch.save(learner.net.state_dict(), path)``) or of the
    learner backprop (``torch.save(learner.state(), path)``); the net may have been trained on other
    classes, but reads items of the same shape.

    Args:
        path: The file of weights.
        net: Name of the net.
        net_params: Its settings.
        tap: Name of the module whose activity is taken; the penultimate layer if None.
        standardise: Whether the transform gives each feature mean 0 and deviation 1 over the
            training part.
    """

    name = "net"
    summary = "activity of a layer of one of pauca's nets, trained before"
    reference = "Razavian et al., CVPR workshops 2014"

    def __init__(
        self,
        *,
        path: str,
        net: str = "convnet",
        net_params: dict[str, Any] | None = None,
        tap: str | None = None,
        standardise: bool = True,
    ) -> None:
        self.path, self.net, self.net_params = path, net, net_params or {}
        self.tap, self.standardise = tap, standardise

    def extract(self, dataset: Dataset, device: torch.device) -> Extracted:
        """Activity for both parts.

        Raises:
            DataError: no such file, or weights of another net.
            InputError: the net does not read items of this shape.
            UnknownNameError: no such net, setting or tap.
        """
        weights, print_ = _weights(Path(self.path).expanduser())
        net = self._net(weights, dataset.task.shape).to(device).eval()
        train = self._activity(net, dataset.task, dataset.train.x, device)
        test = dataset.test
        transform, said = transform_of(train, self.standardise)
        note = (
            f"features: {train.shape[1]} units of {self.tap or 'the penultimate layer'} of net "
            f"{self.net!r} with weights {Path(self.path).name} (sha256 {print_}); {said}"
        )
        found = None if test is None else self._activity(net, dataset.task, test.x, device)
        return Extracted(train, found, transform, (note,), {"weights": dict(weights)})

    def apply(
        self, state: Mapping[str, Any] | None, dataset: Dataset, device: torch.device
    ) -> Tensor:
        """Activity of the net with the weights that were read then; no file is needed."""
        assert state is not None
        net = self._net(state["weights"], dataset.task.shape).to(device).eval()
        return self._activity(net, dataset.task, dataset.train.x, device)

    def _net(self, weights: Mapping[str, Tensor], shape: tuple[int, ...]) -> AbstractNet:
        head = weights.get("head.weight")
        if head is None or head.ndim != 2 or not head.numel():
            raise self._misfit("no weights of a head")
        if not all(weight.is_floating_point() or weight.ndim == 0 for weight in weights.values()):
            raise self._misfit("weights that are no numbers with decimals")
        net = make_net(
            self.net,
            shape=shape,
            classes=len(head),
            generator=generator_from(0),
            **self.net_params,
        )
        try:
            net.load_state_dict(weights)
        except Exception as error:  # torch raises what weights of another form lead it to
            raise self._misfit(" ".join(str(error).split())[:500]) from None
        return net

    def _misfit(self, got: str) -> DataError:
        return DataError(
            "the weights belong to another net",
            expected=f"a state of net {self.net!r} with net_params {self.net_params}, for items of"
            " this shape",
            got=got,
            where=self.path,
            todo="give the name and settings of the net that was saved, as net and net_params",
        )

    @torch.no_grad()
    def _activity(self, net: AbstractNet, task: Task, x: Tensor, device: torch.device) -> Tensor:
        """float32 [n, d] on the CPU."""
        blocks = (block.to(device) for block in inputs(task, x, most=_BATCH))
        if self.tap is None:
            return torch.cat([net.features(block).flatten(1).float().cpu() for block in blocks])
        return activations(net, blocks, [self.tap], len(x))[self.tap].float().cpu()


def _weights(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """The net's weights by name, and the beginning of the file's fingerprint.

    Raises:
        DataError: no such file, or not one of weights.
    """
    content = read_bytes(
        path,
        "the weights cannot be read",
        "check the path; a relative one starts at the folder of the study file",
    )
    again = "save the weights again: torch.save(learner.net.state_dict(), path)"
    found = read_tensors(content, path, "the file is not one of weights", again)
    state = found.get("net", found) if isinstance(found, Mapping) else None
    if not isinstance(state, Mapping) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()
    ):
        raise DataError(
            "the file holds no weights of a net",
            expected="a state of a net, or of learner backprop",
            got=type(found).__name__,
            where=path,
            todo=again,
        )
    return state, hashlib.sha256(content).hexdigest()[:_SHOWN]
