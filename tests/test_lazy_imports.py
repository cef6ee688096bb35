"""``import pauca`` and ``pauca --help`` stay light: what is heavy is imported where it is used."""

import json
import subprocess
import sys

import pytest

import pauca

HEAVY = {"torch", "datasets", "matplotlib", "pydantic", "sklearn", "scipy", "pandas", "numpy"}


def loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter holds after this code."""
    report = "import sys, json; sys.stderr.write('MODULES' + json.dumps(list(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", f"import atexit\n@atexit.register\ndef _():\n  {report}\n{code}"],
        capture_output=True,
        text=True,
        check=False,
    )
    _, mark, names = done.stderr.partition("MODULES")
    assert mark, done.stderr
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(names)} & HEAVY


@pytest.mark.parametrize(
    "code",
    [
        "import pauca",
        "import pauca; dir(pauca), pauca.__version__, pauca.errors.PaucaError",
        "import pauca.testing",
        "import pauca.__main__",
        "import sys; sys.argv = ['pauca', '--help']; import pauca.__main__ as m; m.main()",
    ],
)
def test_light_things_load_nothing_heavy(code: str) -> None:
    assert loaded_by(code) == set()


def test_a_heavy_name_is_seen_when_it_is_loaded() -> None:
    assert loaded_by("import numpy") == {"numpy"}


def test_every_public_name_can_be_reached() -> None:
    for name in pauca.__all__:
        assert getattr(pauca, name) is not None
        assert name in dir(pauca)
    from pauca import testing

    for name in testing.__all__:
        assert callable(getattr(testing, name))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nosuch"):
        _ = pauca.nosuch
    with pytest.raises(AttributeError, match="nosuch"):
        _ = pauca.testing.nosuch
