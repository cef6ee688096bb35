import torch

from pauca.outputs import Outputs
from pauca.rng import generator_from
from pauca.strategies import make_strategy


def test_every_item_is_equally_likely_whatever_the_model_says() -> None:
    probs = torch.eye(5).unsqueeze(0)
    pool = Outputs(ids=torch.tensor([3, 1, 4, 9, 7]), probs=probs)
    counts = dict.fromkeys(pool.ids.tolist(), 0)
    g = generator_from(0)
    strategy = make_strategy("random")
    for _ in range(1000):
        for i in strategy.select(pool, None, 2, g).tolist():
            counts[i] += 1
    # 2 of 5 are chosen 1000 times: mean 400, sd 15.5
    assert all(abs(count - 400) < 4 * 15.5 for count in counts.values())


def test_different_seeds_ask_for_different_items() -> None:
    pool = Outputs(ids=torch.arange(100), probs=torch.ones(1, 100, 1))
    found = {
        tuple(make_strategy("random").select(pool, None, 5, generator_from(seed)).tolist())
        for seed in range(10)
    }
    assert len(found) == 10
