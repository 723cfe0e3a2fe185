"""`prelist import` as a person runs it, on a copy of the tiny world."""

import csv
from pathlib import Path
from typing import Any

from sqlalchemy import text

from tests.app.conftest import Ask, Run
from tests.world import BLOCKS, EDITION, FAMILIES


def reported(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["id_keluarga;idsubsls;nama_kk;no_bangunan", *lines]))
    return path


def test_import(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    path = written(
        tmp_path / "list.csv", f"F-1;{BLOCKS[0].code};Siti Aminah;12A", f"F-2;{BLOCKS[0].code};Budi;9",
        f"F-1;{BLOCKS[1].code};Adi;3", "F-3;9999999999-X;Ani;4", f"6472033112590004;{BLOCKS[1].code};Eko;5",
    )  # fmt: skip
    how = ("prelist", "import", path, "--edition", EDITION, "--report", tmp_path / "left_out.csv")
    said = cakupan(*how)
    assert f"prelist of edition {EDITION}" in said
    assert " 2 2 0 " in said  # blocks (one by a row that is repeated), families, before
    assert "not stored: the columns nama_kk" in said
    assert "3 rows left out" in said
    assert "1 rows taken, but" in said
    assert "2 blocks differ from the expected series prelist" in said
    assert f"{BLOCKS[1].code} 0 {FAMILIES}" in said
    assert "4 blocks of the edition are not in this file" in said
    for word in ("Siti", "6472033112590004"):
        assert word not in said
        assert word not in (tmp_path / "left_out.csv").read_text(encoding="utf-8-sig")
    assert [row[0] for row in reported(tmp_path / "left_out.csv")] == ["row", "3", "4", "5", "1"]
    assert "there is no edition 1999" in cakupan("prelist", "import", path, "--edition", "1999", exit_code=1)
    assert "--household-column" in cakupan(*how, "--household-column", "nomor", exit_code=1)


def test_expect(cakupan: Run, ask: Ask, tmp_path: Path) -> None:
    path = written(tmp_path / "list.csv", *(f"F-{n};{BLOCKS[n % 2].code};Siti;{n}" for n in range(7)))
    how = ("prelist", "import", path, "--edition", EDITION, "--expect")
    assert "--expect needs --source and --dated" in cakupan(*how, "--source", "VK", exit_code=1)
    said = cakupan(*how, "--source", "VK", "--dated", "2022-10-02")
    assert "differ from the expected series prelist as it was before" in said
    assert "differ" not in cakupan(*how, "--source", "VK", "--dated", "2022-10-02")

    async def expected(db: Any) -> list[tuple[Any, ...]]:
        found = await db.execute(
            text("SELECT expected, source, dated::text FROM ground.expected ORDER BY number LIMIT 3")
        )
        return [tuple(row) for row in found]

    assert ask(expected) == [(4, "VK", "2022-10-02"), (3, "VK", "2022-10-02"), (FAMILIES, "simulated", "2022-10-01")]
