"""The houses of an area as they were imported: pages of them, by block, for whoever watches, and no more at once."""

import httpx2
import pytest

from tests.app.test_holes import ACROSS, HOUSED, lay, place
from tests.app.townspeople import done
from tests.conftest import Service
from tests.world import BLOCKS, VILLAGES

PATH = "/v1/footprints"


@pytest.fixture(scope="module")
def housed(service: Service) -> Service:
    """A town whose houses are known; nobody has been to any of them."""
    done(service.logins, lay)
    return service


def said(client: httpx2.Client, **query: str | int) -> dict[str, object]:
    answer = client.get(PATH, params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


def test_every_house_comes_once_with_its_block(housed: Service) -> None:
    with housed.client() as client:
        rows, after = [], 0
        while True:
            page = said(client, limit=7, after=after)
            rows += page["footprints"]
            if page["next"] is None:
                break
            after = page["next"]
    assert len({row["id"] for row in rows}) == len(rows) == len(HOUSED) * ACROSS**2
    true = sorted((block.code, *(round(v, 6) for v in place(block, n))) for block in HOUSED for n in range(ACROSS**2))
    assert sorted((row["code"], round(row["lon"], 6), round(row["lat"], 6)) for row in rows) == true
    assert {row["area_m2"] for row in rows} == {80.0}


def test_within_an_area_and_for_whoever_watches(housed: Service) -> None:
    with housed.client("supervisor") as client:
        own = said(client, within=HOUSED[0].code, within_level="block")["footprints"]
        assert len(own) == ACROSS**2
        assert {row["n"] for row in own} == {HOUSED[0].number}
        beside = said(client, within=VILLAGES[1])["footprints"]  # public, like outlines
    assert {row["code"] for row in beside} <= {block.code for block in BLOCKS[3:]}
    with housed.client("local_government") as client:
        assert client.get(PATH).status_code == 403


def test_a_nation_is_too_wide(housed: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.api.footprints.MOST_AREAS", 3)
    with housed.client() as client:
        answer = client.get(PATH)
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:cakupan:problem:too-wide")
        assert client.get(PATH, params={"within": HOUSED[0].code, "within_level": "block"}).status_code == 200
