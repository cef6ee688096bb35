"""The code of the sections on inhibition, lesions and unseen categories runs as it stands."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pauca.rng import generator_from
from tests.analysis.models import made
from tests.analysis.test_unseen import detector, items, seen
from tests.learners.test_forward_forward import some, trained

PAGE = (Path(__file__).parents[2] / "docs" / "emergence.md").read_text(encoding="utf-8")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv2, self.hidden, self.head = nn.Conv2d(1, 5, 3), nn.Linear(5, 12), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.hidden(self.conv2(x).amax((2, 3))).relu())
        return out


def sets(u: int, seed: int) -> Tensor:
    return torch.rand(4, u, generator=generator_from(seed)) < 0.3


def inhibition() -> dict[str, Any]:
    learner, (x, y) = trained("forward-forward"), some(40)
    return {
        "learner": learner,
        "x": x,
        "y": y,
        "members_of_layer1": sets(24, 0),
        "members_of_layer2": sets(16, 1),
    }


def lesions() -> dict[str, Any]:
    x = torch.randn(40, 1, 6, 6, generator=generator_from(2))
    y = torch.arange(40) % 4
    return {"model": made(Net), "x": x, "y": y, "members": sets(12, 0), "mask": sets(12, 1)[0]}


def unseen() -> dict[str, Any]:
    x, y = seen(40)
    return {
        "detector": detector,
        "activity_seen": x,
        "y_seen": y,
        "activity_new": items(4, 16, 9),
        "activity_noise": items(None, 16, 10),
        "activity": x,
        "pixels": x.flip(1),
        "y": y,
    }


@pytest.mark.parametrize(
    ("title", "scope"),
    [
        ("Excitation and inhibition", inhibition),
        ("What breaks when an ensemble is silenced", lesions),
        ("Categories never seen", unseen),
    ],
)
def test_the_code_of_a_section_runs(title: str, scope: Any) -> None:
    _, _, rest = PAGE.partition(f"\n## {title}\n")
    blocks = re.findall(r"```python\n(.*?)```", rest.partition("\n## ")[0], flags=re.DOTALL)
    assert blocks
    given = {**scope(), "generator": generator_from(0)}
    for block in blocks:
        exec(compile(block, "emergence.md", "exec"), given)
