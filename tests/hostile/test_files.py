"""Trial files that broke other readers, through ours: data or a reason, never another exception, never long."""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.database import Database
from geo.errors import CakupanError
from geo.ground.areas import Ground
from geo.ground.sources import iter_rows, read_areas
from geo.ground.tables import read_table
from geo.intake import files
from geo.intake.files import Reading
from geo.intake.recount import recount

SLOW_SECONDS = 10  # promised are 2; a busy machine that runs tests is no measure
FOLDERS = ("messy", "odk")
COMPANIONS = {".dbf", ".shx", ".prj", ".cpg", ".qix", ".idm", ".ind"}


def trials(shared: Path) -> list[Path]:
    return sorted(path for folder in FOLDERS for path in (shared / folder).rglob("*") if path.is_file())


READERS: dict[str, Callable[[Path], object]] = {
    "areas": read_areas,
    "table": read_table,
    "rows": lambda path: [row for _, rows in iter_rows(path) for row in rows],
    "rows in degrees": lambda path: [row for _, rows in iter_rows(path, crs="EPSG:4326") for row in rows],
    "areas in metres": lambda path: read_areas(path, crs="EPSG:32750"),
    "areas, axes swapped": lambda path: read_areas(path, swap_axes=True),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_trial_file_gives_data_or_a_reason(shared: Path, reader: str) -> None:
    answers = {}
    for path in trials(shared):
        begun = time.monotonic()
        try:
            READERS[reader](path)
            answers[path] = "data"
        except CakupanError as refused:
            answers[path] = refused.code if str(refused) else "nothing said"
        assert time.monotonic() - begun < SLOW_SECONDS, path.name
    assert len(answers) > 100
    assert {"data", "unsupported-format"} < set(answers.values())
    assert "nothing said" not in answers.values()


async def test_every_trial_file_imported_as_households_is_receipted(
    shared: Path, db: Database, ground: Ground, tmp_path: Path
) -> None:
    answers: dict[Path, str] = {}
    for path in trials(shared):
        if path.suffix in COMPANIONS:
            continue
        folder = tmp_path / hashlib.sha256(str(path).encode()).hexdigest()[:8]
        folder.mkdir()
        for part in {path, *path.parent.glob(f"{path.stem}.*")}:
            shutil.copy(part, folder / part.name)
        begun = time.monotonic()
        try:
            summary = await files.import_file(db.worker, ground, folder / path.name, Reading())
        except CakupanError as refused:
            answers[path] = refused.code
        else:
            answers[path] = "receipts"
            assert sum(summary.counts.values()) == summary.rows
        assert time.monotonic() - begun < SLOW_SECONDS, path.name
    async with db.worker.connect() as connection:
        assert (await recount(connection)).differences == []
    assert sum(answer == "receipts" for answer in answers.values()) > 10
    assert {"receipts", "unsupported-format", "not-points"} <= set(answers.values())


async def test_a_path_that_leads_nowhere_is_a_reason(db: Database, ground: Ground, tmp_path: Path) -> None:
    with pytest.raises(CakupanError) as refused:
        await files.import_file(db.worker, ground, tmp_path / "none.csv", Reading())
    assert refused.value.code == "no-file"
