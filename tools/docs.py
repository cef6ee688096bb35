"""Write the generated pages and tables of docs/, or with --check say which are out of date.

Also checked: every relative link in README.md and docs/ leads somewhere.
"""

import argparse
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typer.models import CommandInfo

    from pauca.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
_GIVEN = {"shape", "classes", "on", "off", "normalisation", "generator"}  # by the program
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
    for paragraph in _description(cls):
        yield f"{paragraph}\n"
    yield f"- **When**: {cls.when}."
    yield f"- **Needs**: {', '.join(sorted(cls.needs)) or 'nothing'}" + (
        ", and the labelled items" if cls.reads_labelled else ""
    )
    if cls.companion:
        yield f"- **Companion**: {cls.companion}"
    yield f"- **Cost**: {cls.cost}"
    yield f"- **Source**: {cls.reference}\n"


def _description(cls: type) -> Iterator[str]:
    """The paragraphs of the class's docstring in front of its settings."""
    for paragraph in inspect.cleandoc(cls.__doc__ or "").partition("\n\nArgs:")[0].split("\n\n"):
        yield " ".join(paragraph.split())


def learners_page() -> str:
    """docs/learners.md: what each learner is and every setting with its default."""
    from pauca.learners import learners

    lines = ["# Learners\n"]
    for name in learners.names():
        cls = learners.get(name)
        lines += [f"## `{name}`\n", f"{cls.summary}.\n"]
        lines += [f"{paragraph}\n" for paragraph in _description(cls)]
        lines.append(f"Source: {cls.reference}.\n")
        told = _arguments(cls)
        lines += ["| setting | default | meaning |", "|---|---|---|"]
        for key, parameter in inspect.signature(cls).parameters.items():
            if key not in ("task", "device"):
                lines.append(f"| `{key}` | `{parameter.default!r}` | {told[key]} |")
        lines.append("")
    return "\n".join(lines)


def _arguments(cls: type) -> dict[str, str]:
    """What the class's docstring says of each argument."""
    told: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(base.__doc__ or "").partition("Args:\n")[2].partition("\n\n")[0]
        entries = re.findall(r"^    (\w+): (.*(?:\n      +.*)*)", text, flags=re.MULTILINE)
        told |= {name: " ".join(meaning.split()) for name, meaning in entries}
    return told


def datasets_page() -> str:
    """docs/datasets.md: where each named data set comes from and under what terms; features."""
    from pauca.data.catalog import entries

    lines = [
        "# Data sets\n",
        "A local copy under the folder named by `PAUCA_DATA` comes first, then the source.\n",
        "| name | kind | classes | source | licence | what |",
        "|---|---|---|---|---|---|",
    ]
    for entry in entries():
        classes = entry.class_count or "of the table"
        row = (f"`{entry.name}`", entry.kind, classes, entry.source, entry.licence, entry.summary)
        lines.append(f"| {' | '.join(map(str, row))} |")
    return "\n".join([*lines, "", *_own(), _CACHE, _TEXTS, *_features()]) + "\n"


_OWN = """\
## Data of your own

```python
import pauca

data = pauca.load_dataset("mine.csv", label="kind") # a path; options as below data =
pauca.dataset_from(x, y) # arrays, tensors, DataFrames, lists, Hub data sets, Bunches
print(*data.notes, sep="\\n") # what was guessed, left out and converted ```

`pauca label init` and study files (`[data] path = "mine.csv"`) read by the same rules; what is
said stands in `notes`, is printed by `label init` as `note:`, and in a study's report. The format
is told by what a file's first bytes say, else by its suffix; `format` names it.
"""

_SAID = """\
### What is guessed, left out and converted

**Text files** (csv, tsv, txt, jsonl, json, RIS). UTF-8 with or without a byte order mark, UTF-16
and UTF-32; where bytes are not UTF-8, cp1252 or latin-1, said (`encoding` names another). Commas,
semicolons, tabs and bars between cells are told by the head of the file, said unless they are
commas (`delimiter`). Cells are the texts that stand there: `007` keeps its zeros, `NA` is a word.
A header that stands again in the middle, where files were joined, is left out and counted; rows
without any content too. A txt file is one text a line. **xlsx**: the first sheet that holds
something; dates as ISO texts, values of formulas, errors as empty cells, each said. **parquet**:
typed columns, pictures among them; class names as the Hub describes them. **npz**: `x` and `y`
(and `ids`), `x_train`, ..., or MedMNIST's names; whole numbers and true or false are rows as
well. **Folders**: one sub-folder a class, `train` and `test` above it or not; an image beside the
class folders has no label. Hidden files, links that lead out, pipes and devices are never opened;
what is passed over is said.

**Labels.** A column called label, class, target or category, else `label`. Words, whole numbers,
true or false; a list of one is its element. Empty, null, an empty list, and -1 among whole
numbers from 0 on mean *no label* everywhere: such rows are left out of a data set that has
labels, counted. Labels that differ by case, blanks or Unicode form alone are said (`join_labels`
joins them). Several labels an item, numbers that are measured (regression), spans and boxes are
other tasks and refused by name.

**Features.** Numbers stay numbers, a column of few words becomes one column a word, dates become
seconds; a decimal comma and marks of thousands are read where they are clear, said, and asked for
(`decimal`, `thousands`) where they are not. Left out and said: the numbers of rows that a
DataFrame writes along, ids by their name or because they differ in every row (`keep` keeps them).
Columns that can be no feature (too many words, mostly empty) are all named (`unusable =
"leave-out"` leaves them out). A table whose only usable column holds texts is read as texts;
several are joined with `text = ["title", "abstract"]`. Empty texts are left out and counted
(`empty_texts`). Numbers whose scale float32 would lose are standardised in float64 first, said by
column.

**Images** of one size keep it, others become 64 x 64 (`size`, `fit`); grey stays grey if all are
(`mode`). Images of more than 8 bits are scaled by the range of the whole set (`scale`: two
numbers, or a percentile). Photographs are turned upright, transparency becomes white. Broken ones
are refused, the first ten named; `skip_broken` passes over them and lists them. HEIC, AVIF, JPEG
XL need a package, SVG, DICOM and camera files a conversion: said by name.

**Held-out part.** Without a test part a fifth of every class is held out (`test_fraction`,
`seed`). With `group` whole groups are held out, of patients say. Copies that stand on both sides
are counted (texts also but for case and blanks); `copies = "together"` keeps them on one.
"""


def _own() -> Iterator[str]:
    """Formats and options of data of one's own."""
    from pauca.data.assemble import DataOptions
    from pauca.data.columns import ColumnOptions
    from pauca.data.load import options_of
    from pauca.formats import TextOptions, formats

    yield _OWN
    yield from ("| format | what | files | items | answers | labels, batches | package |",)
    yield "|---|---|---|---|---|---|---|"
    options: dict[str, inspect.Parameter] = {}
    for name in formats.names():
        form = formats.make(name, {})
        can = form.abilities
        marks = ["read" if what in can else "" for what in ("items", "answers")]
        written = "written" if "labels" in can else ""
        files = ", ".join(f"`{suffix}`" for suffix in form.suffixes) or "folders"
        cells = (f"`{name}`", form.title, files, *marks, written, form.package or "")
        yield f"| {' | '.join(cells)} |"
        options |= options_of(form) if "items" in can else {}
    yield ""
    yield _SAID
    yield "### Options\n"
    yield from ("| option | default | meaning |", "|---|---|---|")
    told = _arguments(DataOptions) | _arguments(TextOptions) | _arguments(ColumnOptions)
    told["format"] = "Name of the format; by what the file says if None."
    for name, parameter in sorted(options.items()):
        yield f"| `{name}` | `{parameter.default!r}` | {told[name]} |"
    yield ""


_CACHE = """\
## Decoded once

Images that take a second or more to decode are decoded once. The pixels are kept in `.pauca-cache`
beside the data if that can be written, else in the user's cache (`$XDG_CACHE_HOME/pauca`, or
`~/.cache/pauca`), and every later load, in every process, maps them into memory; processes share
them, and what one writes to them is its own. The notes of the data set say where they are and how
many MB they take.

Pixels are found again by the content of the files, the options and the versions of pauca and
Pillow, and checked by their checksum: changed files, other options, another version and damaged
files are decoded anew, and take the place of what was kept of the same data. Of several processes
that start at once one decodes, and the others wait for it. Where nothing can be kept (a full disk)
the images are decoded each time, and the notes say why. `PAUCA_CACHE` names another folder, or is
`off`. The folder can be deleted at any time.
"""


_TEXTS = """\
## Texts

A text becomes the tf-idf weights of its words, of at most `vocabulary` words (4,096) of the
training part. Where the rows of a part would take more than 256 MiB they are kept sparse
(`SparseRows`, which is a tensor to everything that reads rows) and made dense a batch at a time: a
million short texts fit in 1 GB. Learner `probe` multiplies with them as they are. A strategy that
compares the features of all items with each other (badge, k-center, k-means) is refused where these
would take more than 2 GiB; ask for a smaller vocabulary, frozen features (`pca`), or a strategy
that reads probabilities.
"""

_FEATURES = """\
Any data set can be turned into one of embeddings, once, before anything is learned: the same items,
labels, groups and sources, with frozen features in place of pixels, rows or texts.

```python
from pauca.features import featured

small = featured(pauca.load_dataset("mnist"), {"name": "pca", "dimensions": 64})
```

A name alone takes every default, as in `featured(dataset, "pca")`. What is fitted is fitted on the
training part, without its labels. Features are computed once a process and kept in memory, not on
disk. Learner [`probe`](learners.md) is made for them.
"""


def _features() -> Iterator[str]:
    """What extractors of features there are, with every setting."""
    from pauca.features import extractors

    yield "## Frozen features\n"
    yield _FEATURES
    for name in extractors.names():
        cls = extractors.get(name)
        yield f"### `{name}`\n"
        for paragraph in _description(cls):
            yield f"{paragraph}\n"
        yield f"Source: {cls.reference}.\n"
        yield from ("| setting | default | meaning |", "|---|---|---|")
        told = _arguments(cls)
        for key, parameter in inspect.signature(cls).parameters.items():
            given = parameter.default is not parameter.empty
            shown = f"`{parameter.default!r}`" if given else "none: has to be given"
            yield f"| `{key}` | {shown} | {told[key]} |"
        yield ""


def metrics_page() -> str:
    """docs/metrics.md: every measure and test, by module."""
    from pauca import metrics

    lines = [
        "# Measures and statistics\n",
        "All in `pauca.metrics`: pure functions of tensors, arrays or plain sequences, in float64. "
        "Their docstrings have shapes, units and errors.\n",
    ]
    functions = [getattr(metrics, name) for name in metrics.__all__ if name.islower()]
    modules = sorted({function.__module__ for function in functions}, key=METRICS.index)
    for module in modules:
        summary = inspect.cleandoc(sys.modules[module].__doc__ or "").partition("\n")[0]
        lines += [f"## {summary.rstrip('.')}\n", "| name | what | source |", "|---|---|---|"]
        for function in functions:
            if function.__module__ == module:
                told = inspect.cleandoc(function.__doc__ or "")
                what = told.partition("\n\n")[0].replace("|", "\\|")
                source = " ".join(told.partition("\nReference:")[2].split())
                lines.append(f"| `{function.__name__}` | {' '.join(what.split())} | {source} |")
        lines.append("")
    return "\n".join(lines)


def cli_page() -> str:
    """docs/cli.md: the help of every command."""
    from typer.testing import CliRunner

    from pauca.cli.app import app

    lines = ["# Commands\n", "Exit code 0: fine; 1: something failed; 2: wrong usage or data.\n"]
    environment = {"TERMINAL_WIDTH": "100", "NO_COLOR": "1"}
    commands = [command.name or _called(command) for command in app.registered_commands]
    for group in app.registered_groups:
        inner = group.typer_instance
        assert inner is not None
        commands.append(str(inner.info.name))
        commands += [
            f"{inner.info.name} {command.name or _called(command)}"
            for command in inner.registered_commands
        ]
    for name in ("", *commands):
        words = [*name.split(), "--help"]
        shown = CliRunner().invoke(app, words, prog_name="pauca", env=environment)
        lines += [f"## `{f'pauca {name}'.strip()}`\n", "```text", _plain(shown.output), "```\n"]
    return "\n".join(lines)


def forward_tables() -> dict[str, str]:
    """The tables of docs/forward-forward.md by axis: every entry of every registry."""
    from pauca import forward
    from pauca.learners._recipes import RECIPES

    axes = {
        "goodness": forward.goodnesses,
        "loss": forward.losses,
        "label": forward.label_codes,
        "negatives": forward.negatives,
        "normalisation": forward.normalisations,
        "schedule": forward.schedules,
        "readout": forward.readouts,
        "layers": forward.layers,
    }
    tables = {axis: _axis_table(registry) for axis, registry in axes.items()}
    keys = list(next(iter(RECIPES.values())))
    keys += [key for recipe in RECIPES.values() for key in recipe if key not in keys]
    lines = [f"| setting | {' | '.join(f'`{name}`' for name in RECIPES)} |"]
    lines.append("|---" * (1 + len(RECIPES)) + "|")
    for key in dict.fromkeys(keys):
        told = [_told(recipe.get(key, "the learner's")) for recipe in RECIPES.values()]
        lines.append(f"| `{key}` | {' | '.join(told)} |")
    return {**tables, "recipes": "\n".join(lines)}


def _axis_table(registry: "Registry[Any]") -> str:
    lines = ["| name | settings | what | source |", "|---|---|---|---|"]
    for name in registry.names():
        maker = registry.get(name)
        settings = [
            key if parameter.default is parameter.empty else f"{key} = {parameter.default}"
            for key, parameter in inspect.signature(maker).parameters.items()
            if key not in _GIVEN
        ]
        shown = ", ".join(f"`{setting}`" for setting in settings)
        what = next(_description(maker)).replace("|", "\\|")
        lines.append(f"| `{name}` | {shown} | {what} | {getattr(maker, 'reference', '')} |")
    return "\n".join(lines)


def _told(value: object) -> str:
    if isinstance(value, dict):
        rest = ", ".join(f"{key} {number}" for key, number in value.items() if key != "name")
        return f"{value['name']} ({rest})" if rest else str(value["name"])
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def filled(text: str, tables: dict[str, str]) -> str:
    """A page with every table between its marks put in anew.

    Raises:
        SystemExit: a table has no place on the page.
    """
    for name, table in tables.items():
        begin, end = f"<!-- table: {name} -->", "<!-- end of table -->"
        head, mark, rest = text.partition(begin)
        if not mark or end not in rest:
            raise SystemExit(f"docs/forward-forward.md: no place for the table {name!r}")
        text = f"{head}{begin}\n{table}\n{end}{rest.partition(end)[2]}"
    return text


def _called(command: "CommandInfo") -> str:
    return getattr(command.callback, "__name__", "").strip("_")


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


METRICS = [
    f"pauca.metrics.{name}"
    for name in (
        "predictions",
        "calibration",
        "curves",
        "savings",
        "shares",
        "asked",
        "overlaps",
        "intervals",
        "bootstrap",
        "comparisons",
        "signed_ranks",
        "rank_tests",
        "penalties",
        "power",
        "corrections",
        "ranks",
        "partitions",
        "stop_rules",
        "agreement",
    )
]
"""Order of docs/metrics.md; a module that is not named here is an error."""
PAGES: dict[str, Callable[[], str]] = {
    "docs/strategies.md": strategies_page,
    "docs/learners.md": learners_page,
    "docs/datasets.md": datasets_page,
    "docs/cli.md": cli_page,
    "docs/metrics.md": metrics_page,
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
    page = ROOT / "docs/forward-forward.md"
    before = page.read_text(encoding="utf-8")
    after = filled(before, forward_tables())
    if check and before != after:
        wrong.append("docs/forward-forward.md is out of date; what to do: make write-docs")
    if not check:
        page.write_text(after, encoding="utf-8")
    wrong += dead_links()
    for line in wrong:
        print(line, file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
