"""Sites that two local governments put at will, and what an outsider asks of clusters, sites, reach and placements.

Whoever plans chooses: where its own sites stand, what they can serve, which programme, distance, area and version is
asked about. Every one of these is a question that could be asked again and again.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.disclosure.city import VILLAGES, Block, City
from tests.disclosure.doors import FIRST, PUBLIC, SECOND, Door, Row

#: One in the middle of each block of `moved`, so that none but its own block lies within a kilometre of it; and one in
#: the middle of the cell of each, around which its families live.
MIDDLES, ANCHORS = "Tengah", "Jangkar"
KINDS = {MIDDLES: "pos", ANCHORS: "warung"}
DISTANCES = (1, 2, 5, 10)
MEANT_FOR = "moved"

#: Areas within which the first local government may ask, from the widest to its own village.
WITHIN = ("64", "6472", "6472030", VILLAGES[0])


@dataclass(frozen=True)
class Put:
    """A site that somebody puts somewhere, EPSG:4326."""

    site_id: str
    programme: str
    lon: float
    lat: float
    capacity: int = 20


def planned(city: City, village: int) -> list[Put]:
    """The sites of a village before the first release."""
    own = [block for block in city.of(MEANT_FOR) if block.village == village]
    return [put for block in own for put in (middle(block), Put(f"J-{block.place:02d}", ANCHORS, *_at(block.anchor)))]


def middle(block: Block, capacity: int = 20) -> Put:
    """The site in the middle of a block."""
    lon, lat = _at((block.shape.centroid.x, block.shape.centroid.y))
    return Put(f"T-{block.place:02d}", MIDDLES, lon, lat, capacity)


def _at(point: tuple[float, float]) -> tuple[float, float]:
    return round(point[0], 6), round(point[1], 6)


def put(door: Door, who: str, sites: Sequence[Put], **query: Any) -> httpx2.Response:
    """Bring sites as a local government does."""
    text = io.StringIO()
    out = csv.writer(text)
    out.writerow(["site_id", "programme", "kind", "name", "lon", "lat", "capacity"])
    for one in sites:
        name = f"Lokasi {one.site_id}"
        out.writerow(
            [one.site_id, one.programme, KINDS.get(one.programme, "lain"), name, one.lon, one.lat, one.capacity]
        )
    return door.clients[who].post(
        door.base + "/v1/sites", content=text.getvalue().encode(), headers={"Content-Type": "text/csv"}, params=query
    )


def settle(door: Door, city: City) -> None:
    """Both local governments bring theirs."""
    for village, who in enumerate((FIRST, SECOND)):
        answer = put(door, who, planned(city, village))
        assert answer.status_code in {200, 201}, answer.text


def told(door: Door, path: str, who: str = PUBLIC, release: int = 1, **query: Any) -> Row:
    """What a service says of a release's clusters, sites, reach or placements; naive ones do not say all of it."""
    answer = door.get(f"/v1/releases/{release}/{path}", who, **query)
    assert answer.status_code == 200 or door.base or (who == PUBLIC and path == "placements"), answer.text
    found: Row = answer.json() if answer.status_code == 200 else {}
    return found


def figures_of_sites(door: Door, who: str, release: int = 1, **query: Any) -> dict[str, Row]:
    """The sites that somebody is told of, by their ids."""
    return {row["site_id"]: row for row in told(door, "sites", who, release, **query).get("sites", [])}


def planning(release: int = 1) -> Iterator[str]:
    """Every address of the routes that plan, which everybody may ask."""
    base = f"/v1/releases/{release}"
    yield "/v1/sites"
    yield f"/v1/sites?programme={MIDDLES}&format=geojson"
    yield f"{base}/reach?programme={MIDDLES}&km=1"
    for of in ("clusters", "sites", "reach"):
        yield f"{base}/{of}?programme={ANCHORS}&km=1&within={VILLAGES[0]}"
    yield f"{base}/clusters"
    yield f"{base}/clusters?within={VILLAGES[1]}&format=geojson"
    yield f"{base}/clusters/leaves"
    yield f"{base}/sites?km=2"
    yield f"{base}/sites?km=2&programme={MIDDLES}&format=csv"
    yield f"{base}/reach?km=2&level=village"
    for method in ("cover", "median"):
        yield f"{base}/placements?programme={MIDDLES}&km=1&sites=2&method={method}"


def planning_files(release: int = 1) -> Iterator[str]:
    """The same as files, which cost more to make."""
    base = f"/v1/releases/{release}"
    yield from (f"{base}/clusters?format={format_}" for format_ in ("csv", "gpkg"))
    yield from (f"{base}/reach?km=2&format=csv", f"{base}/sites?km=2&format=xlsx")
    for format_ in ("xlsx", "gpkg", "pdf"):
        yield f"{base}/programmes.{format_}?programme={MIDDLES}&km=1&sites=2&method=cover"
    yield from (f"/v1/sites?format={format_}" for format_ in ("csv", "gpkg"))
