import pytest
import torch

from pauca.errors import InputError
from pauca.forward import PlainSum, SoftmaxSum, agreement, shortlist_goodness
from tests.forward.plain import CLASSES, a_net, some_items


@pytest.mark.parametrize("best", [CLASSES, CLASSES + 5])
def test_a_shortlist_of_all_labels_is_exact(best: int) -> None:
    net, x = a_net(), some_items(20).x
    torch.testing.assert_close(shortlist_goodness(net, x, best), net.label_goodness(x))
    assert agreement(net, x, SoftmaxSum(), best) == 1


def test_labels_on_the_list_have_their_goodness_and_others_the_lowest_of_the_layer() -> None:
    net, x = a_net(), some_items(20).x
    exact, short = net.label_goodness(x), shortlist_goodness(net, x, 2)
    torch.testing.assert_close(short[..., 0], exact[..., 0])
    for item in range(20):
        best = exact[item, :, 0].topk(2).indices
        for layer in (1, 2):
            torch.testing.assert_close(short[item, best, layer], exact[item, best, layer])
            others = [k for k in range(CLASSES) if k not in best.tolist()]
            lowest = exact[item, best, layer].min().expand(len(others))
            torch.testing.assert_close(short[item, others, layer], lowest)


def test_a_shortlist_of_one_decides_as_the_first_layer() -> None:
    net, x = a_net(), some_items(50).x
    exact = net.label_goodness(x)
    short = PlainSum().scores(shortlist_goodness(net, x, 1)).argmax(1)
    assert torch.equal(short, exact[..., 0].argmax(1))
    same = (PlainSum().scores(exact).argmax(1) == short).double().mean()
    assert agreement(net, x, PlainSum(), 1) == pytest.approx(float(same))


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(InputError):
        shortlist_goodness(a_net(), some_items(3).x, 0)
