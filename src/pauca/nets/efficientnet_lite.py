"""EfficientNet-Lite0: the net whose published weights the image encoder reads."""

from collections import OrderedDict
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["EfficientNetLite0"]

# repeats, kernel, stride of the first, expansion, channels in, channels out
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)
_EPSILON = 1e-3  # of the batch normalisation, as it was trained
_WIDTH = 1280


class _SameConv(nn.Conv2d):
    """A convolution without bias that pads as TensorFlow's SAME: the odd pixel right and below."""

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] -> [b, c', ceil(h / stride), ceil(w / stride)]."""
        around = []
        for side in (3, 2):
            k, s, n = self.kernel_size[side - 2], self.stride[side - 2], x.shape[side]
            missing = max(0, (-(-n // s) - 1) * s + k - n)
            around += [missing // 2, missing - missing // 2]
        return super().forward(F.pad(x, around) if any(around) else x)


def _conv(c: int, out: int, k: int, stride: int = 1, groups: int = 1) -> _SameConv:
    return _SameConv(c, out, k, stride, groups=groups, bias=False)


class _Block(nn.Module):
    """Inverted residual: expand, convolve each channel, project; ReLU6, no squeeze."""

    def __init__(self, c: int, out: int, k: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = c * expansion
        if expansion != 1:
            self._expand_conv = _conv(c, wide, 1)
            self._bn0 = nn.BatchNorm2d(wide, _EPSILON)
        self._depthwise_conv = _conv(wide, wide, k, stride, wide)
        self._bn1 = nn.BatchNorm2d(wide, _EPSILON)
        self._project_conv = _conv(wide, out, 1)
        self._bn2 = nn.BatchNorm2d(out, _EPSILON)
        self.expands, self.skips = expansion != 1, stride == 1 and c == out

    def forward(self, x: Tensor) -> Tensor:
        """[b, c, h, w] -> [b, out, h / stride, w / stride]."""
        h: Tensor = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        h = F.relu6(self._bn1(self._depthwise_conv(h)))
        h = self._bn2(self._project_conv(h))
        return x + h if self.skips else h


class EfficientNetLite0(nn.Module):
    """Images to the 1,280 averaged channels before the classes; modules named as in the weights.

    4.65 million weights with the classes' own, which are kept for a strict load and not used.

    Reference: Tan and Le, ICML 2019; the Lite variants (no squeeze-and-excitation, ReLU6, stem and
    head of fixed width) by R. Liu, 2020.
    """

    width = _WIDTH

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = _conv(3, 32, 3, 2)
        self._bn0 = nn.BatchNorm2d(32, _EPSILON)
        self._blocks = nn.ModuleList(
            _Block(out if i else c, out, k, 1 if i else stride, expansion)
            for repeats, k, stride, expansion, c, out in _STAGES
            for i in range(repeats)
        )
        self._conv_head = _conv(_STAGES[-1][-1], _WIDTH, 1)
        self._bn1 = nn.BatchNorm2d(_WIDTH, _EPSILON)
        self._fc = nn.Linear(_WIDTH, 1000)

    @classmethod
    def of(cls, weights: Mapping[str, Tensor]) -> "EfficientNetLite0":
        """The net with these weights, for evaluation: normalisation is folded into convolutions.

        Raises:
            RuntimeError: a weight is missing, one too many, or of another shape.
        """
        with torch.device("meta"):  # nothing is drawn
            net = cls()
        net.load_state_dict(OrderedDict(weights), strict=True, assign=True)
        net.eval().requires_grad_(False)
        _fold(net, ("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))
        for block in net._blocks:
            pairs = [("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2")]
            _fold(block, *pairs, *([("_expand_conv", "_bn0")] if block.expands else []))
        return net

    def forward(self, x: Tensor) -> Tensor:
        """Pixels (v - 127) / 128, float32 [b, 3, h, w] -> float32 [b, 1280]."""
        x = F.relu6(self._bn0(self._conv_stem(x)))
        for block in self._blocks:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))


def _fold(module: nn.Module, *pairs: tuple[str, str]) -> None:
    for conv, norm in pairs:
        folded = fuse_conv_bn_eval(getattr(module, conv), getattr(module, norm))
        setattr(module, conv, folded)
        setattr(module, norm, nn.Identity())
