import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import pytest

from pauca.errors import InputError, UnknownNameError, UsageError
from pauca.registry import Registry
from pauca.strategies import make_strategy, strategies

PLUGIN = """
from {package} import things

@things.register("{name}")
class Thing:
    def __init__(self, size: int = 3):
        self.size = size
"""


@pytest.fixture(name="package")
def _package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = f"things_{tmp_path.name}".replace("-", "_")
    folder = tmp_path / name
    (folder / "deep").mkdir(parents=True)
    header = "from pauca.registry import Registry\n"
    (folder / "__init__.py").write_text(
        f"{header}things = Registry('thing', '{name}', 'things-{name}', frozenset({{'task'}}))\n"
    )
    (folder / "deep" / "__init__.py").write_text("")
    (folder / "one.py").write_text(PLUGIN.format(package=name, name="one"))
    (folder / "deep" / "two.py").write_text(PLUGIN.format(package=name, name="two"))
    (folder / "_private.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def registry_of(package: str) -> Registry[Any]:
    __import__(package)
    found = sys.modules[package].things
    assert isinstance(found, Registry)
    return found


def test_every_module_of_the_package_is_found_by_itself(package: str) -> None:
    things = registry_of(package)
    assert f"{package}.one" not in sys.modules
    assert things.names() == ("one", "two")
    assert things.make("one", {"size": 5}).size == 5


def test_packages_from_outside_register_through_entry_points(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = registry_of(package)
    groups: list[str] = []

    class Point:
        def load(self) -> None:
            things.register("outside")(dict)

    def entry_points(*, group: str) -> list[Point]:
        groups.append(group)
        return [Point()]

    monkeypatch.setattr("pauca.registry.entry_points", entry_points)
    assert "outside" in things.names()
    assert groups == [f"pauca.things-{package}"]
    assert callable(metadata.entry_points)


class Maker:
    def __init__(  # type: ignore[no-untyped-def]
        self,
        rate: float,
        steps: int = 10,
        mode: Literal["a", "b"] = "a",
        sizes: tuple[int, ...] = (1, 2),
        untyped=None,
        *,
        task: str = "none",
    ) -> None:
        self.all = (rate, steps, mode, sizes, untyped, task)


@pytest.fixture(name="makers")
def _makers() -> Registry[Maker]:
    found: Registry[Maker] = Registry("maker", "pauca.select", "none", frozenset({"task"}))
    found.register("maker")(Maker)
    return found


def test_settings_are_resolved_with_their_defaults(makers: Registry[Maker]) -> None:
    assert makers.resolve("maker", {"rate": 1}) == {
        "rate": 1.0,
        "steps": 10,
        "mode": "a",
        "sizes": (1, 2),
        "untyped": None,
    }
    assert makers.resolve("maker", {"rate": 1, "sizes": [4]})["sizes"] == (4,)


def test_what_is_resolved_makes_the_same_again(makers: Registry[Maker]) -> None:
    settings = makers.resolve("maker", {"rate": 0.5, "mode": "b"})
    assert makers.resolve("maker", settings) == settings
    made = makers.make("maker", settings, task="mnist")
    assert made.all == (0.5, 10, "b", (1, 2), None, "mnist")


def test_the_context_is_no_setting(makers: Registry[Maker]) -> None:
    with pytest.raises(UnknownNameError, match="unknown setting of maker 'maker' 'task'"):
        makers.resolve("maker", {"rate": 1, "task": "mnist"})


def test_an_unknown_setting_names_the_nearest(makers: Registry[Maker]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'steps'"):
        makers.resolve("maker", {"rate": 1, "step": 5})


def test_a_missing_setting_is_named(makers: Registry[Maker]) -> None:
    with pytest.raises(UsageError, match=r"missing.*'rate'"):
        makers.resolve("maker", {})


@pytest.mark.parametrize(
    ("params", "where"),
    [
        ({"rate": "fast"}, "rate"),
        ({"rate": 1, "steps": 1.5}, "steps"),
        ({"rate": 1, "mode": "c"}, "mode"),
        ({"rate": 1, "sizes": ["x"]}, "sizes"),
        ({"rate": 1, "steps": "5"}, "steps"),
        ({"rate": "1"}, "rate"),
        ({"rate": True}, "rate"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_by_name(
    makers: Registry[Maker], params: dict[str, Any], where: str
) -> None:
    with pytest.raises(UsageError, match=f"'{where}'"):
        makers.make("maker", params)


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown strategy 'margins'.*'margin'"):
        strategies.get("margins")
    with pytest.raises(UnknownNameError, match="setting of strategy 'margin' 'k'"):
        make_strategy("margin", k=3)


def test_two_things_may_not_claim_one_name(makers: Registry[Maker]) -> None:
    makers.register("maker")(Maker)
    with pytest.raises(InputError, match="two things claim the maker name 'maker'"):
        makers.register("maker")(dict)


@pytest.mark.parametrize(
    ("module", "registry", "name"),
    [
        ("pauca.learners", "learners", "probe"),
        ("pauca.strategies", "strategies", "margin"),
        ("pauca.data", "datasets", "digits"),
    ],
)
def test_many_threads_may_ask_first(module: str, registry: str, name: str) -> None:
    command = [sys.executable, "-m", "tests.first_use", module, registry, name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    threads, *answers = done.stdout.split("\n")[:-1]
    assert threads == "16"
    assert len(answers) == 1, answers
    assert not answers[0].startswith("unknown")


def test_a_package_from_outside_that_is_broken_is_named(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    things = registry_of(package)
    point = metadata.EntryPoint("theirs", "not_there_at_all.things", "pauca.things")
    monkeypatch.setattr("pauca.registry.entry_points", lambda *, group: [point])
    for _ in range(2):  # the second time it is not taken for complete
        with pytest.raises(UsageError, match=r"cannot be imported; got: ModuleNotFoundError.*thei"):
            things.names()


def test_a_name_that_is_no_text_is_unknown() -> None:
    for name in ([1], None, 3, float("nan"), {"margin"}):
        with pytest.raises(UnknownNameError, match="unknown strategy"):
            strategies.get(name)  # type: ignore[arg-type]  # from a file it may be anything


@pytest.mark.parametrize(
    "value", [{1, 2}, frozenset({1}), {1: 2}.keys(), {1: 2}.values(), iter([1])]
)
def test_a_setting_that_has_no_order_is_refused(value: Any) -> None:
    layers: Registry[Any] = Registry("layer", "tests.study", "none")

    @layers.register("some")
    class Some:
        def __init__(self, widths: tuple[int, ...] = ()) -> None:
            self.widths = widths

    assert layers.make("some", {"widths": [1, 2]}).widths == (1, 2)
    with pytest.raises(UsageError, match=r"no order of its own.*setting 'widths'"):
        layers.make("some", {"widths": value})
