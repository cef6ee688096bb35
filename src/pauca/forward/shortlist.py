"""Deeper layers for the best labels of the first layer alone: an approximation, never the default.

The first layer's answer to all labels costs one product an item, every deeper layer one product a
label. Where only m of c labels are carried on, l layers of equal width cost 1 + m (l - 1) units
instead of 1 + c (l - 1).
"""

import torch
from torch import Tensor

from pauca.checks import check_count
from pauca.forward.net import ForwardNet
from pauca.forward.readout import AbstractGoodnessReadout

__all__ = ["agreement", "shortlist_goodness"]


@torch.no_grad()
def shortlist_goodness(net: ForwardNet, x: Tensor, best: int) -> Tensor:
    """Goodness of every label, deeper layers' for the ``best`` labels of the first layer alone.

    In a deeper layer every other label of an item has the lowest goodness among those looked at.

    Args:
        net: Who answers.
        x: Flattened items, float [b, d_item].
        best: m, at least 1; c and more is exact.

    Returns:
        float [b, c, l].
    """
    c = net.code.classes
    m = min(check_count(best, "length of the shortlist", least=1), c)
    prepared = net.prepare(x)
    first = net.first_goodness(prepared).T  # [c, b]
    chosen = first.topk(m, dim=0).indices  # [m, b]
    found = [first]
    for number, goodness in enumerate(net.goodness_of_rows(prepared, chosen)):
        if number > 0:
            lowest = goodness.amin(0, keepdim=True).expand(c, -1)
            found.append(lowest.scatter(0, chosen, goodness))
    return torch.stack(found, dim=-1).transpose(0, 1)


def agreement(net: ForwardNet, x: Tensor, readout: AbstractGoodnessReadout, best: int) -> float:
    """Part of the items that a shortlist decides as the exact rule does, in [0, 1].

    Args:
        net: Who answers.
        x: Flattened items, float [b, d_item], b >= 1; gone through block by block.
        readout: How a label is decided.
        best: m, at least 1.
    """
    same = 0
    for block in torch.split(x, net.block(net.code.classes)):
        exact = readout.scores(net.label_goodness(block)).argmax(1)
        short = readout.scores(shortlist_goodness(net, block, best)).argmax(1)
        same += int((exact == short).sum())
    return same / len(x)
