"""``pauca label serve``: the page."""

import sys
import webbrowser
from typing import Annotated

import typer

from pauca.cli.label import Folder, label
from pauca.cli.main import guarded
from pauca.errors import CapabilityError

__all__ = ["serve"]


@label.command(
    epilog="Examples: pauca label serve pets --- pauca label serve pets --port 8000 --open --- "
    "pauca label serve pets --host 0.0.0.0"
)
@guarded
def serve(
    project: Folder,
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; beyond this machine every request needs a token."),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port; 0 for one that is free.", min=0, max=65535)
    ] = 8765,
    token: Annotated[
        str | None,
        typer.Option(
            help="Token that every request has to show, 16 characters or more. Made up if needed.",
            envvar="PAUCA_LABEL_TOKEN",
        ),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Further name under which the server is known.", metavar="NAME"),
    ] = None,
    retrain: Annotated[
        int | None,
        typer.Option(
            help="Answers after which the model is trained again; the batch if left out, 0: never.",
            min=0,
        ),
    ] = None,
    lease: Annotated[
        float, typer.Option(help="Seconds for which an item is one person's.", min=1)
    ] = 600.0,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy",
            help="A server on this machine that speaks https hands requests on: what it says of "
            "the client and of https is believed, and every request needs a token.",
        ),
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Open a page on which people label; Ctrl-C ends it. Every answer is on the disk at once."""
    try:
        from pauca.label.web import serve as serving
    except ModuleNotFoundError as error:
        raise CapabilityError(
            "the page needs packages that are not installed",
            got=error.name,
            todo="pip install 'pauca[label]'",
        ) from None

    def ready(address: str) -> None:
        typer.echo(f"label here: {address}  (Ctrl-C ends it)")
        sys.stdout.flush()
        if open_:
            webbrowser.open(address)

    serving(
        project,
        host=host,
        port=port,
        token=token,
        names=tuple(allow_host or ()),
        every=retrain,
        lease=lease,
        behind_proxy=behind_proxy,
        ready=ready,
    )
