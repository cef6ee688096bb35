"""``pauca label discover``: new classes among what was set aside."""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.cli.label import Folder, Json, label
from pauca.cli.label_words import words
from pauca.cli.main import guarded
from pauca.errors import UsageError

if TYPE_CHECKING:
    from pauca.label import Accepted, Discovered, Items

__all__ = ["discover"]

_LONGEST = 70  # characters of a text


@label.command(
    epilog="Examples: pauca label discover pets --- pauca label discover pets --least 10 --json "
    "--- pauca label discover pets --accept 1=horse --person anna --seen 3f9c0a71d2e4 --without "
    "a.png,b.png"
)
@guarded
def discover(
    project: Folder,
    least: Annotated[
        int, typer.Option(help="Items set aside from which groups are looked for.", min=1)
    ] = 20,
    exemplars: Annotated[int, typer.Option(help="Items to show of each group.", min=1)] = 5,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            help="Label a group with this class, which is added if new.", metavar="N=NAME"
        ),
    ] = None,
    person: Annotated[str | None, typer.Option(help="Who accepts.")] = None,
    seen: Annotated[
        str | None,
        typer.Option(help="Code that was shown with the proposals.", metavar="CODE"),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Label only these items of the groups.", metavar="ID,ID"),
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help="Leave these items of the groups set aside.", metavar="ID,ID"),
    ] = None,
    json: Json = False,
) -> None:
    """Group the items that were set aside as unfit, as new classes; accept what is one.

    Nothing is labelled before it is accepted, and only what the code stands for.
    """
    from pauca.cli.show import show_json
    from pauca.label import Project

    names = _names(accept)
    for option, value in (("person", person), ("seen", seen), ("only", only), ("without", without)):
        if value and not names:
            raise UsageError(
                f"--{option} goes with --accept",
                expected="--accept N=NAME too",
                todo="give --accept N=NAME as well, or leave the option out",
            )
    with Project.open(project) as opened:
        if not names:
            found = opened.discover(least=least, exemplars=exemplars)
            if json:
                show_json(found.plain())
            else:
                _show_found(found, project, opened.items)
            return
        if not person or not seen:
            raise UsageError(
                "who accepts what is not said",
                expected="--person NAME, and --seen with the code that is shown with the proposals",
                got=f"person {person!r}, seen {seen!r}",
                todo=f"pauca label discover {shlex.quote(str(project))}",
            )
        done = opened.accept(
            person,
            names,
            seen=seen,
            only=None if only is None else _items(opened.items, only),
            without=_items(opened.items, without or ()),
        )
    if json:
        show_json(done.plain())
    else:
        _show_done(done, project)


def _names(given: list[str] | None) -> dict[int, str]:
    """Number and name of each group.

    Raises:
        UsageError: no number, no name, or a number twice.
    """
    found: dict[int, str] = {}
    for each in given or ():
        number, _, name = each.partition("=")
        bare = number.strip()
        if not (bare.isascii() and bare.isdigit()) or not name.strip() or int(bare) in found:
            raise UsageError(
                "this names no proposal",
                expected="--accept N=NAME, such as 1=horse, each number once",
                got=repr(each),
                todo="run the command without --accept to see the numbers",
            )
        found[int(bare)] = name.strip()
    return found


def _items(items: "Items", given: Sequence[str]) -> list[int]:
    """Numbers of the items with these ids: an id as a whole, or several between commas."""
    keys = [key for each in given for key in ([each] if items.has(each) else words(each))]
    return [items.number(key) for key in keys]


def _show_found(found: "Discovered", folder: Path, items: "Items") -> None:
    typer.echo(
        f"{found.flagged} items are set aside; {len(found.proposals)} groups of them may be "
        f"classes, by {found.by}"
    )
    if found.compared < found.flagged:
        typer.echo(f"compared: {found.compared} of them, the most that is compared at once")
    for each in found.proposals:
        apart = "" if each.separation is None else f", apart from the others {each.separation:.2f}"
        typer.echo(f"{each.number}: {each.size} items, alike {each.cohesion:.2f}{apart}")
        for key in each.exemplars:
            typer.echo(f"   {_shown(items, key)}")
    left = found.compared - sum(each.size for each in found.proposals)
    if left:
        typer.echo(f"in no group: {left} items")
    if found.proposals:
        typer.echo("alike: mean cosine, at most 1; all ids: --json")
        typer.echo(
            f"accept one: pauca label discover {shlex.quote(str(folder))} --accept 1=NAME "
            f"--person YOU --seen {found.seen}"
        )


def _shown(items: "Items", key: str) -> str:
    """Where to look at an item: the file of an image, the beginning of a text, else the id."""
    part = items.part(items.number(key))
    if part.images:
        return str(part.root / key.removeprefix(part.prefix))
    if items.kind != "text":
        return key
    text = " ".join(items.text(items.number(key)).split())
    bare = "".join(each for each in text if each.isprintable())
    return f"{key}: {bare[:_LONGEST]}{'...' if len(bare) > _LONGEST else ''}"


def _show_done(done: "Accepted", folder: Path) -> None:
    for name, count in done.labelled.items():
        typer.echo(f"{count} items: {name}{' (new)' if name in done.added else ''}")
    if done.left:
        typer.echo(f"left out: {done.left} items")
    if done.flagged:
        typer.echo(f"still set aside: {len(done.flagged)} of these items, which others flagged too")
    typer.echo(f"learn it: pauca label train {shlex.quote(str(folder))}")
