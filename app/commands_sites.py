"""Commands of sites: places where programmes are delivered in from a file, listed, closed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.commands_ground import pairs
from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from geo.ground import areas as ground_areas
from geo.scope import OPERATOR

if TYPE_CHECKING:
    from geo.publish.site_files import Summary
    from geo.publish.sites import SiteList

sites = typer.Typer(help="Sites: public places where programmes are delivered, in versions.", no_args_is_help=True)

#: Rows of the doubtful and the refused that are printed; all of them are in the file and on the page.
_SHOWN = 12


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(sites, name="sites")


@sites.command("import")
def sites_import(
    path: Path,
    programme: Annotated[str | None, typer.Option(help="Of rows that say none, like PKH.")] = None,
    kind: Annotated[str | None, typer.Option(help="Of place, for rows that say none, like post or clinic.")] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN, where a field has another name in the file; may be given again."),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of a map that does not say its own, like EPSG:32750.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a GeoPackage that has several.")] = None,
    swap_axes: Annotated[bool, typer.Option("--swap-axes", help="Read a map latitude first.")] = False,
    note: Annotated[str | None, typer.Option(help="Why; default the file's name.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Close sites of the file's programmes that it has no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Tell what would be, and store nothing.")] = False,
) -> None:
    """Bring sites in from CSV, XLSX, GeoJSON, GeoPackage, Shapefile (also zipped), FlatGeobuf or GeoParquet.

    One file makes one version of the list, or none where nothing changes. Rows refused are in FILE.refused.csv with the
    reason; doubtful ones are stored, to be looked at. A list of households is refused whole.
    """
    from geo.publish import site_files  # noqa: PLC0415  # brings what reads maps, which few commands need

    with plain_errors():
        reading = site_files.Reading(pairs(column), crs, layer, swap_axes)
    rules = site_files.Rules(programme, kind, note, replace, dry_run)

    async def work(desk: Desk) -> "Summary":
        async with desk.begin() as connection:
            ground = await ground_areas.load_ground(connection)
        with progress(path.name) as bar:
            return await site_files.import_file(
                desk.db.worker, ground, OPERATOR, path, reading, rules,
                progress=bar, say=lambda notice: err.print(notice, style="dim", markup=False),
            )  # fmt: skip

    _told(path.name, at_desk(work), dry_run)


def _told(name: str, done: "Summary", dry_run: bool) -> None:
    outcome = done.outcome
    counts = outcome.counts
    would = "would be " if dry_run else ""
    table(f"{len(outcome.receipts):,} rows of {name}", [f"{would}{s}" for s in counts], [list(counts.values())])
    if done.ignored:
        out.print(f"not looked at: the columns {', '.join(done.ignored)}", markup=False)
    doubtful = [r for r in outcome.receipts if r.doubts]
    if doubtful:
        table("doubtful; stored all the same" if outcome.made else "doubtful", ["doubt", "sites"],
              [list(item) for item in done.doubts.most_common()])  # fmt: skip
        rows = [
            [r.row + 1, r.site_id, r.name, d.doubt, d.other and f"{d.other.site_id} {d.other.name}"]
            for r in doubtful[:_SHOWN]
            for d in r.doubts
        ]
        table("the first of them", ["row", "site", "name", "doubt", "other"], rows)
    if done.reasons:
        table("refused", ["reason", "rows"], [list(item) for item in done.reasons.most_common()])
        refused = [r for r in outcome.receipts if r.reason][:_SHOWN]
        table(
            "the first of them",
            ["row", "site", "name", "why"],
            [[r.row + 1, r.site_id, r.name, r.detail] for r in refused],
        )
        out.print(f"these rows are in {done.refused}", markup=False)
    if outcome.made:
        out.print(f"this is version {outcome.version} of the sites")
    elif not dry_run:
        out.print(f"nothing changed: version {outcome.version} stays")


@sites.command("list")
def sites_list(
    programme: Annotated[str | None, typer.Option(help="Only of this one.")] = None,
    version: Annotated[int | None, typer.Option(min=0, help="As they were after it; default the newest.")] = None,
) -> None:
    """Show the sites that are open."""
    from geo.publish import sites as publish_sites  # noqa: PLC0415  # brings arrays, which few commands need

    async def work(desk: Desk) -> "SiteList":
        async with desk.begin() as connection:
            return await publish_sites.current(connection, version)

    found = at_desk(work)
    with plain_errors():
        chosen = found.of(programme)
    if not found.rows:
        out.print("there is no site yet: run ./cakupan sites import FILE" if not found.version else "no site is open")
        return
    told = publish_sites.by_programme(found)
    rows = [[one["programme"], ", ".join(one["kinds"]), one["sites"], one["capacity"]] for one in told]
    title = f"version {found.version} of {found.recorded_at:%Y-%m-%d %H:%M} UTC"
    table(title, ["programme", "kinds", "sites", "room"], rows)
    table(
        f"{len(chosen):,} sites",
        ["site", "programme", "kind", "name", "lon", "lat", "capacity", "block"],
        [[s.site_id, s.programme, s.kind, s.name, s.lon, s.lat, s.capacity, s.block] for s in chosen],
    )


@sites.command("close")
def sites_close(
    site_id: str,
    note: Annotated[str, typer.Option(help="Why; no names of people.")],
) -> None:
    """Close a site. Earlier versions still have it."""
    from geo.publish import site_changes  # noqa: PLC0415  # brings what reads maps, which few commands need

    async def work(desk: Desk) -> int:
        async with desk.begin() as connection:
            ground = await ground_areas.load_ground(connection)
            return await site_changes.close(connection, OPERATOR, ground, site_id, note)

    out.print(f"closed: this is version {at_desk(work)} of the sites")
