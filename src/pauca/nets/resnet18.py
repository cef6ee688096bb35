"""ResNet-18, with the entries used for small images."""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor, nn

from pauca.nets.base import AbstractNet, check_image_shape, nets

__all__ = ["ResNet18"]

_LEAST = {"small": 8, "large": 32, "mnist": 28}


@nets.register("resnet18")
class ResNet18(AbstractNet):
    """Four stages of two residual blocks, global average, linear head.

    Args:
        shape: (channels, height, width).
        classes: How many.
        stem: ``small``: one 3x3 convolution, no max-pool, for images of 32 (or 64) pixels.
            ``large``: the 7x7 convolution of stride 2 and the max-pool of the original.
            ``mnist``: a 1x1 convolution to three channels in front of ``large``; DeepAL+'s own
            choice for grey images of 28 pixels (Zhan et al. 2022), kept to compare with it.
        width: Channels of the first stage; 64 is the original.
        dropout: Rate before the head; 0 leaves dropout out.
    """

    name = "resnet18"
    summary = "residual net of 18 layers, with a 3x3 entry for 32 pixels"
    reference = "He, Zhang, Ren and Sun, CVPR 2016"

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        classes: int,
        stem: Literal["small", "large", "mnist"] = "small",
        width: Annotated[int, Field(ge=1)] = 64,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    ) -> None:
        channels, _, _ = check_image_shape(shape, self.name, _LEAST[stem])
        layers: dict[str, nn.Module] = {"entry": _entry(stem, channels, width)}
        before = width
        for i in range(4):
            after = width * 2**i
            layers[f"stage{i + 1}"] = nn.Sequential(
                _Block(before, after, stride=1 if i == 0 else 2), _Block(after, after, stride=1)
            )
            before = after
        layers["pool"] = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        if dropout > 0:
            layers["drop"] = nn.Dropout(dropout)
        taps = ("entry", "stage1", "stage2", "stage3", "stage4", "pool")
        super().__init__(layers, nn.Linear(before, classes), taps)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")


class _Block(nn.Module):
    """relu(F(x) + x), F two 3x3 convolutions; a 1x1 convolution of x where sizes differ."""

    def __init__(self, before: int, after: int, *, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            _convolution(before, after, 3, stride), nn.ReLU(), _convolution(after, after, 3, 1)
        )
        same = before == after and stride == 1
        self.shortcut = nn.Identity() if same else _convolution(before, after, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[b, channels, h, w] -> [b, channels', h / stride, w / stride]."""
        out: Tensor = (self.branch(x) + self.shortcut(x)).relu()
        return out


def _convolution(before: int, after: int, kernel: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, kernel, stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after))


def _entry(stem: str, channels: int, width: int) -> nn.Module:
    if stem == "small":
        return nn.Sequential(_convolution(channels, width, 3, 1), nn.ReLU())
    front: list[nn.Module] = []
    if stem == "mnist":
        front, channels = [nn.Conv2d(channels, 3, 1)], 3
    pool = nn.MaxPool2d(3, stride=2, padding=1)
    return nn.Sequential(*front, _convolution(channels, width, 7, 2), nn.ReLU(), pool)
