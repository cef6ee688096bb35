"""A small convolutional net that is fast on a CPU, with dropout where it is cheap."""

from typing import Annotated

from pydantic import Field
from torch import nn

from pauca.nets.base import AbstractNet, check_image_shape, nets

__all__ = ["ConvNet"]

_LEAST = 4
_GRID = 4


@nets.register("convnet")
class ConvNet(AbstractNet):
    """Convolution-BatchNorm-ReLU blocks that halve the image, one dense layer, a linear head.

    Strided convolutions stand in for pooling, which costs more than the convolutions themselves on
    a CPU. The image is halved while its side is at least 7 pixels (14 in the first block) and
    averaged down to 4 x 4 at most, so the dense part stays small. Dropout sits before and after the
    dense layer: the convolutions, which are most of the cost, run once for any number of dropout
    passes.

    Args:
        shape: (channels, height, width), sides of at least 4 pixels.
        classes: How many.
        widths: Channels of each block.
        hidden: Units of the dense layer.
        dropout: Rate before and after the dense layer; 0 leaves dropout out.
    """

    name = "convnet"
    summary = "small and fast on a CPU: strided convolutions, one dense layer with dropout"
    reference = "LeCun et al., Proc. IEEE 1998; Springenberg et al., ICLR workshop 2015 (strides)"

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        classes: int,
        widths: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = (
            16,
            32,
            32,
        ),
        hidden: Annotated[int, Field(ge=1)] = 128,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    ) -> None:
        before, height, width = check_image_shape(shape, self.name, _LEAST)
        layers: dict[str, nn.Module] = {}
        for i, after in enumerate(widths, start=1):
            stride = 2 if min(height, width) >= (14 if i == 1 else 7) else 1
            layers[f"conv{i}"] = _block(before, after, kernel=5 if i == 1 else 3, stride=stride)
            before, height, width = after, -(-height // stride), -(-width // stride)
        if max(height, width) > _GRID:
            height, width = min(height, _GRID), min(width, _GRID)
            layers["pool"] = nn.AdaptiveAvgPool2d((height, width))
        layers["flatten"] = nn.Flatten()
        if dropout > 0:
            layers["drop1"] = nn.Dropout(dropout)
        layers["dense"] = nn.Sequential(nn.Linear(before * height * width, hidden), nn.ReLU())
        if dropout > 0:
            layers["drop2"] = nn.Dropout(dropout)
        taps = [*(f"conv{i}" for i in range(1, len(widths) + 1)), "dense"]
        super().__init__(layers, nn.Linear(hidden, classes), taps)


def _block(before: int, after: int, *, kernel: int, stride: int) -> nn.Module:
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())
