import re

import matplotlib as mpl
import pytest

from pauca.report.style import figure, legend_below, looks, plain, styled, to_svg


def drawn(label: str = "margin", key: str = "k") -> str:
    with styled():
        drawing, axes = figure(4, 3)
        (line,) = axes.plot([0, 1], [0, 1], marker="o")
        axes.set_title(plain(label))
        legend_below(drawing, [line], [label])
    return to_svg(drawing, key, f"shows {label}")


def test_random_is_grey_and_the_others_differ_in_more_than_colour() -> None:
    names = [f"s{i}" for i in range(7)]
    found = looks(["random", *names])
    assert found["random"].colour == "#555555"
    assert len({found[n].colour for n in names}) == 7
    assert len({found[n].marker for n in names}) == 7
    many = [f"s{i}" for i in range(28)]
    assert len({(o.colour, o.marker) for o in looks(many).values()}) == 28


def test_random_is_known_by_name_whatever_its_label() -> None:
    assert looks(["random (x 1)"], ["random"])["random (x 1)"].colour == "#555555"


def test_the_drawing_is_an_svg_without_name_spaces_links_or_sizes() -> None:
    svg = drawn()
    assert svg.startswith("<svg")
    assert " width=" not in svg.partition(">")[0]
    for absent in ("http", "xmlns", "<style", "<metadata", "<!DOCTYPE"):
        assert absent not in svg
    assert 'role="img"' in svg
    assert 'aria-label="shows margin"' in svg
    assert ">margin<" in svg


def test_ids_are_prefixed_and_all_references_hold() -> None:
    svg = drawn(key="fig7")
    ids = re.findall(r'\bid="([^"]*)"', svg)
    assert ids
    assert len(ids) == len(set(ids))
    assert all(one.startswith("fig7-") for one in ids)
    refers = re.findall(r'(?:href="#|url\(#)([^")]*)', svg)
    assert refers
    assert set(refers) <= set(ids)


def test_drawing_twice_gives_the_same_text() -> None:
    assert drawn() == drawn()


@pytest.mark.parametrize(
    "label", ["$x_1$", "_hidden", "a<b>&c", 'id="x" url(#y)', "日本語", "\x00x"]
)
def test_any_name_can_be_drawn(label: str) -> None:
    svg = drawn(label)
    assert "<b>" not in svg
    assert "\x00" not in svg
    if label == 'id="x" url(#y)':
        assert '>id="x" url(#y)<' in svg


def test_matplotlibs_own_settings_stay_as_they_were() -> None:
    before = dict(mpl.rcParams)
    drawn()
    assert dict(mpl.rcParams) == before


def test_a_users_settings_do_not_change_the_picture() -> None:
    expected = drawn()
    with mpl.rc_context({"lines.linewidth": 9, "font.size": 30}):
        assert drawn() == expected
