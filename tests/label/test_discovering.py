"""New classes among what was set aside: planted ones are found, and nothing unseen is labelled."""

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score

from pauca.errors import InputError
from pauca.label import Discovered, Project, discovering, export
from tests.label.helpers import clusters, npz, project
from tests.test_cli import Run, cli

__all__ = ["cli"]  # a fixture

N, C = 160, 4
"""Items and clusters; the first two clusters are classes that were asked for."""
FLAGGED = [item for item in range(120) if item % C > 1]


@contextmanager
def set_aside(folder: Path, **settings: Any) -> Iterator[Project]:
    """120 items answered by anna: ants and bees by name, items of two other clusters as unfit."""
    with project(folder, n=N, c=C, classes=("ant", "bee"), **settings) as made:
        for item in range(120):
            if item % C < 2:
                made.answer("anna", item, item % C)
            else:
                made.answer("anna", item, action="flag")
        yield made


def numbers(found: Discovered) -> dict[int, int]:
    """Number of the proposal for each cluster, which has to be of one kind."""
    told = {}
    for each in found.proposals:
        (cluster,) = {item % C for item in each.items}
        told[cluster] = each.number
    return told


@pytest.mark.parametrize(
    ("learner", "by"),
    [
        (None, "the features"),
        ({"name": "probe"}, "what probe-1 makes of them (rows)"),
        ({"name": "probe", "head": "mlp", "steps": 60}, "what probe-1 makes of them (layer1)"),
    ],
)
def test_planted_classes_are_found_accepted_and_learned(
    tmp_path: Path, learner: dict[str, Any] | None, by: str
) -> None:
    with set_aside(tmp_path, learner=learner) as made:
        if learner is not None:
            made.train(assessed=False)
        found = made.discover()
        assert (found.flagged, found.compared, found.by) == (60, 60, by)
        assert sorted(item for each in found.proposals for item in each.items) == FLAGGED
        groups = {item: each.number for each in found.proposals for item in each.items}
        planted = [item % C for item in FLAGGED]
        assert adjusted_rand_score(planted, [groups[item] for item in FLAGGED]) == 1
        for each in found.proposals:
            assert each.keys == tuple(map(str, each.items))
            assert len(each.exemplars) == 5
            assert set(each.exemplars) <= set(each.keys)
        told = numbers(found)
        done = made.accept("anna", {told[2]: "cow", told[3]: " dog "}, seen=found.seen)
        assert (done.labelled, done.added) == ({"cow": 30, "dog": 30}, ("cow", "dog"))
        assert (done.flagged, done.left) == ((), 0)
        assert made.classes.names == ("ant", "bee", "cow", "dog")
        assert not made.labels.flagged
        assert dict(zip(made.labels.item.tolist(), made.labels.cls.tolist(), strict=True)) == {
            item: item % C for item in range(120)
        }
        made.train(assessed=False)
        predicted = made.suggestions(range(120, N))
        assert {item: cls for item, (cls, _) in predicted.items()} == {
            item: item % C for item in range(120, N)
        }
        export(made, tmp_path / "out.csv", "csv")
    with (tmp_path / "out.csv").open() as file:
        rows = {int(row["id"]): row["label"] for row in csv.DictReader(file)}
    assert rows == {item: ("ant", "bee", "cow", "dog")[item % C] for item in range(120)}


def test_every_layer_counts_the_same(tmp_path: Path) -> None:
    """As SciPy groups what the layers say, each row of each of length 1, side by side."""
    learner = {"name": "forward-forward", "widths": [24, 16], "steps": 40, "batch": 32}
    with set_aside(tmp_path, learner=learner) as made:
        made.train(assessed=False)
        model = made.model
        assert model is not None
        layers = [
            h.numpy().astype(np.float64)
            for h in model.learner.activations(made.features[FLAGGED]).values()
        ]
        rows = np.hstack([h / np.linalg.norm(h, axis=1, keepdims=True) for h in layers])
        found = made.discover()
        assert found.by == "what forward-forward-1 makes of them (layer1, layer2)"
        assert len(found.proposals) > 1
        for each in found.proposals:
            own = rows[[FLAGGED.index(item) for item in each.items]] / len(layers) ** 0.5
            cosines = own @ own.mean(0) / np.linalg.norm(own.mean(0))
            assert each.cohesion == pytest.approx(cosines.mean(), abs=1e-6)
        tree = linkage(pdist(rows, "cosine"), "average")
        right = fcluster(tree, len(found.proposals), "maxclust")
        of = {item: each.number for each in found.proposals for item in each.items}
        kept = [at for at, item in enumerate(FLAGGED) if item in of]
        assert adjusted_rand_score(right[kept], [of[FLAGGED[at]] for at in kept]) == 1


def test_numbers_said_of_a_group_are_those_of_numpy(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        x = made.features.numpy().astype(np.float64)
        found = made.discover(exemplars=3)
        for each in found.proposals:
            rows = np.array([x[item] / np.linalg.norm(x[item]) for item in each.items])
            cosines = rows @ rows.mean(0) / np.linalg.norm(rows.mean(0))
            assert each.cohesion == pytest.approx(cosines.mean())
            nearest = sorted(range(each.size), key=lambda i: -cosines[i])[:3]
            assert each.exemplars == tuple(each.keys[i] for i in nearest)
            assert each.separation is not None
            assert 0.3 < each.separation <= 1


def test_looking_changes_nothing_and_says_the_same_again(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        before = (made.answers(), made.classes.names, made.trainings(), made.asked_for(range(N)))
        assert made.discover() == made.discover()
        after = (made.answers(), made.classes.names, made.trainings(), made.asked_for(range(N)))
        assert after == before


def test_another_process_says_the_same(tmp_path: Path) -> None:
    told = (
        "import json, sys; from pauca.label import Project\n"
        "with Project.open(sys.argv[1]) as p: print(json.dumps(p.discover().plain()))"
    )
    with set_aside(tmp_path, learner={"name": "probe", "head": "mlp", "steps": 30}) as made:
        made.train(assessed=False)
        here = made.discover().plain()
        place = str(made.folder)
    out = subprocess.run(
        [sys.executable, "-c", told, place], capture_output=True, text=True, check=True
    ).stdout
    assert json.loads(out) == here


def test_flags_of_others_stand(tmp_path: Path) -> None:
    """Anna's label is kept; what bob has flagged stays set aside until he answers otherwise."""
    with set_aside(tmp_path) as made:
        for item in (2, 6, 10, 3):
            made.answer("bob", item, action="flag")
        made.answer("bob", 124 + 2, action="flag")  # bob alone
        found = made.discover()
        assert found.flagged == 61
        number = numbers(found)[2]
        done = made.accept("anna", {number: "cow"}, seen=found.seen)
        assert (done.labelled, done.flagged) == ({"cow": 31}, (2, 6, 10, 126))
        assert made.labels.flagged == {2, 6, 10, 126, *(i for i in FLAGGED if i % C == 3)}
        assert not {2, 6, 10, 126} & set(made.labels.item.tolist())
        standing = {(each.person, each.item): each.action for each in made.answers()}
        assert {standing["bob", item] for item in (2, 6, 10, 126)} == {"flag"}
        assert {standing["anna", item] for item in (2, 6, 10, 126)} == {"label"}
        made.answer("bob", 2, made.classes.find("cow"))
        assert 2 in made.labels.item
        # what bob still sets aside is proposed again, and he may accept it
        again = made.discover()
        assert again.flagged == 33
        made.accept("bob", {n: f"kind{n}" for n in numbers(again).values()}, seen=again.seen)
        assert {6, 10, 126} <= set(made.labels.item.tolist())


def test_an_acceptance_is_one_act_and_one_undo(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        before = made.answers()
        found = made.discover()
        done = made.accept("anna", {1: "cow", 2: "dog"}, seen=found.seen)
        assert len({event.act for event in done.answer.events}) == 1
        assert len(done.answer.items) == 60
        back = made.undo("anna")
        assert sorted(back.items) == FLAGGED
        assert made.labels.flagged == set(FLAGGED)
        assert made.answers() == before
        assert made.classes.names == ("ant", "bee", "cow", "dog")  # classes stay
        assert made.discover() == found


def test_names_that_are_there_or_alike(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        found = made.discover()
        done = made.accept("anna", {1: "bee", 2: "bee"}, seen=found.seen)
        assert (done.labelled, done.added) == ({"bee": 60}, ())
        made.undo("anna")
        done = made.accept("anna", {1: "cow", 2: "cow"}, seen=found.seen)
        assert (done.labelled, done.added) == ({"cow": 60}, ("cow",))


def test_a_part_of_a_group(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        found = made.discover()
        first, *rest = found.proposals[0].items
        done = made.accept("anna", {1: "cow"}, seen=found.seen, without=[first])
        assert (done.labelled, done.left) == ({"cow": 29}, 1)
        assert first in made.labels.flagged
        assert not set(rest) & made.labels.flagged
        made.undo("anna")
        done = made.accept("anna", {1: "cow"}, seen=found.seen, only=rest[:4], without=rest[:1])
        assert (sorted(done.answer.items), done.left) == (sorted(rest[1:4]), 27)


def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        found = made.discover()
        own, other = found.proposals[0].items, found.proposals[1].items
        before = made.answers()
        cases: tuple[tuple[dict[int, str], dict[str, Any], str], ...] = (
            ({3: "cow"}, {}, "there is no such proposal; expected: 1 to 2; got: 3"),
            ({0: "cow"}, {}, "there is no such proposal"),
            ({True: "cow"}, {}, "there is no such proposal"),
            ({}, {}, "no proposal is accepted"),
            ({1: ""}, {}, "no name of a class"),
            ({1: "cow", 2: "c\x07w"}, {}, "no name of a class"),
            ({1: "cow"}, {"without": other[:1]}, "belongs to none of the accepted groups"),
            ({1: "cow"}, {"only": other}, "belongs to none of the accepted groups"),
            ({1: "cow"}, {"only": []}, "nothing is left to label"),
            ({1: "cow"}, {"without": own}, "nothing is left to label"),
            ({1: "cow"}, {"seen": "0"}, "not those of now"),
        )
        for names, more, said in cases:
            with pytest.raises(InputError, match=said):
                made.accept("anna", names, **{"seen": found.seen, **more})
        with pytest.raises(InputError, match="no name of a person"):
            made.accept(" ", {1: "cow"}, seen=found.seen)
        assert (made.answers(), made.classes.names) == (before, ("ant", "bee"))


def test_proposals_of_another_state_are_refused(tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        seen = made.discover().seen
        made.answer("anna", 122, action="flag")  # one more
        with pytest.raises(InputError, match="not those of now"):
            made.accept("anna", {1: "cow"}, seen=seen)
        made.undo("anna")
        made.answer("bob", 2, action="flag")  # the same items as before: what was seen
        assert made.discover().seen == seen
        made.accept("anna", {1: "cow"}, seen=seen)
        with pytest.raises(InputError, match="not those of now"):
            made.accept("anna", {1: "cow"}, seen=seen)


def test_an_answer_between_the_look_and_the_act_is_not_overridden(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody labels an item after the groups were checked, before they are written."""
    with set_aside(tmp_path) as made, Project.open(made.folder) as other:
        found = made.discover()
        item = found.proposals[0].items[0]
        chosen = discovering._chosen

        def late(*given: Any) -> dict[int, str]:
            other.answer("anna", item, 1)
            return chosen(*given)

        monkeypatch.setattr(discovering, "_chosen", late)
        with pytest.raises(InputError, match=f"1 that are not, such as number {item}"):
            made.accept("anna", {1: "cow"}, seen=found.seen)
        assert made.classes.names == ("ant", "bee")
        assert made.labels.flagged == set(FLAGGED) - {item}


def test_too_few(tmp_path: Path) -> None:
    with project(tmp_path, n=N, c=C, classes=("ant", "bee")) as made:
        with pytest.raises(InputError, match="expected: at least 1; got: 0"):
            made.discover(least=1)
        for item in FLAGGED[:19]:
            made.answer("anna", item, action="flag")
        with pytest.raises(InputError, match="expected: at least 20; got: 19"):
            made.discover()
        found = made.discover(least=19)
        assert sum(each.size for each in found.proposals) == 19
        made.accept("anna", dict.fromkeys(numbers(found).values(), "cow"), seen=found.seen)
        with pytest.raises(InputError, match="not those of now"):  # nothing is set aside any more
            made.accept("anna", {1: "cow"}, seen=found.seen)
        for wrong in ({"least": 0}, {"exemplars": 0}):
            with pytest.raises(InputError, match="out of range"):
                made.discover(**wrong)


def test_fewer_than_a_group(tmp_path: Path) -> None:
    with project(tmp_path, n=N, c=C, classes=("ant", "bee")) as made:
        made.answer("anna", 2, action="flag")
        made.answer("anna", 6, action="flag")
        found = made.discover(least=1)
        assert found.proposals == ()
        with pytest.raises(InputError, match="none: no group was found"):
            made.accept("anna", {1: "cow"}, seen=found.seen)


def test_one_group_has_nothing_to_be_apart_from(tmp_path: Path) -> None:
    x, _ = clusters(60)
    x[:30] = x[0]
    with Project.create(npz(tmp_path / "e.npz", x=x), tmp_path / "p", classes=("a", "b")) as made:
        for item in range(30):
            made.answer("anna", item, action="flag")
        (only,) = made.discover().proposals
        assert (only.size, only.separation) == (30, None)
        json.dumps(made.discover().plain(), allow_nan=False)


def test_of_very_many_a_part_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovering, "MOST", 24)
    with set_aside(tmp_path) as made:
        found = made.discover()
        assert (found.flagged, found.compared) == (60, 24)
        assert sum(each.size for each in found.proposals) == 24
        told = numbers(found)
        made.accept("anna", {told[2]: "cow", told[3]: "dog"}, seen=found.seen)
        assert len(made.labels.flagged) == 36
        assert not made.labels.flagged & {i for each in found.proposals for i in each.items}


def test_as_it_is_typed(cli: Run, tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        made.answer("bob", 2, action="flag")
        place = made.folder
    code, out, err = cli("label", "discover", place, "--exemplars", 2)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == ("60 items are set aside; 2 groups of them may be classes, by the features")
    told = json.loads(cli("label", "discover", place, "--exemplars", 2, "--json")[1])
    shown = []
    for each in told["proposals"]:
        assert each["size"] == len(each["keys"]) == 30
        shown += [
            f"{each['number']}: 30 items, alike {each['cohesion']:.2f}, "
            f"apart from the others {each['separation']:.2f}",
            *(f"   {key}" for key in each["exemplars"]),
        ]
    assert lines[1:7] == shown
    seen = told["seen"]
    assert lines[-1] == (
        f"accept one: pauca label discover {place} --accept 1=NAME --person YOU --seen {seen}"
    )
    (cows,) = (each for each in told["proposals"] if each["items"][0] % C == 2)
    dogs = 3 - cows["number"]
    leave = cows["keys"][-3:]
    code, out, err = cli(
        "label", "discover", place, "--accept", f"{cows['number']}=cow", "--person", "anna",
        "--seen", seen, "--without", ",".join(leave[:2]), "--without", leave[2],
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "27 items: cow (new)",
        "left out: 3 items",
        "still set aside: 1 of these items, which others flagged too",
        f"learn it: pauca label train {place}",
    ]
    told = json.loads(cli("label", "discover", place, "--json")[1])
    assert told["flagged"] == 34
    code, out, _ = cli(
        "label", "discover", place, "--accept", f"{dogs}=dog", "--person", "anna",
        "--seen", seen,
    )  # fmt: skip
    assert (code, out) == (2, "")  # the first acceptance changed the groups
    (dog,) = (each for each in told["proposals"] if each["items"][0] % C == 3)
    code, out, _ = cli(
        "label", "discover", place, "--accept", f"{dog['number']}=dog", "--person", "anna",
        "--seen", told["seen"], "--only", ",".join(dog["keys"][:20]), "--json",
    )  # fmt: skip
    assert (code, json.loads(out)) == (
        0,
        {"labelled": {"dog": 20}, "added": ["dog"], "flagged": [], "left": 10},
    )
    assert cli("label", "train", place)[0] == 0
    balance = json.loads(cli("label", "status", place, "--json")[1])["balance"]
    assert balance == {"ant": 30, "bee": 30, "cow": 26, "dog": 20}


def test_wrong_usage_is_told_and_ends_with_two(cli: Run, tmp_path: Path) -> None:
    with set_aside(tmp_path) as made:
        place, found = made.folder, made.discover()
        before = made.answers()
    accept = ("--accept", "1=cow", "--person", "anna", "--seen", found.seen)
    for words, said in (
        (("--least", 61), "expected: at least 61 got: 60"),
        (("--accept", "cow", *accept[2:]), "this names no proposal"),
        (("--accept", "1=", *accept[2:]), "this names no proposal"),
        (("--accept", "-1=cow", *accept[2:]), "this names no proposal"),
        (("--accept", "1=dog", *accept), "this names no proposal"),
        (("--accept", "7=cow", *accept[2:]), "there is no such proposal"),
        (accept[:4], "--seen with the code"),
        ((*accept[:2], *accept[4:]), "who accepts what is not said"),
        ((*accept[:5], "abc"), "not those of now"),
        ((*accept, "--without", "none"), "there is no item with this id"),
        ((*accept, "--only", "0"), "belongs to none of the accepted groups"),
        (("--person", "anna"), "--person goes with --accept"),
        (("--without", "2"), "--without goes with --accept"),
    ):
        code, out, err = cli("label", "discover", place, *words)
        assert (code, out) == (2, ""), words
        assert said in " ".join(err.split()), err
    with Project.open(place) as made:
        assert (made.answers(), made.classes.names) == (before, ("ant", "bee"))


def test_an_id_with_a_comma_is_one_id(cli: Run, tmp_path: Path) -> None:
    """And of texts their beginning is shown, on one line and without control characters."""
    rows = [
        {"id": f"m,{i}", "text": f"{'red' if i % 2 else 'blue'} word\n\x1b[2J"} for i in range(8)
    ]
    data = tmp_path / "m.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with Project.create(data, tmp_path / "p", classes=("a", "b")) as made:
        for item in range(8):
            made.answer("anna", item, action="flag")
        found = made.discover(least=8)
    code, out, _ = cli("label", "discover", tmp_path / "p", "--least", 8, "--exemplars", 1)
    assert code == 0
    assert "   m,0: blue word [2J" in out.splitlines()
    code, out, err = cli(
        "label", "discover", tmp_path / "p", "--accept", "1=c", "--person", "anna",
        "--seen", found.seen, "--without", found.proposals[0].keys[0],
    )  # fmt: skip
    assert (code, err, out.splitlines()[:2]) == (0, "", ["3 items: c (new)", "left out: 1 items"])


def test_clusters_are_apart() -> None:
    """What the tests above rest on: rows are nearest to their own cluster's mean direction."""
    x, y = clusters(N, c=C)
    x = (x - x.mean(0)) / x.std(0)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    means = np.stack([x[y == k].mean(0) for k in range(C)])
    assert ((x @ means.T).argmax(1) == y).all()
