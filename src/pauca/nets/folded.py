"""The same net at less cost where it is only evaluated: for many passes, forward and backward."""

from copy import deepcopy
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

__all__ = ["folded"]

_FEW = 8


def folded(net: nn.Module) -> nn.Module:
    """A copy with the same logits and input gradients, up to rounding, in evaluation mode.

    Its parameters want no gradient; each BatchNorm is folded into the convolution right before it
    in a Sequential; a strided convolution of few channels (the first layer of an image net), whose
    gradient is slow on CPUs, becomes a convolution of stride 1 on s x s pixels stacked as channels.
    """
    copy = deepcopy(net).eval().requires_grad_(False)
    for row in [part for part in copy.modules() if type(part) is nn.Sequential]:
        _fold_norms(row)
    for whole in list(copy.modules()):
        for name, part in whole.named_children():
            if _strided_on_few(part):
                setattr(whole, name, _Stacked(part))
    device = next((p.device for p in copy.parameters()), torch.device("cpu"))
    if device.type == "cpu":
        for weight in copy.parameters():
            if weight.ndim == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    return copy


def _fold_norms(row: nn.Sequential) -> None:
    """Conv2d, BatchNorm2d -> one Conv2d, Identity."""
    for i in range(len(row) - 1):
        before, after = row[i], row[i + 1]
        if not (isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)):
            continue
        if after.running_mean is not None:
            row[i], row[i + 1] = fuse_conv_bn_eval(before, after), nn.Identity()


def _strided_on_few(part: nn.Module) -> TypeGuard[nn.Conv2d]:
    return (
        type(part) is nn.Conv2d
        and part.in_channels < _FEW
        and part.stride[0] == part.stride[1] > 1
        and part.groups == 1
        and part.dilation == (1, 1)
        and part.padding_mode == "zeros"
        and not isinstance(part.padding, str)
    )


class _Stacked(nn.Module):
    """A convolution of stride s as one of stride 1 on s x s pixels stacked as channels.

    out[o] = sum_i w[i] x[s o + i - p]; with i = s t + r, tap t reads stacked channel r at o + t.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.stride, self.kernel = conv.stride[0], conv.kernel_size
        self.padding = (int(conv.padding[0]), int(conv.padding[1]))
        s, (high, wide) = self.stride, conv.kernel_size
        # [o, i, k, l] -> [o, i, s t, s t'] -> [o, i s s, t, t']
        whole = F.pad(conv.weight, (0, -wide % s, 0, -high % s))
        self.weight = nn.Parameter(F.pixel_unshuffle(whole, s), requires_grad=False)
        self.bias = conv.bias

    def forward(self, x: Tensor) -> Tensor:
        """As the convolution, float [b, i, h, w] -> [b, o, h', w']."""
        s = self.stride
        sides = []
        for size, kernel, before, taps in zip(
            x.shape[2:], self.kernel, self.padding, self.weight.shape[2:], strict=True
        ):
            outputs = (size + 2 * before - kernel) // s + 1
            sides.append((before, s * (outputs - 1 + taps) - size - before))
        (top, bottom), (left, right) = sides
        if sides[0] == sides[1] and top == bottom and top % s == 0:
            # whole stacks of padding: cheaper after stacking
            return F.conv2d(F.pixel_unshuffle(x, s), self.weight, self.bias, padding=top // s)
        stacked = F.pixel_unshuffle(F.pad(x, (left, right, top, bottom)), s)
        return F.conv2d(stacked, self.weight, self.bias)
