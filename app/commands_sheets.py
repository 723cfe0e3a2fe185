"""The command that prints: sheets of blocks as one PDF, for an office with a printer and no browser."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, cast

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from app.commands_watch import As, as_seen_by, caption, seen_by, snapshot
from app.locales import LANGUAGES
from app.settings import Settings
from app.terminal import Desk, at_desk, out, plain_errors, progress
from geo.errors import BadInput


def install(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(sheets)


def sheets(
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, like sheets.pdf.")],
    within: Annotated[str | None, typer.Option(help="Code of a block, or of an area of blocks.")] = None,
    within_level: Annotated[str | None, typer.Option(help="Its level, where codes repeat.")] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only blocks in this state; may be given again.")] = None,
    paper: Annotated[str, typer.Option(help="a4 or a3.")] = "a4",
    lang: Annotated[str, typer.Option(help="id or en.")] = "id",
    address: Annotated[
        str | None, typer.Option(help="Where phones reach the service, for the QR codes; else the first host name.")
    ] = None,
    as_: As = None,
) -> None:
    """Print the field sheets of blocks as one PDF: a map with what is left to do, and a list to tick off.

    Stopped or killed it leaves no half file; what was there before stays until the end.
    """
    from app import printing  # noqa: PLC0415  # brings reportlab, which no other command needs
    from geo.watch import sheets as watch  # noqa: PLC0415  # as above
    from tiles import archive  # noqa: PLC0415  # as above
    from tiles.frame import PAPERS  # noqa: PLC0415  # as above

    with plain_errors():
        if paper not in PAPERS:
            raise BadInput(f"no paper {paper}: take one of {', '.join(PAPERS)}")
        if lang not in LANGUAGES:
            raise BadInput(f"no language {lang}: take one of {', '.join(LANGUAGES)}")
        archive.may_write(output)

    async def work(desk: Desk) -> tuple[int, str]:
        found, scope = await snapshot(desk), await seen_by(desk, as_)
        number = found.tree.number_of(within, within_level) if within else 0
        numbers = watch.asked(found, scope, number, state or ())
        look = printing.look(found, cast("printing.Paper", paper), lang, (address or _base(desk.settings)).rstrip("/"))
        order = printing.Order(found, scope, scope, numbers, look, within)

        def opened() -> AbstractAsyncContextManager[AsyncConnection]:
            return desk.db.as_actor(scope.actor) if as_ else desk.begin()

        with archive.whole(output) as part, part.open("wb") as into, progress(output.name) as bar:
            bar(0, len(numbers))
            await printing.write(opened, order, into, lambda done: bar(done, len(numbers)))
        return len(numbers), caption(found)

    many, said = at_desk(work)
    size = output.stat().st_size / 1e6
    out.print(f"{output}: {many:,} sheets, {size:.1f} MB{as_seen_by(as_)}; {said}", soft_wrap=True)


def _base(settings: Settings) -> str:
    """Where phones reach the service, as far as the settings tell."""
    if settings.host_names:
        return f"https://{settings.host_names[0]}"
    return f"http://{settings.host}:{settings.port}"
