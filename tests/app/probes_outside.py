"""What is asked at random of releases, by whoever it is: figures of one's own blocks, and everybody's of villages."""

import json

import numpy as np

from geo.ground import cells
from tests.app.matrix import KEEPERS
from tests.app.probing import Asker, inside_of
from tests.app.published import FIELD, FINAL, Figure
from tests.app.reading import Row, rows_of, text_of, tile_of
from tests.app.realm import AREAS, BLOCKS, GRANTS, SIDE, SOUTH, WEST, Caller

#: Blocks more often than the others, for only they are hidden.
LEVELS = ("province", "regency", "district", "village", "block", "block", "block", "block")

#: The routes that are asked here.
RELEASED = (
    "GET /v1/releases",
    "GET /v1/releases/{release}/areas",
    "GET /v1/releases/{release}/cells",
    "GET /v1/releases/{release}/compare",
    "GET /v1/releases/{release}.xlsx",
    "GET /v1/releases/{release}.gpkg",
    "GET /tiles/release/{release}/{layer}/{z}/{x}/{y}.mvt",
    "GET /tiles/release/{release}/{layer}.json",
)

#: Those that read the list of sites, of which there is one in each block.
LISTED = ("GET /v1/sites", "GET /v1/sites/versions", "GET /tiles/sites/{z}/{x}/{y}.mvt", "GET /tiles/sites.json")

#: Those that lay sites over releases.
OVERLAID = (
    "GET /v1/releases/{release}/clusters",
    "GET /v1/releases/{release}/clusters/leaves",
    "GET /v1/releases/{release}/sites",
    "GET /v1/releases/{release}/reach",
    "GET /v1/releases/{release}/placements",
    "GET /v1/releases/{release}/programmes.xlsx",
    "GET /v1/releases/{release}/programmes.gpkg",
    "GET /v1/releases/{release}/programmes.pdf",
)


class Outsider(Asker):
    """Probes of what everybody may ask for."""

    async def releases(self, caller: Caller) -> None:
        """One of the routes."""
        what = self._chance.choice((self._areas_of, self._areas_of, self._cells_of, self._compared, self._tile_of))
        if self._chance.random() < 0.05:  # files are slow
            what = self._file_of
        await what(caller, self._chance.choice((FIELD, FINAL)))

    def _reads(self, caller: Caller) -> frozenset[int]:
        """Numbers of the blocks that its grants open to it, whatever the role."""
        codes = [code for _, _, code in GRANTS[caller.name]]
        return frozenset(n for code in codes for n in (BLOCKS.values() if code is None else AREAS[code].blocks))

    async def sites(self, caller: Caller) -> None:
        """The list of sites: everybody's, but what is doubtful about one is told to those alone who keep it."""
        drawn = ("/tiles/sites.json", "/tiles/sites/9/422/256.mvt")
        path = self._chance.choice(("/v1/sites", "/v1/sites", "/v1/sites", "/v1/sites/versions", *drawn))
        if path != "/v1/sites":
            answer = await self._get(caller, path)
            if path not in drawn and answer.status == 200 and not caller.roles & KEEPERS:
                self._wrong("told who changed sites")
            return
        within, format_ = self._code(), self._format()
        asked = {"within": within, "q": self._chance.choice([None, "place", "SITE-1"]), "limit": self._limit(10_000),
                 "doubts": self._chance.choice([None, None, "true"]), "format": format_}  # fmt: skip
        answer = await self._get(caller, path, asked)
        grants = [code for role, _, code in GRANTS[caller.name] if role in KEEPERS]
        kept = {n for code in grants for n in (BLOCKS.values() if code is None else AREAS[code].blocks)}
        for row in rows_of(answer.body, "sites", format_) if answer.status == 200 else ():
            number = int(str(row["site_id"]).removeprefix("SITE-"))
            if within in AREAS and number not in AREAS[str(within)].blocks:
                self._wrong(f"listed {number} for {within}")
            if row.get("doubts") is not None and row.get("doubts") != "" and number not in kept:
                self._wrong(f"told what is doubtful about {number}")

    async def overlaid(self, caller: Caller) -> None:
        """One of the routes that lay sites over a release."""
        release, asked = self._chance.choice((FIELD, FINAL)), {"within": self._code()}
        what = self._chance.choice((self._leaves_of, self._reach_of, self._sums_of))
        await (self._filed if self._chance.random() < 0.02 else what)(caller, release, asked)

    async def _leaves_of(self, caller: Caller, release: int, asked: Row) -> None:
        format_ = self._format(("json", "csv", "geojson", "xlsx"))
        answer = await self._get(caller, f"/v1/releases/{release}/clusters/leaves", asked | {"format": format_})
        for row in rows_of(answer.body, "leaves", format_) if answer.status == 200 else ():
            cell = cells.from_hex(str(row["cell"]))
            if not cells.resolution(np.array([cell])) < 8 and self._realm.owners[cell] not in self._reads(caller):
                self._wrong(f"gave a leaf {row['cell']}")
            self._told(caller, row, release, cell, True)

    async def _reach_of(self, caller: Caller, release: int, asked: Row) -> None:
        more = {"level": "village", "programme": self._chance.choice([None, "PKH", "None"])}
        answer = await self._get(caller, f"/v1/releases/{release}/reach", asked | more)
        if answer.status != 200:
            return
        said = json.loads(answer.body)
        for row in said["areas"]:
            self._told(caller, row, release, AREAS[row["code"]].number, True)
            if {f: row["reached"][f] + row["beyond"][f] for f in ("households", "poor")}.items() > row.items():
                self._wrong(f"divided {row['code']} into {row['reached']} and {row['beyond']}")
        inside = self._reads(caller) & inside_of(str(asked["within"]) if asked["within"] else None)
        true = sum(self._realm.released[release][n].value for n in inside)
        if said["system"] == "block" and said["families"]["poor"] != true:
            self._wrong(f"gave {said['families']['poor']} poor families, not {true}")

    async def _sums_of(self, caller: Caller, release: int, asked: Row) -> None:
        name = self._chance.choice(("clusters", "sites", "placements"))
        answer = await self._get(caller, f"/v1/releases/{release}/{name}", asked)
        plans = bool(self._reads(caller))
        if name == "placements" and answer.status == 200 and not plans:
            self._wrong("proposed places to the public")
        if answer.status == 200 and not plans and json.loads(answer.body)["resolution"] != 7:
            self._wrong("counted in blocks or in fine cells")

    async def _filed(self, caller: Caller, release: int, asked: Row) -> None:
        format_ = self._chance.choice(("xlsx", "gpkg", "pdf"))
        answer = await self._get(caller, f"/v1/releases/{release}/programmes.{format_}", asked)
        if answer.status != 200 or format_ == "pdf":
            return
        said, mine = text_of(answer.body, format_), self._reads(caller)
        given = [cell for cell, number in self._realm.owners.items() if number not in mine and f"{cell:x}" in said]
        if given:
            self._wrong(f"gave cells {given}")

    async def _areas_of(self, caller: Caller, release: int) -> None:
        level, format_ = self._chance.choice(LEVELS), self._format()
        asked = {"level": level, "within": self._code(), "q": self._chance.choice([None, "Area", "64", "%"]),
                 "sort": self._chance.choice([None, "poor", "share", "households", "score"]),
                 "limit": self._limit(10_000), "format": format_}  # fmt: skip
        answer = await self._get(caller, f"/v1/releases/{release}/areas", asked)
        for row in rows_of(answer.body, "areas", format_) if answer.status == 200 else ():
            number = AREAS[str(row["code"])].number
            self._told(caller, row, release, number, level != "block" or number in self._reads(caller))

    async def _cells_of(self, caller: Caller, release: int) -> None:
        resolution, format_ = self._chance.choice((3, 4, 5, 6, 7, 8, 8, 8, 8, 9)), self._format()
        asked = {"res": resolution, "bbox": self._box(), "within": self._code(), "format": format_}
        answer = await self._get(caller, f"/v1/releases/{release}/cells", asked)
        for row in rows_of(answer.body, "cells", format_) if answer.status == 200 else ():
            cell = cells.from_hex(str(row["cell"]))
            owned = resolution < 8 or self._realm.owners[cell] in self._reads(caller)
            self._told(caller, row, release, cell, owned)

    async def _compared(self, caller: Caller, release: int) -> None:
        level, within = self._chance.choice(LEVELS), self._code()
        asked = {"with": self._chance.choice((FIELD, FINAL)), "level": level, "within": within}
        answer = await self._get(caller, f"/v1/releases/{release}/compare", asked)
        for row in rows_of(answer.body, "compare", "json") if answer.status == 200 else ():
            number = AREAS[str(row["code"])].number
            seen = level != "block" or number in self._reads(caller)
            for which, of in (("before", FIELD), ("after", FINAL)):
                parts = {name.removeprefix(f"{which}_"): value for name, value in row.items()}
                self._told(caller, parts, of, number, seen)
            if not seen and row["change"] is not None:
                self._wrong(f"gave a change of {row['code']}")

    async def _tile_of(self, caller: Caller, release: int) -> None:
        layer, z = self._chance.choice(("areas", "blocks", "blocks")), self._chance.randrange(8, 16)
        lon, lat = (start + self._chance.random() * 4 * SIDE for start in (WEST, SOUTH))
        x, y = int((lon + 180) / 360 * 2**z), int((1 - lat / 180) / 2 * 2**z)  # near the equator
        answer = await self._get(caller, f"/tiles/release/{release}/{layer}/{z}/{x}/{y}.mvt")
        for row in tile_of(answer.body, layer) if answer.status == 200 else ():
            number = AREAS[str(row["code"])].number
            seen = number not in BLOCKS.values() or number in self._reads(caller)
            hidden = "not_shown" in row["notes"]
            if hidden is seen or ("households" in row) is not seen:
                self._wrong(f"drew {row['code']} with {row}")

    async def _file_of(self, caller: Caller, release: int) -> None:
        format_ = self._chance.choice(("xlsx", "gpkg"))
        answer = await self._get(caller, f"/v1/releases/{release}.{format_}")
        if answer.status != 200:
            self._wrong(f"answered {answer.status}: {answer.body!r}")
            return
        said = text_of(answer.body, format_)
        if format_ == "xlsx":
            self._search(caller, said)
        named = {BLOCKS[code] for code in BLOCKS if f"{code}" in said}
        if named != self._reads(caller):
            self._wrong(f"gave blocks {sorted(named)}")

    def _told(self, caller: Caller, row: Row, release: int, key: int, seen: bool) -> None:
        """Whether a row tells what is published where that may be seen, and nothing where not."""
        parts = [row[name] for name in ("households", "poor", "draws", "expected")]
        if not seen:
            if any(part is not None for part in (*parts, row["error"], row["covered"], row["share_band"])):
                self._wrong(f"gave a figure of {key}")
        elif Figure(*(int(part) for part in parts)) != self._realm.released[release][key]:
            self._wrong(f"gave {parts} of {key}")
