"""Write the generated pages of docs/, or with --check say which are out of date.

Also checked: every relative link in README.md and docs/ leads somewhere.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTE = "<!-- Generated from the code by `make write-docs`; do not edit. -->\n\n"


def strategies_page() -> str:
    """docs/strategies.md: one section a family, one entry a strategy."""
    from pauca.strategies import strategies

    classes = [strategies.get(name) for name in strategies.names()]
    lines = [
        "# Strategies\n",
        "Which items to ask for next. `n` pool items, `m` labelled, `c` classes, `d` features, "
        "`k` picks, `s` members; scores: higher is asked first. Cost is that of the choice itself, "
        "given the outputs it reads.\n",
    ]
    for family in sorted({cls.family for cls in classes}):
        lines.append(f"## {family.capitalize()}\n")
        for cls in classes:
            if cls.family == family:
                lines += list(_strategy(cls))
    return "\n".join(lines)


def _strategy(cls: type) -> Iterator[str]:
    yield f"### `{cls.name}`\n"
    yield f"{_first_paragraph(cls)}\n"
    yield f"- **When**: {cls.when}."
    yield f"- **Needs**: {', '.join(sorted(cls.needs))}" + (
        ", and the labelled items" if cls.reads_labelled else ""
    )
    if cls.companion:
        yield f"- **Companion**: {cls.companion}"
    yield f"- **Cost**: {cls.cost}"
    yield f"- **Source**: {cls.reference}\n"


def _first_paragraph(cls: type) -> str:
    return " ".join((cls.__doc__ or "").split("\n\n")[0].split())


def learners_page() -> str:
    """docs/learners.md: what each learner is and every setting with its default."""
    import inspect

    from pauca.learners import learners

    lines = ["# Learners\n"]
    for name in learners.names():
        cls = learners.get(name)
        lines += [f"## `{name}`\n", f"{cls.summary}.\n", f"Source: {cls.reference}.\n"]
        lines += ["| setting | default |", "|---|---|"]
        for key, parameter in inspect.signature(cls).parameters.items():
            if key not in ("task", "device"):
                lines.append(f"| `{key}` | `{parameter.default!r}` |")
        lines.append("")
    return "\n".join(lines)


def datasets_page() -> str:
    """docs/datasets.md: where each named data set comes from and under what terms."""
    from pauca.data import datasets

    lines = [
        "# Data sets\n",
        "A local copy under the folder named by `PAUCA_DATA` comes first, then the source.\n",
        "| name | kind | classes | source | licence |",
        "|---|---|---|---|---|",
    ]
    for name in datasets.names():
        entry = datasets.get(name)
        classes = len(entry.classes) or "of the table"
        lines.append(f"| `{name}` | {entry.kind} | {classes} | {entry.source} | {entry.licence} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """docs/cli.md: the help of every command."""
    import typer
    from click import Context
    from pauca.cli import app

    command = typer.main.get_command(app)
    lines = ["# Commands\n"]
    stack = [("pauca", command, None)]
    while stack:
        name, command, parent = stack.pop(0)
        context = Context(command, info_name=name.rpartition(" ")[2], parent=parent)
        lines += [f"## `{name}`\n", "```text", _plain(command.get_help(context)), "```\n"]
        for child in getattr(command, "commands", {}).items():
            stack.append((f"{name} {child[0]}", child[1], context))
    return "\n".join(lines)


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


PAGES: dict[str, Callable[[], str]] = {
    "docs/strategies.md": strategies_page,
    "docs/learners.md": learners_page,
    "docs/datasets.md": datasets_page,
    "docs/cli.md": cli_page,
}


def dead_links() -> Iterator[str]:
    """Relative links of the pages that lead nowhere."""
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{page.relative_to(ROOT)}: {target} does not exist"


def main() -> int:
    """Write or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail on a difference")
    check = parser.parse_args().check
    wrong = []
    for path, make in PAGES.items():
        text, file = NOTE + make().rstrip() + "\n", ROOT / path
        if check and (not file.exists() or file.read_text(encoding="utf-8") != text):
            wrong.append(f"{path} is out of date; what to do: make write-docs")
        if not check:
            file.write_text(text, encoding="utf-8")
    wrong += dead_links()
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
