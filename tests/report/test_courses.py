import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pauca.report.courses import Course, courses, draw_goodness, draw_told
from pauca.report.estimates import COUNT, SHARE, estimate
from pauca.report.page import build_page
from pauca.report.view import Group, Series, read_study
from pauca.report.words import course_words
from pauca.store import Run, RunSpec
from tests.report.studies import Plan, study


def a_record(layer: int, epoch: int, repetition: int, *, labelled: bool = True) -> dict[str, Any]:
    found = {
        "layer": layer,
        "epoch": float(epoch),
        "steps": 4 * epoch,
        "loss": 1.0 / epoch,
        "goodness_positive": 3.0 + layer + 0.1 * epoch + 0.2 * repetition,
        "goodness_negative": 3.0 + layer - 0.1 * epoch,
        "separation": 1 - 0.4 / epoch,
        "dead_units": 2 * layer,
    }
    return {**found, "accuracy": 1 - 0.5 / epoch} if labelled else found


def series(label: str, histories: Sequence[Sequence[Mapping[str, Any]]]) -> Series:
    runs = [
        Run(RunSpec(f"{label}{r}", "model", {}), "done", ({"history": list(history)},))
        for r, history in enumerate(histories)
    ]
    return Series(label, label, tuple(enumerate(runs)))


def histories(*, labelled: bool = True, repetitions: int = 3) -> list[list[dict[str, Any]]]:
    return [
        [a_record(k, e, r, labelled=labelled) for k in (1, 2) for e in (1, 2, 3, 4)]
        for r in range(repetitions)
    ]


def a_group(*found: Series) -> Group:
    return Group("model", "digits", {}, found)


def a_course(*, labelled: bool = True) -> Course:
    (course,) = courses(a_group(series("ff", histories(labelled=labelled))))
    return course


def test_every_number_is_a_mean_over_repetitions_at_its_epoch() -> None:
    course = a_course()
    assert (course.label, course.repetitions, course.labelled) == ("ff", 3, True)
    assert [layer.layer for layer in course.layers] == [1, 2]
    for layer in course.layers:
        assert layer.epochs == (1.0, 2.0, 3.0, 4.0)
        for at, epoch in enumerate((1, 2, 3, 4)):
            held = [a_record(layer.layer, epoch, r) for r in range(3)]
            for name, key, within in (
                ("positive", "goodness_positive", COUNT),
                ("negative", "goodness_negative", COUNT),
                ("separation", "separation", SHARE),
                ("accuracy", "accuracy", SHARE),
                ("dead", "dead_units", COUNT),
            ):
                expected = estimate([float(record[key]) for record in held], within)
                assert getattr(layer, name)[at] == expected


def test_models_without_goodness_and_unfinished_ones_are_left_out() -> None:
    bare = series("backprop", [[{"epoch": 1, "loss": 0.5}]])
    pending = Series("bp-ff", "bp-ff", ((0, Run(RunSpec("x", "model", {}), "pending")),))
    found = courses(a_group(bare, series("ff", histories()), pending))
    assert [course.label for course in found] == ["ff"]


def test_without_labels_there_is_no_accuracy() -> None:
    course = a_course(labelled=False)
    assert not course.labelled
    assert math.isnan(course.layers[0].accuracy[0].mean)
    (words,) = course_words(course)
    assert "accuracy" not in words


def test_the_words_say_what_the_end_is() -> None:
    (words,) = course_words(a_course())
    assert "layer 1 goodness 4.60 and 3.60, separation 90.0\u202f%, accuracy 87.5\u202f%" in words
    assert "4 units silent" in words


def test_drawings_hold_two_lines_a_layer() -> None:
    for draw in (draw_goodness, draw_told):
        (axes,) = draw(a_course()).axes
        assert len(axes.lines) == 4
    (axes,) = draw_goodness(a_course()).axes
    drawn = np.asarray(axes.lines[0].get_ydata())
    assert drawn.tolist() == [e.mean for e in a_course().layers[0].positive]
    (axes,) = draw_told(a_course(labelled=False)).axes
    assert len(axes.lines) == 2


def test_the_page_shows_it_where_there_is_something_to_show() -> None:
    assert "Training of Forward-Forward layers" not in build_page(study(Plan(repetitions=2)))
    store = study(Plan(repetitions=1, learners=()), parts="")
    store.add([RunSpec("m", "model", {"learner": {"name": "ff"}, "repetition": 0})])
    store.claim("tester")
    record = {"round": 0, "labels": 10, "metrics": {"accuracy": 0.9}, "history": histories()[0]}
    store.append("m", "tester", {**record, "steps": 3, "seconds": {"train": 1.0}}, {})
    store.finish("m", "tester")
    assert read_study(store).groups
    page = build_page(store)
    assert "Training of Forward-Forward layers" in page
