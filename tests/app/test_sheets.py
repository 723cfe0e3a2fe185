"""Sheets over HTTP: what is on them, for whom, as one file or many, and what the audit says of it."""

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

import httpx2
import numpy as np
import pypdfium2
import pytest
from sqlalchemy import text

from geo.ground import footprints, prelist
from tests.app.townspeople import done, inside, town
from tests.conftest import Service
from tests.tiles.drawing import texts
from tests.world import BLOCKS, EDITION, VILLAGES, submission

__all__ = ["town"]

HERE, BESIDE, FAR = BLOCKS[0], BLOCKS[1], BLOCKS[3]
SIDE = 8


def at(place: int) -> tuple[float, float]:
    """A house of the first block, in rows some 50 m apart."""
    return HERE.at(0.05 + 0.11 * (place % SIDE), 0.05 + 0.11 * (place // SIDE))


async def lay(db: Any) -> None:
    """Houses and a list in the first block; to the north and south of it nothing is known."""
    lon, lat = np.array([at(n) for n in range(SIDE**2)]).T
    await footprints.store(db, EDITION, lon, lat, np.full(len(lon), 80.0))
    rows = [{"household_id": f"SIM-{n}", "block": HERE.code, "building": str(n // 2), "sequence": str(n % 2 + 1)}
            for n in range(60)]  # fmt: skip
    await prelist.store(db, EDITION, list(rows[0]), rows)


@pytest.fixture(scope="module")
def walked(town: Service) -> Service:
    """Forty families of the first block met, three to be visited again, twenty missing."""
    done(town.logins, lay)
    rows = []
    for n in range(40):
        lon, lat = at(n)
        again = {"result": "not_met", "revisit_at": "2022-10-25T16:00:00+08:00"} if n in {3, 7, 11} else {}
        rows.append(submission(str(n), HERE, 1, lon=lon, lat=lat, **again))
    assert town.send(*rows).status_code == 201
    with town.client() as client:
        for _ in range(100):
            if client.get("/v1/areas/" + HERE.code).json()["epoch"] > 0:
                break
            time.sleep(0.05)
    return town


def sheet(client: httpx2.Client, code: str = HERE.code, **query: str) -> httpx2.Response:
    return client.get(f"/v1/sheets/{code}.pdf", params=query)


def audited(service: Service, since: datetime) -> list[tuple[str, dict[str, Any]]]:
    async def read(db: Any) -> Any:
        rows = await db.execute(
            text("SELECT act, subject FROM trust.audit WHERE at >= :since ORDER BY 1"), {"since": since}
        )
        return [(row.act, row.subject) for row in rows]

    found: list[tuple[str, dict[str, Any]]] = done(service.logins, read)
    return found


def test_one_block_as_a_file_with_all_that_is_known(walked: Service) -> None:
    since = datetime.now(UTC)
    with walked.client("supervisor") as client:
        answer = sheet(client, lang="en")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["cache-control"] == "no-store"
    assert f'filename="cakupan_sheets_{HERE.code}_a4_epoch' in answer.headers["content-disposition"]
    first, second = texts(answer.content)
    for words in ("RT 01", "Kampung 1", "SIMULATED DATA", "3 callbacks, 20 families of the prelist, 24 houses",
                  "SIM02 RT 02", walked.url.partition("://")[2]):  # fmt: skip
        assert words in first, words
    assert VILLAGES[1] + "-SIM01" in first, "of another village the whole code"
    for words in ("Callbacks (3)", "Building 1, no. 2 - Not met", "appointment 25 Oct 16:00", "still missing (20)",
                  "Building 29", "by square of the map (24)"):  # fmt: skip
        assert words in second, words
    said = audited(walked, since)
    assert [act for act, _ in said] == ["callbacks.list", "export", "prelist.list", "sheets.read"]
    assert {key: said[1][1][key] for key in ("what", "format", "rows")} == {
        "what": "sheets",
        "format": "pdf",
        "rows": 1,
    }
    assert said[3][1]["households"] == 40
    assert said[3][1]["blocks"] == [[HERE.number, HERE.number]]


def test_paper_and_language_are_chosen(walked: Service) -> None:
    with walked.client() as client:
        large = pypdfium2.PdfDocument(sheet(client, paper="a3").content)
        assert sorted(round(side / 72 * 25.4) for side in large[0].get_size()) == [297, 420]
        assert "Kunjungan ulang (3)" in texts(sheet(client).content)[1]
        assert sheet(client, paper="a5").json()["type"].endswith("bad-parameter")
        english = client.get(f"/v1/sheets/{HERE.code}.pdf", headers={"accept-language": "en"})
        assert "Callbacks (3)" in texts(english.content)[1]


def test_a_block_of_which_nothing_is_known_still_prints(walked: Service) -> None:
    with walked.client() as client:
        (said,) = texts(sheet(client, FAR.code).content)
    assert "Belum diketahui: letak rumah, prelist per keluarga" in said


def test_everybody_prints_what_is_theirs_and_nothing_else(walked: Service) -> None:
    for who, own, other in (("enumerator", HERE, BESIDE), ("supervisor", BESIDE, FAR)):
        with walked.client(who) as client:
            assert sheet(client, own.code).status_code == 200
            hidden = sheet(client, other.code)
        assert (hidden.status_code, hidden.json()["type"]) == (404, "urn:cakupan:problem:no-blocks")
    with inside(walked, "siti") as client:
        said = texts(sheet(client, BESIDE.code).content)[0]
    assert "Petugas: siti" in said, "one's own name is no secret"
    with walked.client("local_government") as client:
        assert sheet(client).status_code == 403
    with walked.client(None) as client:
        assert sheet(client).status_code == 401
    with walked.client() as client:
        assert sheet(client, VILLAGES[0]).json()["type"] == "urn:cakupan:problem:not-a-block"
        assert sheet(client, "0").json()["type"] == "urn:cakupan:problem:no-area"


def finished(client: httpx2.Client, job: dict[str, Any]) -> dict[str, Any]:
    for _ in range(400):
        found: dict[str, Any] = client.get(f"/v1/jobs/{job['job']}").json()
        if found["state"] != "running":
            return found
        time.sleep(0.05)
    raise AssertionError(found)


def test_the_sheets_of_an_area_are_made_as_a_job(walked: Service) -> None:
    since = datetime.now(UTC)
    with walked.client("coordinator") as client:
        asked = client.post("/v1/sheets", json={"within": "6472030", "paper": "a4", "lang": "id"})
        assert asked.status_code == 202
        assert (asked.json()["of"], asked.json()["file"], asked.json()["reason"]) == (6, None, None)
        made = finished(client, asked.json())
        assert (made["state"], made["done"], made["before"]) == ("done", 6, 0)
        assert made["made_at"]
        answer = client.get(made["file"])
        assert int(answer.headers["content-length"]) == len(answer.content)
        assert 'filename="cakupan_sheets_6472030_a4_epoch' in answer.headers["content-disposition"]
        codes = [said.split()[0] for said in texts(answer.content) if "Petugas" in said]
        assert codes == [block.code for block in BLOCKS]
        assert client.delete(f"/v1/jobs/{made['job']}").status_code == 204
        assert client.get(made["file"]).json()["type"] == "urn:cakupan:problem:no-job"
    exports = [subject for act, subject in audited(walked, since) if act == "export"]
    assert [(one["what"], one["rows"], one["within"]) for one in exports] == [("sheets", 6, "6472030")]


def test_only_the_owner_knows_of_a_job(walked: Service) -> None:
    with walked.client("supervisor") as client:
        job = client.post("/v1/sheets", json={}).json()
        assert job["of"] == 3
        file = finished(client, job)["file"]
    for who, status in (("admin", 404), ("coordinator", 404), ("local_government", 403), (None, 401)):
        with walked.client(who) as client:
            assert client.get(f"/v1/jobs/{job['job']}").status_code == status
            assert client.get(file).status_code == status
            assert client.delete(f"/v1/jobs/{job['job']}").status_code == status


def test_what_cannot_be_printed_is_refused_at_once(walked: Service) -> None:
    with walked.client("supervisor") as client:
        for body, status, code in (
            ({"within": VILLAGES[1]}, 404, "no-blocks"),
            ({"within": "nowhere"}, 404, "no-area"),
            ({"state": ["over"]}, 404, "no-blocks"),
            ({"state": ["nonsense"]}, 422, "bad-parameter"),
            ({"papers": "a4"}, 422, "bad-parameter"),
        ):
            answer = client.post("/v1/sheets", json=body)
            assert (answer.status_code, answer.json()["type"].rsplit(":")[-1]) == (status, code), answer.text


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printing that takes its time."""
    from app import printing  # noqa: PLC0415  # changed here alone
    from tiles import sheet as drawn  # noqa: PLC0415  # as above

    before = drawn.draw

    def late(*given: Any) -> None:
        time.sleep(0.15)
        before(*given)

    monkeypatch.setattr(printing.sheet, "draw", late)


def test_a_job_is_stopped_and_others_are_answered_meanwhile(walked: Service, slow: None) -> None:
    with walked.client() as client:
        job = client.post("/v1/sheets", json={}).json()
        for _ in range(100):
            begun = client.get(f"/v1/jobs/{job['job']}").json()
            if begun["done"]:
                break
            time.sleep(0.02)
        assert 0 < begun["done"] < 6
        assert client.get(f"/v1/jobs/{job['job']}/file").json()["type"] == "urn:cakupan:problem:no-file"
        assert client.delete(f"/v1/jobs/{job['job']}").status_code == 204
        assert client.get(f"/v1/jobs/{job['job']}").json()["state"] == "stopped"
        assert client.get(f"/v1/jobs/{job['job']}/file").status_code == 404
        asyncio.run(asyncio.sleep(0.4))
        assert client.get(f"/v1/jobs/{job['job']}").json()["done"] < 6
