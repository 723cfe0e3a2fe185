"""`sites import`, `list` and `close` as a person runs them: tables and maps of every kind, over the tiny world."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import geopandas as gpd
import pytest
import shapely
from typer.testing import CliRunner

from app.cli import app
from app.database import Logins
from app.settings import Settings
from tests.world import BLOCKS

Run = Callable[..., str]
FIRST, SECOND = BLOCKS[0].at(0.5, 0.5), BLOCKS[1].at(0.5, 0.5)


@pytest.fixture
def cakupan(settings: Settings, fresh_database: Logins, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs one command and gives what it printed, blanks and lines of tables taken together."""
    monkeypatch.setenv("DATABASE_URL", fresh_database.owner)
    monkeypatch.setenv("CAKUPAN_HOME", str(settings.home))

    def run(*words: object, exit_code: int = 0) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == exit_code, f"{done.output}\n{done.exception!r}"
        return " ".join(done.output.replace("│", " ").split())

    return run


def test_sites_at_the_terminal(cakupan: Run, tmp_path: Path) -> None:
    path = tmp_path / "posts.csv"
    rows = [f"A,Pos A,{FIRST[0]},{FIRST[1]},100", f"B,Pos B,{SECOND[0]},{SECOND[1]},", "C,Pos C,0,0,5"]
    path.write_text("\n".join(["kode,nama,bujur,lintang,muat", *rows]), encoding="utf-8")
    what = ("sites", "import", path, "--column", "capacity=muat")
    assert "MISSING 3" in cakupan(*what, "--dry-run"), "no row says of which programme"
    assert "there is no site yet" in cakupan("sites", "list")
    said = cakupan(*what, "--programme", "PKH", "--kind", "post")
    assert "this is version 1" in said
    assert "NULL_ISLAND 1" in said
    assert "NULL_ISLAND" in (tmp_path / "posts.csv.refused.csv").read_text(encoding="utf-8-sig")
    path.write_text("\n".join(["kode,nama,bujur,lintang,muat", rows[0]]), encoding="utf-8")
    assert "version 1 stays" in cakupan(*what, "--programme", "PKH", "--kind", "post")
    assert not (tmp_path / "posts.csv.refused.csv").exists()
    assert "this is version 2" in cakupan(*what, "--programme", "PKH", "--kind", "post", "--replace")
    listed = cakupan("sites", "list")
    assert "A PKH post Pos A" in listed
    assert "Pos B" not in listed
    assert "Pos B" in cakupan("sites", "list", "--version", 1)
    assert "no-site" in cakupan("sites", "close", "B", "--note", "twice", exit_code=1)
    assert "version 3" in cakupan("sites", "close", "A", "--note", "moved")
    assert "no-programme" not in cakupan("sites", "list", "--programme", "PKH")


def test_maps_come_to_the_same_places(cakupan: Run, tmp_path: Path) -> None:
    said = {"site_id": ["A", "B"], "programme": ["PKH", "PKH"], "name": ["Pos A", "Pos B"]}
    points = gpd.GeoDataFrame(said, geometry=gpd.points_from_xy(*zip(FIRST, SECOND, strict=True)), crs=4326)
    points.to_file(tmp_path / "posts.geojson", driver="GeoJSON")
    assert "this is version 1" in cakupan("sites", "import", tmp_path / "posts.geojson")
    points.to_crs(32750).to_file(tmp_path / "posts.gpkg", driver="GPKG")
    around = points.to_crs(32750)
    around.geometry = shapely.buffer(around.geometry, 20)
    around.to_file(tmp_path / "posts.shp")
    with ZipFile(tmp_path / "posts.zip", "w") as packed:
        for part in tmp_path.glob("posts.*"):
            if part.suffix in (".shp", ".shx", ".dbf", ".prj"):
                packed.write(part, f"inside/{part.name}")
    unchanged = cakupan("sites", "import", tmp_path / "posts.gpkg")
    assert " 0 0 2 0 0 0 " in unchanged, unchanged
    outlines = cakupan("sites", "import", tmp_path / "posts.zip")
    assert "a point inside of each is taken" in outlines
    assert "OUTSIDE" not in outlines
    (tmp_path / "no.zip").write_bytes(b"PK")
    assert "unreadable" in cakupan("sites", "import", tmp_path / "no.zip", exit_code=1)
    families = tmp_path / "families.csv"
    families.write_text("nik,lon,lat\n1,117.142,-0.504\n", encoding="utf-8")
    assert "household-list" in cakupan("sites", "import", families, exit_code=1)
    swapped = gpd.GeoDataFrame(said, geometry=gpd.points_from_xy([FIRST[1]] * 2, [FIRST[0]] * 2), crs=4326)
    swapped.to_file(tmp_path / "swapped.geojson", driver="GeoJSON")
    assert "SWAPPED 2" in cakupan("sites", "import", tmp_path / "swapped.geojson")
