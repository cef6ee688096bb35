"""No message names a command or an option that is not there."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import pauca
from pauca.cli.app import app

SOURCE = Path(pauca.__file__).parent
STUDIES = ("run", "resume")
REACHED_BY: dict[str, tuple[str, ...]] = {
    "formats/_tree.py": ("label export",),
    "formats/argilla.py": ("label import",),
    "formats/label_studio.py": ("label import",),
    "cli/label_discover.py": ("label discover",),
    "label/adding.py": ("label add",),
    "label/changing.py": ("label relocate",),
    "label/project.py": ("label classes",),
    "label/atomic.py": ("label init", "label suggest", "label export", "label predict"),
    "label/discovering.py": ("label discover",),
    "label/embed.py": ("label init",),
    "label/exporting.py": ("label export",),
    "label/importing.py": ("label import",),
    "label/items.py": ("label init",),
    "label/making.py": ("label init",),
    "label/model.py": ("label init",),
    "label/onnx.py": ("label export",),
    "label/places.py": ("label suggest", "label export", "label predict"),
    "label/web/guard.py": ("label serve",),
    "report/export.py": ("export",),
    "study/begin.py": ("run",),
    "study/composing.py": ("run",),
    "study/engines/local.py": STUDIES,
    "study/engines/ray.py": STUDIES,
    "study/folder.py": ("run", "demo", "merge"),
    "study/merge.py": ("merge",),
    "study/runner.py": (*STUDIES, "merge"),
    "study/share.py": ("run",),
}
"""Commands whose messages a module makes: an option that it names is one of each of them."""
OTHERS = {
    "study/provenance.py": "git",
    "data/rows.py": "hf download",
    "features/encoders.py": "pip install",
}
"""Modules that name options of other programs."""


def commands() -> dict[str, Any]:
    """Every command by what is typed for it."""

    def walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield " ".join(words), command
            return
        for name, each in inner.items():
            yield from walk(each, (*words, name))

    return dict(walk(typer.main.get_command(app), ()))


COMMANDS = commands()


def options(command: str) -> set[str]:
    """What may be typed after a command."""
    found = {"--help", "-h", "--version"}
    for parameter in COMMANDS[command].params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Every text of a module, those with values in them too: line and text."""
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(value) for value in node.values}
            written = [v.value if isinstance(v, ast.Constant) else "VALUE" for v in node.values]
            yield node.lineno, "".join(map(str, written))
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.lineno, node.value


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        yield str(path.relative_to(SOURCE)), ast.parse(path.read_text(encoding="utf-8"))


def typed_wrong(line: str) -> str | None:
    """What is wrong with a command line that is advised, or None."""
    words = shlex.split(line)[1:]
    if not words or words[0].startswith("-"):
        return None
    named = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    if named not in COMMANDS:
        group = any(command.startswith(f"{named} ") for command in COMMANDS)
        return None if group and len(words) == 1 else f"no command {line!r}"
    lacking = [w for w in words if re.match(r"--?[a-z]", w) and w not in options(named)]
    return f"pauca {named} has no {', '.join(lacking)}" if lacking else None


def advised() -> Iterator[tuple[str, str]]:
    """Every command line in backticks, and every line of examples: where, and what is typed."""
    for name, tree in modules():
        for number, text in texts(tree):
            spans = re.findall(r"`+(pauca(?: [^`]*)?)`+", text)
            if name.startswith("cli/") and re.match(r"Examples?: pauca", text):
                spans += re.findall(r"(pauca .*?)(?= --- |$)", text.partition(": ")[2])
            spans += re.findall(r"^pauca [a-z]+ .*--.*", text)
            for line in spans:
                yield f"{name}:{number}", line.replace("...", "")


def test_every_command_that_is_advised_can_be_typed() -> None:
    found = list(advised())
    wrong = [f"{where}: {told}" for where, line in found if (told := typed_wrong(line))]
    assert len(found) > 60
    assert not wrong, "\n".join(wrong)


def named_options() -> Iterator[tuple[str, int, str]]:
    """Every option that a text names outside of a command line: module, line, option."""
    for name, tree in modules():
        for number, text in texts(tree):
            bare = re.sub(r"`+[^`]*`+|^pauca .*", "", text)
            if name in OTHERS or re.match(r"Examples?: pauca", text):
                continue
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*", bare):
                yield name, number, option


def test_every_option_that_is_named_is_one_of_the_command() -> None:
    wrong, met = [], 0
    for name, number, option in named_options():
        met += 1
        if name.startswith("cli/") and name not in REACHED_BY:
            lacking = [] if any(option in options(command) for command in COMMANDS) else ["pauca"]
        else:
            reached = REACHED_BY.get(name, ())
            lacking = [command for command in reached if option not in options(command)]
            lacking += [] if reached else ["the module is not listed in REACHED_BY, so nothing"]
        if lacking:
            wrong.append(f"{name}:{number}: {', '.join(lacking)} has no {option}")
    assert met > 40
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pauca run STUDY.toml --out DIR", None),
        ("pauca label", None),
        ("pauca label init DATA --forse", "pauca label init has no --forse"),
        ("pauca labl init", "no command 'pauca labl init'"),
        ("pauca label inot", "no command 'pauca label inot'"),
    ],
)
def test_what_cannot_be_typed_is_found(line: str, wrong: str | None) -> None:
    assert typed_wrong(line) == wrong


def test_modules_that_are_listed_are_there() -> None:
    for name in REACHED_BY:
        assert (SOURCE / name).is_file(), name
