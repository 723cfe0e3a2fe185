"""What is asked at random, of every route that reads, and what of each answer would be wrong."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

import numpy as np

from geo.ground import cells
from geo.watch.coverage import FIELDS, STATES
from tests.app.matrix import DECIDERS
from tests.app.probes_outside import LISTED, OVERLAID, RELEASED, Outsider
from tests.app.probing import HIDDEN, LEVELS, inside_of
from tests.app.reading import events_of, rows_of, text_of, tile_of
from tests.app.realm import AREAS, BLOCKS, GRANTS, ROWS, SIDE, SOUTH, WEST, Caller
from tiles.layers import resolution_at
from tiles.splice import EMPTY

#: Who leads somebody in the realm.
LEADERS = ("leader",)


class Prober(Outsider):
    """Probes, each a question to one route or a few."""

    def probes(self) -> Iterable[Callable[["Prober", Caller], Awaitable[None]]]:
        """All of them, equally likely."""
        return PROBES.values()

    async def coverage(self, caller: Caller) -> None:
        within, level, day = self._code(), self._chance.choice(LEVELS), self._chance.choice([None, None, "2022-10-21"])
        asked = {"within": within, "level": level, "day": day, "limit": self._limit(100_000)}
        rows, _ = await self._list(caller, "coverage", asked | {"after": self._chance.choice([None, 0, 7, 30])})
        if level != "scope":
            self._areas(caller, rows, whole=day is None)
        for row in rows if level == "scope" and day is None else ():
            if row["completed"] != (true := self._realm.total(caller, within)):
                self._wrong(f"gave {row['completed']} as total, not {true}")

    async def gaps(self, caller: Caller) -> None:
        within = self._code()
        state = self._chance.choice([None, list(STATES), ["unvisited"], ["nowhere"]])
        after = self._chance.choice([None, None, "20-5", f"{self._chance.randrange(50)}-{self._chance.randrange(40)}"])
        rows, head = await self._list(
            caller, "gaps", {"within": within, "state": state, "after": after, "limit": self._limit(100_000)}
        )
        self._areas(caller, rows)
        for row in rows:
            if row["code"] not in BLOCKS or BLOCKS[row["code"]] not in caller.blocks:
                self._wrong(f"listed {row['code']}")
        inside = inside_of(within)
        if head and sum(head["states"].values()) != len(caller.blocks & inside):
            self._wrong(f"counted {head['states']}")

    async def progress(self, caller: Caller) -> None:
        within = self._code()
        rows, head = await self._list(caller, "progress", {"within": within})
        if within is not None and within not in caller.covered and (rows or head.get("completed") is not None):
            self._wrong(f"told how {within} goes")
        if head and head["completed"] is not None and head["completed"] != (true := self._realm.total(caller, within)):
            self._wrong(f"gave {head['completed']} as total, not {true}")
        if rows and int(rows[-1]["completed"]) > self._realm.total(caller, within):
            self._wrong(f"gave {rows[-1]['completed']} of the last day")

    async def enumerators(self, caller: Caller) -> None:
        within, format_, limit = self._code(), self._format(), self._limit(10_000)
        state = self._chance.choice([None, None, ["quiet", "fresh"], ["nowhere"]])
        after = self._chance.choice([None, None, "0~worker-20", "1666600000000000~", "?"])
        asked = {"within": within, "state": state, "after": after, "quiet": self._chance.choice([None, 1, 1000, 0])}
        answer = await self._get(caller, "/v1/enumerators", asked | {"limit": limit, "format": format_})
        if answer.status != 200:
            return
        if not caller.roles & DECIDERS:
            self._wrong("told of others' work")
        mine = self._overseen(caller) & inside_of(within)
        rows = rows_of(answer.body, "enumerators", format_)
        for row in rows:
            if int(str(row["name"]).removeprefix("worker-")) not in mine:
                self._wrong(f"named {row['name']}")
        if format_ == "json" and not state and (total := json.loads(answer.body)["total"]) != len(mine):
            self._wrong(f"counted {total} enumerators, not {len(mine)}")

    async def cells(self, caller: Caller) -> None:
        within, resolution = self._code(), self._chance.randrange(3, 12)
        rows, _ = await self._list(caller, "cells", {"within": within, "res": resolution, "bbox": self._box()})
        told = {cells.from_hex(r["cell"]): (float(r["completed"]), float(r["expected"] or 0)) for r in rows}
        self._cells(caller, told, resolution, within)

    async def areas(self, caller: Caller) -> None:
        asked = {"within": self._code(), "level": self._chance.choice([None, *LEVELS]), "q": self._chance.choice(
            [None, "Area", "64", self._household()["household_id"]])}  # fmt: skip
        rows, _ = await self._list(caller, "areas", asked | {"limit": self._limit(10_000)})
        if {name for row in rows for name in row} & set(FIELDS):
            self._wrong("gave numbers with the areas")

    async def area(self, caller: Caller) -> None:
        code = self._chance.choice([*AREAS, str(self._household()["household_id"])])
        answer = await self._watched(caller, f"/v1/areas/{code}", {"level": self._chance.choice([None, "village"])})
        if answer:
            self._areas(caller, [json.loads(answer.body)["area"]])

    async def households(self, caller: Caller) -> None:
        within, foreign = self._code(), self._household()
        near = f"n{self._chance.randrange(45)}~{foreign['household_id']}"
        key = self._chance.choice([near, "n0~", "c0~", "c5~x", "?"])
        asked = {
            "within": within,
            "bbox": self._box(),
            "after": self._chance.choice([None, None, key]),
            "result": self._chance.choice([None, None, "completed", "moved"]),
            "from": self._chance.choice([None, None, "2022-10-22"]),
            "unplaced": self._chance.choice([None, None, None, "true"]),
            "limit": self._limit(10_000),
        }
        rows, head = await self._list(caller, "households", asked)
        for row in rows:
            if BLOCKS.get(row["code"]) not in caller.blocks:
                self._wrong(f"listed a household of {row['code']}")
        if head and not any(asked[name] for name in ("bbox", "result", "from", "unplaced")):
            true = sum(3 + n % 5 for n in caller.blocks & inside_of(within))
            if head["total"] != true:
                self._wrong(f"counted {head['total']} households, not {true}")

    async def callbacks(self, caller: Caller) -> None:
        within, foreign = self._code(), self._household()
        asked = {
            "within": within,
            "due": self._chance.choice([None, ["overdue"], ["today", "later", "spent", "overdue", "closed"], ["gone"]]),
            "after": self._chance.choice([None, None, None, f"{self._chance.randrange(6)}~{foreign['household_id']}"]),
            "limit": self._chance.choice([None, 0, 1, 1000]),
        }
        rows, head = await self._list(caller, "callbacks", asked)
        for row in rows:
            if BLOCKS.get(row["code"]) not in caller.blocks:
                self._wrong(f"listed a visit due in {row['code']}")
        if head:
            true = sum(3 + n % 5 - self._realm.completed[n] for n in caller.blocks & inside_of(within))
            if sum(head["due"].values()) != true:
                self._wrong(f"counted {head['due']}, not {true}")

    async def history(self, caller: Caller) -> None:
        await self._one(caller, self._household(), "/v1/households/{household_id}")

    async def prelist(self, caller: Caller) -> None:
        within, number = self._code(), self._chance.choice(list(BLOCKS.values()))
        key = json.dumps([number, False, "", 2**31, f"HH-{number:02d}-2"]).encode()
        asked = {
            "within": within,
            "after": self._chance.choice([None, None, urlsafe_b64encode(key).decode().rstrip("="), "?"]),
            "state": self._chance.choice([None, ["new"], ["missing", "open", "done", "dropped", "new"], ["gone"]]),
            "limit": self._chance.choice([None, 0, 1, 10_000]),
        }
        rows, head = await self._list(caller, "prelist", asked)
        for row in rows:
            if BLOCKS.get(row["code"]) not in caller.blocks:
                self._wrong(f"listed a family of {row['code']}")
        if head and head["states"]:
            blocks = len(caller.blocks & inside_of(within))
            if (head["states"]["missing"], head["states"]["new"]) != (2 * blocks, blocks):
                self._wrong(f"counted {head['states']} in {blocks} blocks")

    async def quarantine(self, caller: Caller) -> None:
        within = self._code()
        state = self._chance.choice([None, ["open"], ["open", "resolved", "rejected"]])
        after = self._chance.choice([None, None, self._chance.choice(list(self._realm.held))])
        asked = {"within": within, "state": state, "after": after, "limit": self._chance.choice([None, 0, 1, 1000])}
        _, head = await self._list(caller, "quarantine", asked)
        inside = inside_of(within)
        seen = sum(
            number in inside and (number in caller.blocks or household in caller.sent)
            for number, household in self._realm.held.values()
        )
        if head and sum(head["states"].values()) != seen:
            self._wrong(f"counted {head['states']} rows held back, not {seen}")

    async def resolve(self, caller: Caller) -> None:
        row = self._chance.choice([*self._realm.held, 10**9])
        number, _ = self._realm.held.get(row, (0, ""))
        body = json.dumps({"action": "amend", "changes": {"no such field": 1}}).encode()
        answer = await self._get(caller, f"/v1/quarantine/{row}/resolve", method="POST", body=body)
        decides = caller.roles & DECIDERS
        mine = self._overseen(caller)
        right = (
            401
            if not caller.token
            else 403
            if not decides
            else 422
            if number in mine  # not where it only sent the row itself
            else 404
        )
        if answer.status != right:
            self._wrong(f"answered {answer.status}, not {right}, for a row of block {number}")

    def _overseen(self, caller: Caller) -> frozenset[int]:
        """Numbers of the blocks it answers for, and not only works in."""
        held = zip(self._roles(caller), caller.areas, strict=True)
        return frozenset(
            n for role, area in held if role in DECIDERS for n in (BLOCKS.values() if area is None else area.blocks)
        )

    def _roles(self, caller: Caller) -> list[str]:
        return [role for role, _, _ in GRANTS[caller.name] if role != "local_government"]

    async def submission(self, caller: Caller) -> None:
        await self._one(caller, self._household(), "/v1/submissions/{submission_id}")

    async def _one(self, caller: Caller, row: dict[str, object], path: str) -> None:
        """What lies in one block alone is there for those who see the block."""
        answer = await self._get(caller, path.format(**row))
        seen = int(str(row["submission_id"])[4:8]) in caller.blocks
        right = 401 if not caller.token else 403 if not caller.watches else 200 if seen else 404
        if answer.status != right:
            self._wrong(f"answered {answer.status}, not {right}")

    async def stream(self, caller: Caller) -> None:
        within, resolution = self._chance.choice([None, *AREAS]), self._chance.choice([None, *range(4, 11)])
        asked = {"within": within, "res": resolution, "epoch": self._chance.choice([0, 0, 10**6]),
                 "level": self._chance.sample(LEVELS[:-1], self._chance.randrange(1, 4))}  # fmt: skip
        answer = await self._watched(caller, "/v1/stream", asked)
        if answer is None:
            return
        event = events_of(answer.body.decode())[-1]
        if "total" not in event:  # it broke off before what was asked
            self._wrong("gave no change")
            return
        if event["total"]["completed"] != (true := self._realm.total(caller, within)):
            self._wrong(f"gave {event['total']['completed']} as total, not {true}")
        rows = [{"code": ROWS[row[0] - 1][1], "completed": row[2], "expected": row[1]} for row in event["areas"]]
        self._areas(caller, rows)
        if resolution is not None:
            ids = np.array([row[0] for row in event["cells"]], dtype=np.int64)
            keys = cells.from_feature_ids(ids, resolution).tolist()
            told = {key: (row[2], row[1]) for key, row in zip(keys, event["cells"], strict=True)}
            self._cells(caller, told, resolution, within)

    async def tile(self, caller: Caller) -> None:
        layer, z = self._chance.choice(("areas", "blocks", "cells", "households")), self._chance.randrange(17)
        if layer == "households":
            z = self._chance.choice((14, 14, 15, 16))
        x, y = (self._chance.randrange(2**z) for _ in range(2))
        if self._chance.random() < 0.9:
            lon, lat = (start + self._chance.random() * 6 * SIDE for start in (WEST, SOUTH))
            x = int((lon + 180) / 360 * 2**z)
            y = int((1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * 2**z)
        answer = await self._watched(caller, f"/tiles/{layer}/{z}/{x}/{y}.mvt")
        if answer is None or layer == "households":  # its ids lie plain in the bytes, and were searched for
            return
        rows = tile_of(answer.body, layer)
        if layer == "cells":
            rows = [row for row in rows if row["completed"] != EMPTY]
            ids = np.array([row["id"] for row in rows], dtype=np.int64)
            keys = cells.from_feature_ids(ids, resolution_at(z)).tolist()
            told = {key: (row["completed"], row["expected"]) for key, row in zip(keys, rows, strict=True)}
            self._cells(caller, told, resolution_at(z), None)
            return
        shown = [{n: None if v == HIDDEN else v for n, v in row.items()} for row in rows]
        self._areas(caller, shown)

    async def holes(self, caller: Caller) -> None:
        """Holes in one's own blocks alone."""
        within = self._code()
        answer = await self._watched(caller, "/v1/holes", {"within": within, "limit": self._limit(1000)})
        said = json.loads(answer.body) if answer else {"holes": [], "blocks": len(caller.blocks & inside_of(within))}
        if not {row["code"] for row in said["holes"]} <= caller.covered:
            self._wrong("gave a hole of another's block")
        if said["blocks"] != len(caller.blocks & inside_of(within)):
            self._wrong(f"looked at {said['blocks']} blocks")

    async def doubts(self, caller: Caller) -> None:
        """Doubts, proposals and second interviews in one's own blocks alone, for those who answer for them."""
        name, format_ = self._chance.choice(("proposals", "flags", "reinterviews")), self._format()
        asked = {"within": self._code(), "state": "all", "limit": self._limit(1000), "format": format_}
        if name == "reinterviews":
            asked["share"] = 0.5
        answer = await self._get(caller, f"/v1/{name}", asked)
        if answer.status != 200:
            return
        if format_ == "xlsx":
            self._search(caller, text_of(answer.body, format_))
        codes = {str(row["code"]) for row in rows_of(answer.body, name, format_)}
        if not caller.roles & DECIDERS or not codes <= caller.covered:
            self._wrong(f"gave {name} of another's block")

    async def welfare(self, caller: Caller) -> None:
        """Movements and lists of one's own areas alone, for those who answer for them."""
        name, format_ = self._chance.choice(("movements", "cutoffs")), self._format()
        level, within = self._chance.choice(LEVELS[1:-1]), self._code()
        asked = {"within": within, "level": level, "limit": self._limit(10_000), "format": format_}
        answer = await self._get(caller, f"/v1/{name}", asked)
        if answer.status != 200:
            return
        rows = rows_of(answer.body, name, format_)
        mine = self._overseen(caller)
        told = {str(row["code"]) for row in rows if row["families"] is not None}
        if not caller.roles & DECIDERS or not all(AREAS[code].blocks <= mine for code in told):
            self._wrong(f"gave {name} of another's area")
        true = sum(3 + n % 5 for n in mine & inside_of(within))
        if format_ == "json" and (said := json.loads(answer.body)["whole"]["families"]) != true:
            self._wrong(f"counted {said} families, not {true}")

    async def ledger(self, caller: Caller) -> None:
        """The ledger of a household of one's own blocks, and rows held back there, for those who answer for them."""
        row, within, mine = self._household(), self._code(), self._overseen(caller)
        if self._chance.random() < 0.5:
            answer = await self._get(caller, f"/v1/households/{row['household_id']}/welfare")
            seen = int(str(row["submission_id"])[4:8]) in mine
            if answer.status != (401 if not caller.token else 403 if not mine else 200 if seen else 404):
                self._wrong(f"answered {answer.status}")
            return
        answer = await self._get(caller, "/v1/welfare/held", {"within": within, "limit": self._limit(1000)})
        if answer.status != 200:
            return
        said, inside = json.loads(answer.body), mine & inside_of(within)
        if sum(said["reasons"].values()) != len(inside) or {BLOCKS[r["code"]] for r in said["held"]} - inside:
            self._wrong(f"gave {said['reasons']} held back, not {len(inside)}")

    async def plan(self, caller: Caller) -> None:
        """The plan of a team of one's own blocks alone."""
        answer = await self._get(caller, "/v1/plan", {"supervisor": self._chance.choice([None, *LEADERS, "nobody"])})
        if answer.status == 200:
            said = json.loads(answer.body)
            stops = [stop for route in said["routes"] for stop in route["stops"]] + said["left"]
            if not caller.roles & DECIDERS or not {stop["code"] for stop in stops} <= caller.covered:
                self._wrong("gave the plan of another's team")

    async def footprints(self, caller: Caller) -> None:
        """Houses are everybody's who watches: they say nothing of anybody."""
        await self._watched(caller, "/v1/footprints", {"within": self._code(), "limit": self._limit(1000)})

    async def sheet(self, caller: Caller) -> None:
        """Sheets of one's own blocks alone, and of nobody a job."""
        if self._chance.random() < 0.9:  # a sheet has to be drawn
            job = UUID(int=self._chance.getrandbits(128), version=4)
            if await self._watched(caller, f"/v1/jobs/{job}{self._chance.choice(['', '/file'])}"):
                self._wrong("told of a job that nobody began")
            return
        code, number = self._chance.choice([*BLOCKS.items()])
        if await self._watched(caller, f"/v1/sheets/{code}.pdf") and number not in caller.blocks:
            self._wrong(f"printed {code}")

    async def beside(self, caller: Caller) -> None:
        """What says nothing of households or of numbers."""
        await self._get(caller, f"/{self._chance.choice(NAMES)}")

    async def people(self, caller: Caller) -> None:
        """Accounts, grants and what people did."""
        name = self._chance.choice(("access", "accounts", "audit"))
        format_ = self._format()
        more = {"within": self._code()} if name == "access" else {"limit": self._limit(1000)}
        answer = await self._get(caller, f"/v1/{name}", more | {"format": format_})
        if answer.status == 200 and format_ == "xlsx":
            self._search(caller, text_of(answer.body, format_))
        allowed = {"access": DECIDERS, "accounts": {"admin"}, "audit": {"admin"}}[name]
        if answer.status == 200 and (not caller.roles & allowed or (name == "audit" and caller.name != "admin")):
            self._wrong("told of others")


NAMES = ("v1/me", "v1/campaign", "v1/tokens", "v1/sessions", "style.json", "tiles/cells.json", "basemap.pmtiles")

Probe = Callable[[Prober, Caller], Awaitable[None]]

#: Which probe asks which routes; `test_probes.py` holds them against the application's.
PROBES: dict[tuple[str, ...], Probe] = {
    ("GET /v1/coverage",): Prober.coverage,
    ("GET /v1/gaps",): Prober.gaps,
    ("GET /v1/holes",): Prober.holes,
    ("GET /v1/proposals", "GET /v1/flags", "GET /v1/reinterviews"): Prober.doubts,
    ("GET /v1/movements", "GET /v1/cutoffs"): Prober.welfare,
    ("GET /v1/households/{household_id:path}/welfare", "GET /v1/welfare/held"): Prober.ledger,
    ("GET /v1/plan",): Prober.plan,
    ("GET /v1/footprints",): Prober.footprints,
    ("GET /v1/sheets/{code}.pdf", "GET /v1/jobs/{job_id}", "GET /v1/jobs/{job_id}/file"): Prober.sheet,
    ("GET /v1/cells",): Prober.cells,
    ("GET /v1/progress",): Prober.progress,
    ("GET /v1/enumerators",): Prober.enumerators,
    ("GET /v1/areas",): Prober.areas,
    ("GET /v1/areas/{code}",): Prober.area,
    ("GET /v1/households",): Prober.households,
    ("GET /v1/callbacks",): Prober.callbacks,
    ("GET /v1/households/{household_id:path}",): Prober.history,
    ("GET /v1/prelist",): Prober.prelist,
    ("GET /v1/quarantine",): Prober.quarantine,
    ("POST /v1/quarantine/{row_id}/resolve",): Prober.resolve,
    ("GET /v1/submissions/{submission_id}",): Prober.submission,
    ("GET /v1/stream",): Prober.stream,
    ("GET /tiles/{layer}/{z}/{x}/{y}.mvt",): Prober.tile,
    (
        *("GET /v1/me", "GET /v1/campaign", "GET /v1/tokens", "GET /v1/sessions", "GET /style.json"),
        *("GET /tiles/{layer}.json", "GET /basemap.pmtiles"),
    ): Prober.beside,
    ("GET /v1/access", "GET /v1/accounts", "GET /v1/audit"): Prober.people,
    RELEASED: Prober.releases,
    OVERLAID: Prober.overlaid,
    LISTED: Prober.sites,
}
