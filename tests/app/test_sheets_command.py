"""The command that prints sheets: a whole file or none, and what it refuses."""

import pytest

from app.database import Logins
from tests.app.conftest import Run
from tests.tiles.drawing import texts
from tests.world import BLOCKS, VILLAGES


def test_a_village_is_printed_as_one_file(cakupan: Run, tmp_path, fresh_database: Logins):
    path = tmp_path / "sheets.pdf"
    said = cakupan(
        "sheets", "--within", VILLAGES[0], "--output", path, "--address", "https://c.example.id/", "--lang", "en"
    )
    assert "3 sheets" in said
    assert "SIMULATED" in said
    pages = texts(path.read_bytes())
    assert [page.split()[0] for page in pages] == [block.code for block in BLOCKS[:3]]
    assert all("c.example.id" in page for page in pages)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheets.pdf"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--within", "nowhere"), "no-area"),
        (("--paper", "a5"), "no paper a5"),
        (("--lang", "fr"), "no language fr"),
        (("--state", "over"), "no-blocks"),
    ],
)
def test_what_cannot_be_printed_leaves_what_was_there(cakupan: Run, tmp_path, words, said):
    path = tmp_path / "sheets.pdf"
    path.write_bytes(b"before")
    assert said in cakupan("sheets", "--output", path, *words, exit_code=1)
    assert path.read_bytes() == b"before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheets.pdf"]
