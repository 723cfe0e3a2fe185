"""Commands that say more of blocks, from files: families expected, how many and which, houses, who works there."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.commands_ground import pairs, write_csv
from app.terminal import Desk, at_desk, err, out, plain_errors, progress, table
from geo.errors import BadInput
from geo.ground import assignments as ground_assignments
from geo.ground import expected as ground_expected
from geo.ground import prelist as ground_prelist
from geo.ground.tables import Table, read_table, text_rows
from geo.schema import SERIES
from geo.trust import accounts

expected = typer.Typer(help="How many families should be found in each block.", no_args_is_help=True)
prelist = typer.Typer(help="The families that should be found, one by one and without names.", no_args_is_help=True)
footprints = typer.Typer(help="Residential buildings, by which families are spread over cells.", no_args_is_help=True)
assignments = typer.Typer(help="Who works in which block, and who leads whom.", no_args_is_help=True)


def install(app: typer.Typer) -> None:
    """Add these commands."""
    app.add_typer(expected, name="expected")
    app.add_typer(prelist, name="prelist")
    app.add_typer(footprints, name="footprints")
    app.add_typer(assignments, name="assignments")


@expected.command("import")
def expected_import(
    path: Path,
    edition: Annotated[str, typer.Option(help="Edition that the codes belong to.")],
    source: Annotated[str, typer.Option(help="Who says so, like 'PODES 2019'.")],
    dated: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="As of which day.")],
    series: Annotated[str, typer.Option(help=f"One of {', '.join(SERIES)}.")] = "prelist",
    code_column: Annotated[str | None, typer.Option(help="Column with the block's code.")] = None,
    families_column: Annotated[str | None, typer.Option(help="Column with the number of families.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write every row left out to this CSV file.")] = None,
) -> None:
    """Read expected families by block from CSV or XLSX and spread them over cells. Lists codes that match nothing."""
    with plain_errors():
        if series not in SERIES:
            raise BadInput(f"no series {series}: take one of {', '.join(SERIES)}")
        read = _read_table(path)

    async def work(desk: Desk) -> ground_expected.Imported:
        with progress("spreading over cells") as bar:
            async with desk.begin() as connection:
                return await ground_expected.store(
                    connection, edition, read, series=series, source=source, dated=dated.date(),
                    columns=(code_column, families_column), progress=bar,
                )  # fmt: skip

    done = at_desk(work)
    table(f"expected families, series {done.series}", ["blocks", "families"], [[done.blocks, done.families]])
    table("the whole series by level, sums over blocks", list(done.by_level), [list(done.by_level.values())])
    show_left_out(["row", "code", "why"], done.left_out, report)
    if done.missing_blocks:
        out.print(f"{done.missing_blocks} blocks of the edition are not in this file; they stay as they were")


@prelist.command("import")
def prelist_import(
    path: Path,
    edition: Annotated[str, typer.Option(help="Edition that the codes belong to.")],
    expect: Annotated[
        bool, typer.Option("--expect", help="Make what the list counts the expected series `prelist` of its blocks.")
    ] = False,
    source: Annotated[str | None, typer.Option(help="With --expect: who says so, like 'VK 2022'.")] = None,
    dated: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="With --expect: as of which day.")
    ] = None,
    household_column: Annotated[str | None, typer.Option(help="Column with the household's id.")] = None,
    code_column: Annotated[str | None, typer.Option(help="Column with the block's code.")] = None,
    building_column: Annotated[str | None, typer.Option(help="Column with the number of the building.")] = None,
    sequence_column: Annotated[str | None, typer.Option(help="Column with the place in it.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write every row left out or repeated to this CSV file.")] = None,
) -> None:
    """Read from CSV or XLSX which families should be found, one row each: household_id, block, building, sequence.

    Replaces the lists of the blocks named and no others. Every other column, names above all, is passed over.
    """
    named = {
        "household": household_column,
        "code": code_column,
        "building": building_column,
        "sequence": sequence_column,
    }
    with plain_errors():
        if expect and not (source and dated):
            raise BadInput("--expect needs --source and --dated: who says so, and as of when")
        columns, rows = text_rows(path, lambda notice: err.print(notice, style="dim"))

    async def work(desk: Desk) -> ground_prelist.Imported:
        async with desk.begin() as connection:
            with progress(path.name) as bar:
                done = await ground_prelist.store(connection, edition, columns, rows, named=named, progress=bar)
            if expect and source and dated:
                with progress("spreading over cells") as bar:
                    await ground_prelist.expect(
                        connection, edition, done.listed, source=source, dated=dated.date(), progress=bar
                    )
            return done

    done = at_desk(work)
    table(
        f"prelist of edition {edition}",
        ["blocks", "families", "before"],
        [[len(done.listed), done.families, done.replaced]],
    )
    if done.not_stored:
        out.print(f"not stored: the columns {', '.join(done.not_stored)}", markup=False)
    show_left_out(["row", "code", "why"], done.left_out, report, also=done.repeated)
    _show_differing(done.differing, expect=expect)
    if done.untouched:
        out.print(f"{done.untouched:,} blocks of the edition are not in this file; their lists stay as they were")


def _show_differing(differing: Sequence[ground_prelist.Differing], *, expect: bool) -> None:
    """Blocks whose list does not have as many families as were expected there, the furthest off first."""
    if not differing:
        return
    far = sorted(differing, key=lambda d: -abs(d.listed - (d.expected or 0)))
    table(
        f"{len(differing):,} blocks differ from the expected series prelist" + (" as it was before" if expect else ""),
        ["block", "listed", "expected"],
        [list(block) for block in far[:10]],
        None if expect else "with --expect what the list counts becomes the expected series",
    )


@footprints.command("import")
def footprints_import(
    path: Path,
    edition: Annotated[str, typer.Option(help="Edition whose blocks they stand in.")],
    where: Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=VALUE: only the rows that have this value, like type=Residential."),
    ] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of a file that does not say its own, like EPSG:32750.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a GeoPackage that has several.")] = None,
    swap_axes: Annotated[bool, typer.Option("--swap-axes", help="Read latitude first.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write every row left out to this CSV file.")] = None,
) -> None:
    """Read residential buildings, and spread expected families over cells by them instead of by area.

    Reads points or outlines from GeoJSON, GeoPackage, Shapefile, FlatGeobuf and GeoParquet, and CSV or XLSX with lon,
    lat and perhaps area_m2. The file is the whole truth of the edition: footprints of before go.
    """
    from geo.ground import footprints as ground_footprints  # noqa: PLC0415  # brings geopandas, which few commands need

    with plain_errors():
        read = ground_footprints.read(path, crs=crs, layer=layer, swap_axes=swap_axes, where=pairs(where))

    async def work(desk: Desk) -> ground_footprints.Imported:
        with progress("spreading over cells") as bar:
            async with desk.begin() as connection:
                return await ground_footprints.store(
                    connection, edition, read.lon, read.lat, read.area_m2, progress=bar
                )

    done = at_desk(work)
    table(
        f"footprints of edition {edition}",
        ["footprints", "blocks", "in no block"],
        [[done.footprints, done.blocks, done.outside]],
    )
    if done.series:
        table("families spread over cells", ["series", "by footprints", "by area"], [list(s) for s in done.series])
    if read.passed_over:
        out.print(f"{read.passed_over:,} rows do not have {' and '.join(where or ())} and were passed over")
    stray = [(int(row), "in no block of the edition") for row in read.rows[done.numbers == 0]]
    show_left_out(["row", "why"], sorted([*read.left_out, *stray]), report)


@assignments.command("import")
def assignments_import(
    path: Path,
    edition: Annotated[str, typer.Option(help="Edition that the codes belong to.")],
    starts: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="First day of the work.")],
    code_column: Annotated[str | None, typer.Option(help="Column with the block's code.")] = None,
    enumerator_column: Annotated[str | None, typer.Option(help="Column with the enumerator's account name.")] = None,
    supervisor_column: Annotated[str | None, typer.Option(help="Column with the supervisor's account name.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write every row left out to this CSV file.")] = None,
) -> None:
    """Read from CSV or XLSX who works in which block, one row a block; replaces what was said of the blocks named.

    Names are those of accounts, which may be made later.
    """
    with plain_errors():
        read = _read_table(path)
    columns = {"code": code_column, "enumerator": enumerator_column, "supervisor": supervisor_column}

    async def work(desk: Desk) -> tuple[ground_assignments.Imported, set[str]]:
        async with desk.begin() as connection:
            stored = await ground_assignments.store(connection, edition, read, starts_on=starts.date(), columns=columns)
            return stored, await accounts.names(connection)

    done, known = at_desk(work)
    table(
        f"assignments in edition {edition}",
        ["blocks", "enumerators", "supervisors"],
        [[done.blocks, len(done.enumerators), len(done.supervisors)]],
    )
    show_left_out(["row", "code", "why"], done.left_out, report)
    if unknown := (done.enumerators | done.supervisors) - known:
        out.print(f"{len(unknown):,} of these people have no account yet: ./cakupan account create")
    if done.unassigned:
        out.print(f"{done.unassigned:,} blocks of the edition have nobody assigned")


def _read_table(path: Path) -> Table:
    read = read_table(path)
    for notice in read.notices:
        err.print(notice, style="dim")
    return read


def show_left_out(
    columns: Sequence[str],
    left_out: Sequence[Sequence[Any]],
    report: Path | None,
    also: Sequence[Sequence[Any]] = (),
) -> None:
    """Rows left out: how many for which reason (the last column), the first of them, and all in a file.

    `also` are rows that were taken, though something is to be said of them.
    """
    if left_out:
        reasons = Counter(row[-1] for row in left_out)
        table(f"{len(left_out):,} rows left out", ["why", "rows"], [list(item) for item in reasons.most_common(10)])
        table("the first of them", columns, [list(item) for item in left_out[:10]])
    if also:
        table(f"{len(also):,} rows taken, but", columns, [list(item) for item in also[:10]])
    if report is not None:
        write_csv(report, columns, [*left_out, *also])
        out.print(f"every row left out is in {report}")
