"""The report as plain text: one Markdown file, its figures as files beside it.

For results that are kept under version control, where a page with everything in it is too large to
read a change in. The same study gives the same bytes.
"""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from pauca.report.emergence import Emergence, Part, Verdict
from pauca.report.emergence.files import csv_of
from pauca.report.page import Contents
from pauca.report.parts import Picture, Section
from pauca.report.tables import Table

__all__ = ["FILE", "text_of"]

FILE = "README.md"
_SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
_LARGE = 100_000  # characters of numbers beyond which a file is too large to be kept
_MARKS = {"unknown": "?"}
_SPECIAL = re.compile(r"([\\`*_\[\]<>|])")


def text_of(found: Contents) -> dict[str, str]:
    """Files by name: the text, the figures that it shows, as SVG, and numbers behind them.

    Numbers of every unit for every item, as those of an activation wall, are left out.
    """
    page = _Page()
    page.say(f"# {found.view.name}")
    page.paragraphs(found.summary)
    page.paragraphs([found.state])
    for one in found.emergence:
        several = f": {one.title}" if len(found.emergence) > 1 else ""
        _verdicts(page, one, several)
        for part in one.parts:
            _part(page, part, several)
    for section in found.sections:
        _section(page, section)
    page.say("## What was run")
    if found.command:
        page.say(f"```\n{_anywhere(found.command)}\n```")
    for table in (found.settings, found.provenance, found.states):
        page.table(table)
    for failure in found.failures:
        page.say(f"Failed: {escaped(failure.what)} ({escaped('; '.join(failure.runs))})")
    return {FILE: "\n\n".join(page.blocks) + "\n", **page.figures}


@dataclass
class _Page:
    blocks: list[str] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)

    def say(self, block: str) -> None:
        self.blocks.append(block)

    def paragraphs(self, sentences: Iterable[str]) -> None:
        self.blocks += [escaped(each) for each in sentences if each]

    def figure(self, name: str, alt: str, svg: str, numbers: str = "") -> None:
        """Show a figure, the numbers behind it beside it; a second of the same name is numbered."""
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        file, number = f"{slug}.svg", 2
        while file in self.figures:
            file, number = f"{slug}-{number}.svg", number + 1
        self.figures[file] = svg
        shown = f"![{escaped(alt)}]({file})"
        if len(numbers) > _LARGE:
            shown += "\nIts numbers are in the folder of figures that `pauca report` makes."
        elif numbers:
            table = file.removesuffix("svg") + "csv"
            self.figures[table] = numbers
            shown += f"\n[numbers]({table})"
        self.say(shown)

    def table(self, table: Table) -> None:
        if table.caption:
            self.say(f"**{escaped(table.caption)}**")
        heads = [_both(column.title, column.hint) for column in table.columns]
        lines = [heads, ["--:" if column.numeric else "---" for column in table.columns]]
        lines += [[_both(cell.text, cell.sub) for cell in row] for row in table.rows]
        self.say("\n".join(f"| {' | '.join(line)} |" for line in lines))
        self.paragraphs(table.notes)


def _anywhere(command: str) -> str:
    """A command without where folders lay on the machine: of a whole path its last part."""
    words = shlex.split(command)
    return shlex.join([PurePath(w).name if PurePath(w).is_absolute() else w for w in words])


def escaped(text: str) -> str:
    """Text without anything that Markdown would read as its own."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _both(text: str, more: str) -> str:
    return escaped(f"{text} {more}" if more.startswith(("[", "of ")) else _remark(text, more))


def _remark(text: str, more: str) -> str:
    return f"{text} ({more})" if more else text


def _section(page: _Page, section: Section) -> None:
    page.say(f"## {escaped(section.title)}")
    page.paragraphs([section.lead])
    for picture in section.pictures:
        if not picture.large:
            _picture(page, section.title, picture)
    if any(picture.large for picture in section.pictures):
        page.say("Its figures are made of images and stand in the page that `pauca report` makes.")
    for table in section.tables:
        page.table(table)


def _picture(page: _Page, title: str, picture: Picture) -> None:
    page.say(f"### {escaped(picture.title)}")
    page.paragraphs([picture.how])
    for svg in picture.svgs:
        name = f"{title.partition(': ')[2] or title} {picture.title}"
        page.figure(name, picture.title, str(svg).replace("<svg ", _SVG, 1) + "\n")
    page.paragraphs(picture.says)


def _verdicts(page: _Page, one: Emergence, several: str) -> None:
    page.say(f"## Conclusions{escaped(several)}")
    rows = [f"| {escaped(v.claim)} | {v.word} | {escaped(v.on)} |" for v in one.verdicts]
    page.say("\n".join(["| Claim | Verdict | On what |", "| --- | --- | --- |", *rows]))
    for verdict in one.verdicts:
        _verdict(page, verdict)


def _verdict(page: _Page, verdict: Verdict) -> None:
    page.say(f"### {escaped(verdict.claim)}: {verdict.word}")
    page.paragraphs([f"Rule: {verdict.rule}"])
    if verdict.missing:
        page.paragraphs([f"Missing: {'; '.join(verdict.missing)}."])
    for reading in verdict.readings:
        page.say(f"*{escaped(reading.net)}*: {reading.word}")
        marks = [
            f"- **{_MARKS.get(mark, mark)}** {escaped(said)}" for mark, said in reading.sentences
        ]
        page.say("\n".join(marks))
    page.paragraphs(verdict.remarks)


def _part(page: _Page, part: Part, several: str) -> None:
    page.say(f"## {escaped(part.title + several)}")
    page.paragraphs([part.lead])
    for row in part.rows:
        if row.title:
            page.say(f"### {escaped(row.title)}")
        page.paragraphs([row.how])
        for plate in row.plates:
            page.figure(plate.name, plate.alt, plate.svg, csv_of(plate))
    for table in (*part.tables, *part.folded):
        page.table(table)
