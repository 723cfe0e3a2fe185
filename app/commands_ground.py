"""Commands that lay the ground, and what is brought in files: campaign, areas, households."""

import csv
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from geo.errors import BadInput
from geo.ground import areas as ground_areas
from geo.ground import campaign as ground_campaign
from geo.ground.inspection import Inspection, inspect
from geo.ground.levels import LEVELS
from geo.ground.problems import Change, Problem
from geo.intake.fold import fold
from geo.schema import SERIES

campaign = typer.Typer(help="The campaign: one census, its dates and limits.", no_args_is_help=True)
areas = typer.Typer(help="Areas of an edition.", no_args_is_help=True)
households = typer.Typer(help="Households from files.", no_args_is_help=True)


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(campaign, name="campaign")
    app.add_typer(areas, name="areas")
    app.add_typer(households, name="households")


Kinded = TypeVar("Kinded", Problem, Change)


@campaign.command("set")
def campaign_set(
    name: Annotated[str | None, typer.Option(help="What people call it.")] = None,
    starts: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day.")] = None,
    ends: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Default Asia/Jakarta.")] = None,
    edition: Annotated[str | None, typer.Option(help="Edition of the areas.")] = None,
    series: Annotated[str | None, typer.Option(help=f"Series of expected families: {', '.join(SERIES)}.")] = None,
    accuracy_limit: Annotated[float | None, typer.Option(min=1, help="Metres beyond which accuracy is low.")] = None,
    simulated: Annotated[
        bool | None,
        typer.Option("--simulated/--real", help="Say on every screen that data are simulated."),
    ] = None,
    clock: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%dT%H:%M:%S%z"], help="Set the clock of a simulated campaign."),
    ] = None,
) -> None:
    """Create the campaign, or change what is named."""
    given: dict[str, Any] = {
        "name": name,
        "starts_on": starts and starts.date(),
        "ends_on": ends and ends.date(),
        "time_zone": time_zone,
        "edition": edition,
        "series": series,
        "accuracy_limit_m": accuracy_limit,
        "simulated": simulated,
        "clock": clock,
    }
    changes = {key: value for key, value in given.items() if value is not None}

    async def work(desk: Desk) -> ground_campaign.Campaign:
        async with desk.begin() as connection:
            return await ground_campaign.save(connection, changes)

    _show(at_desk(work))


@campaign.command("show")
def campaign_show() -> None:
    """Show the campaign."""

    async def work(desk: Desk) -> ground_campaign.Campaign:
        async with desk.begin() as connection:
            return await ground_campaign.load(connection)

    _show(at_desk(work))


def _show(found: ground_campaign.Campaign) -> None:
    day = f"day {found.elapsed()} of {found.days}"
    table(
        f"{found.name}{' (simulated)' if found.simulated else ''}",
        ["starts", "ends", "time zone", "now", "edition", "series"],
        [[str(found.starts_on), str(found.ends_on), found.time_zone, day, found.edition, found.series]],
    )


@areas.command("import")
def areas_import(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="[LEVEL=]FILE…", help="Several files are one import, like district=a.geojson village=b.geojson."
        ),
    ],
    edition: Annotated[str, typer.Option(help="Edition these areas belong to, like 2020_1.")],
    level: Annotated[str, typer.Option(help=f"Level of files without one: {', '.join(LEVELS)}.")] = "block",
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN where a column's name is not recognised; FIELD is code, name or parent."),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of a file that does not say its own, like EPSG:32750.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a GeoPackage that has several.")] = None,
    swap_axes: Annotated[
        bool,
        typer.Option("--swap-axes", help="Read latitude first, where the report says so."),
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Mend invalid outlines, merge parts of one code, leave out what has no code; shows what changed.",
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="Import in spite of problems of this kind; may be given again."),
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write every problem with its place to this CSV file.")] = None,
) -> None:
    """Read boundaries, report what is wrong with them, and import them when nothing stands against it.

    Reads GeoJSON, GeoPackage, Shapefile, FlatGeobuf and GeoParquet. Areas above are made from codes and columns.
    """
    from geo.ground.sources import read_areas  # noqa: PLC0415  # brings geopandas, which few commands need

    with plain_errors():
        frames = []
        for given in paths:
            at, _, name = (
                given.partition("=") if "=" in given and given.partition("=")[0] in LEVELS else (level, "", given)
            )
            if at not in LEVELS:
                raise BadInput(f"no level {at}: take one of {', '.join(LEVELS)}")
            err.print(f"reading {name} as {at}", style="dim")
            frames.append((at, read_areas(Path(name), crs=crs, layer=layer, swap_axes=swap_axes)))

    async def work(desk: Desk) -> tuple[Inspection, ground_areas.Stored | None]:
        async with desk.begin() as connection:
            known = await ground_areas.known_codes(connection, edition)
            found = inspect(frames, columns=pairs(column), known=known, repair=repair, accept=accept or ())
            if found.blocking or not found.areas:
                return found, None
            stored = await ground_areas.store(
                connection, edition, found.areas, progress=lambda line: err.print(line, style="dim")
            )
            return found, stored

    found, stored = at_desk(work)
    _show_problems(found, report)
    if stored is None:
        kinds = sorted({p.kind for p in found.blocking})
        err.print(
            f"[bold red]nothing was imported[/]: mend the file, or run again with --repair, or with "
            f"{' '.join(f'--accept {k}' for k in kinds)}",
            soft_wrap=True,
        )
        raise typer.Exit(1)
    table(
        f"edition {stored.edition}",
        [*stored.areas, "blocks", "owner ranges"],
        [[*stored.areas.values(), stored.blocks, stored.owner_ranges]],
    )
    if stored.expected_dropped:
        out.print(
            f"{stored.expected_dropped} blocks of before are gone or divided; their expected families went with them"
        )
    if stored.footprints_dropped:
        out.print(f"{stored.footprints_dropped:,} footprints lie in no block any more and were dropped")
    if stored.listed_dropped:
        out.print(f"{stored.listed_dropped:,} families of the prelist were listed in blocks that are gone or divided")


def _show_problems(found: Inspection, report: Path | None) -> None:
    blocking = {p.kind for p in found.blocking}
    if found.problems:
        rows = [
            [kind, many, "stands against it" if kind in blocking else "noted"] for kind, many in found.counts().items()
        ]
        table("problems", ["kind", "how many", ""], rows)
        first = [
            [p.kind, p.code, p.other, _rounded(p.lon, 5), _rounded(p.lat, 5), _rounded(p.area_m2), p.detail]
            for p in _few(sorted(found.problems, key=lambda p: (p.kind not in blocking, p.kind)))
        ]
        table("the first of each kind", ["kind", "code", "other", "lon", "lat", "m²", ""], first)
    if found.changes:
        changed = [[c.kind, c.code, round(c.before_m2), round(c.after_m2)] for c in _few(found.changes)]
        table(
            f"{len(found.changes)} changes by repair, the first of each kind",
            ["kind", "code", "m² before", "m² after"],
            changed,
        )
    if report is not None:
        columns = ["kind", "code", "other", "lon", "lat", "area_m2", "detail"]
        write_csv(report, columns, [[getattr(p, name) for name in columns] for p in found.problems])
        out.print(f"every problem is in {report}")


def _few(found: Sequence[Kinded], each: int = 4) -> list[Kinded]:
    """The first of each kind, in their order."""
    seen: Counter[str] = Counter()
    kept = []
    for item in found:
        seen[item.kind] += 1
        if seen[item.kind] <= each:
            kept.append(item)
    return kept


def _rounded(value: float | None, places: int | None = None) -> float | None:
    return None if value is None else round(value, places)


@households.command("import")
def households_import(
    path: Path,
    column: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=COLUMN, where a field has another name in the file."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="FIELD=VALUE for every row, like result=completed."),
    ] = None,
    source: Annotated[str | None, typer.Option(help="Names the source in made ids; default the file's name.")] = None,
    key: Annotated[
        str | None,
        typer.Option(help="Column that names a row in made ids; default the row's number."),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of a file that does not say its own.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=VALUE: only the rows that have this value; may be given again."),
    ] = None,
) -> None:
    """Import households from CSV, XLSX, GeoJSON, GeoPackage or GeoParquet through the same intake as every device.

    Killed, it goes on where it stopped when run again. Rows held back are in FILE.refused.csv with the reason.
    """
    from geo.intake import files  # noqa: PLC0415  # brings geopandas, which few commands need

    with plain_errors():
        fixed = pairs(set_)
        reading = files.Reading(pairs(column), fixed, source, key, crs, pairs(where))

    async def work(desk: Desk) -> files.Summary:
        async with desk.begin() as connection:
            ground = await ground_areas.load_ground(connection)
        with progress(path.name) as bar:
            summary = await files.import_file(desk.db.worker, ground, path, reading, progress=bar)
        while True:
            async with desk.begin() as connection:
                if await fold(connection) is None:
                    return summary

    done = at_desk(work)
    if done.resumed_at:
        out.print(f"went on at row {done.resumed_at + 1:,}")
    table(f"{done.rows:,} rows of {path.name}", list(done.counts), [list(done.counts.values())])
    if done.passed_over:
        out.print(f"{done.passed_over:,} rows do not have {' and '.join(where or ())} and were passed over")
    if done.flags:
        table("doubts, stored all the same", ["flag", "rows"], [list(item) for item in done.flags.most_common()])
    if done.reasons:
        table("held back", ["reason", "rows"], [list(item) for item in done.reasons.most_common()])
        out.print(f"these rows are in {done.refused}")


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a table that Excel reads, with a mark for UTF-8."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(rows)


def pairs(given: list[str] | None) -> dict[str, str]:
    """Options written NAME=VALUE. Raises BadInput for anything else."""
    found = {}
    for item in given or []:
        name, sign, value = item.partition("=")
        if not sign or not name:
            raise BadInput(f"write {item} as NAME=VALUE")
        found[name.strip()] = value.strip()
    return found
