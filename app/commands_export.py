"""Commands that write the map of this moment into files for people without a network. Each is in the audit."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands_watch import As, as_seen_by, caption, seen_by, snapshot
from app.terminal import Desk, at_desk, out, plain_errors, progress
from geo.errors import BadInput
from geo.ground.areas import outlines
from geo.ground.levels import LEVELS
from geo.scope import OPERATOR, Scope
from geo.trust import audit
from geo.watch import coverage
from geo.watch.live import Snapshot
from tiles.layers import MAX_ZOOM
from tiles.style import MEASURES

Within = Annotated[str | None, typer.Option(help="Code of an area, itself included.")]
WithinLevel = Annotated[str | None, typer.Option(help="Its level, where codes repeat.")]


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.command()(report)
    app.command()(export)


def report(
    path: Annotated[Path, typer.Argument(help="File to write, like map.html.")],
    level: Annotated[str, typer.Option(help=f"One of {', '.join(LEVELS)}.")] = "block",
    within: Within = None,
    within_level: WithinLevel = None,
    measure: Annotated[str, typer.Option(help=f"One of {', '.join(MEASURES)}.")] = "coverage",
    as_: As = None,
) -> None:
    """Write a map as one HTML file that opens without a network."""
    from tiles import archive, snapshot as pages  # noqa: PLC0415, I001  # bring folium and geopandas, which few need

    with plain_errors():
        if measure not in MEASURES:
            raise BadInput(f"no measure {measure}: take one of {', '.join(MEASURES)}")
        archive.may_write(path)

    async def work(desk: Desk) -> str:
        found, scope = await snapshot(desk), await seen_by(desk, as_)
        number = found.tree.number_of(within, within_level) if within else 0
        rows = coverage.by_area(found, scope, level, number)
        now = found.campaign.now().astimezone(found.campaign.zone)
        said = pages.Page(found.campaign.name, caption(found), measure, found.campaign.simulated, now)
        with archive.whole(path) as part:
            async with desk.begin() as connection:
                shapes = await outlines(connection, found.campaign, [r["n"] for r in rows])
            html = pages.html(said, rows, shapes)
            part.write_text(html, encoding="utf-8")
            await _note(desk, found, scope, what="report", format="html", level=level, within=within, rows=len(rows))
        return html

    html = at_desk(work)
    out.print(f"{path}: {len(html.encode()) / 1e6:.1f} MB")


def export(
    path: Annotated[
        Path, typer.Argument(help="map.pmtiles, map.gpkg, a folder (GeoParquet), or map.parquet with --layer.")
    ],
    within: Within = None,
    within_level: WithinLevel = None,
    layer: Annotated[list[str] | None, typer.Option(help="Only areas, blocks or cells; may be given again.")] = None,
    max_zoom: Annotated[int, typer.Option(min=0, max=MAX_ZOOM, help="Last zoom of tiles in a PMTiles file.")] = 14,
    as_: As = None,
) -> None:
    """Write the map of this moment as tiles (PMTiles) or tables (GeoPackage, GeoParquet): areas, blocks and H3 cells.

    Never single households. Stopped or killed it leaves no half file; what was there before stays until the end.
    """
    from tiles import archive  # noqa: PLC0415  # brings geopandas and GDAL, which few commands need

    with plain_errors():
        layers = tuple(name for name in archive.LAYERS if name in (layer or archive.LAYERS))
        if unknown := set(layer or ()) - set(archive.LAYERS):
            raise BadInput(f"no layer {', '.join(sorted(unknown))}: take one of {', '.join(archive.LAYERS)}")
        format_, write = _format_of(path, layers)
        folder = not path.suffix
        archive.may_write(path, folder=folder)

    async def work(desk: Desk) -> tuple[dict[str, int], str]:
        found, whom = await snapshot(desk), await seen_by(desk, as_)
        number = found.tree.number_of(within, within_level) if within else 0
        scope = archive.narrowed(found, whom, number)
        asked = archive.Asked(number, layers, max_zoom)
        with archive.whole(path, folder=folder) as part:
            async with desk.db.worker.connect() as connection:
                with progress(path.name) as bar:
                    counts = await write(connection, found, scope, asked, part, bar)
            await _note(desk, found, scope, what="map", format=format_, within=within, **counts)
        return counts, caption(found)

    counts, said = at_desk(work)
    unit = "tiles with" if format_ == "pmtiles" else "rows of"
    for name, many in counts.items():
        out.print(f"{many:>9,} {unit} {name}")
    out.print(f"{path}: {_size(path) / 1e6:.1f} MB{as_seen_by(as_)}; {said}", soft_wrap=True)


Write = Callable[..., Awaitable[dict[str, int]]]


def _format_of(path: Path, layers: tuple[str, ...]) -> tuple[str, Write]:
    """The format that a name asks for, and what writes it. Raises BadInput."""
    from tiles import archive, pyramid  # noqa: PLC0415  # as above

    match path.suffix.lower():
        case ".pmtiles":
            return "pmtiles", pyramid.pmtiles
        case ".gpkg":
            return "geopackage", archive.geopackage
        case ".parquet" if len(layers) == 1:
            return "geoparquet", archive.geoparquet
        case ".parquet":
            raise BadInput(
                "one GeoParquet file holds one layer: name it with --layer, or give a folder for all of them"
            )
        case "":
            return "geoparquet", archive.geoparquet
    raise BadInput("the name ends in .pmtiles, .gpkg or .parquet, or is that of a folder")


async def _note(desk: Desk, found: Snapshot, scope: Scope, **said: Any) -> None:
    """Note what leaves, before it is there."""
    more = {"edition": found.tree.edition, "epoch": found.epoch, "seen_by": scope.actor or None}
    async with desk.begin() as connection:
        await audit.note(connection, OPERATOR.actor, "export", **said, **more)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size
