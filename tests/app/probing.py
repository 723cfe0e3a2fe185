"""Probes: random callers ask random things, and every answer is searched for what is not theirs.

What a caller may see is known from `realm`, not from the code under test: ids of households and submissions say of
which block they are, and counts are held against those worked out from the rows that were sent.
"""

import json
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Self

from fastapi import FastAPI

from geo.watch.coverage import FIELDS
from tests.app.asking import Answer, ask
from tests.app.reading import FORMATS, PLACED, POINTS, Row, rows_of, text_of
from tests.app.realm import (
    AREAS,
    BLOCKS,
    HOUSEHOLD,
    SIDE,
    SOUTH,
    SUBMISSION,
    WEST,
    Caller,
    Realm,
    households_of,
)

LEVELS = ("province", "regency", "district", "village", "block", "scope")
HIDDEN = -2

#: What everybody may ask for.
OUTSIDE = ("/v1/releases", "/tiles/release/", "/v1/sites", "/tiles/sites")


def inside_of(within: str | None) -> frozenset[int]:
    """Numbers of the blocks of an area, or of all."""
    return AREAS[within].blocks if within in AREAS else frozenset(BLOCKS.values())


class Asker:
    """Asks at random and keeps what it was told and should not have been, in `found`."""

    def __init__(self, app: FastAPI, realm: Realm, seed: int) -> None:
        self._app, self._realm, self._chance = app, realm, random.Random(seed)  # noqa: S311 -- the seed replays a run; no secret is made of it
        self._callers = list(realm.callers.values())
        self.found: list[str] = []
        self.statuses: dict[tuple[str, int], int] = {}
        self._asked = ""

    def probes(self) -> Iterable[Callable[[Self, Caller], Awaitable[None]]]:
        """What may be asked."""
        raise NotImplementedError

    async def go(self, times: int, *, enough: int = 20) -> list[str]:
        """Ask so often, or until `enough` was found; several may do so at once."""
        probes = list(self.probes())
        for _ in range(times):
            caller = self._chance.choice(self._callers)
            await self._chance.choice(probes)(self, caller)
            if len(self.found) >= enough:
                break
        return self.found

    # Asking

    async def _get(self, caller: Caller, path: str, query: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        headers = {"authorization": f"Bearer {caller.token}"} if caller.token else {}
        if self._chance.random() < 0.1:  # whatever another was given
            headers["if-none-match"] = f'"{self._chance.getrandbits(64):016x}"'
        self._asked = f"{caller.name}: {more.get('method', 'GET')} {path} {given}"
        answer = await ask(self._app, path, given, headers=headers, **more)
        key = (path.split("/")[2] if path.startswith("/v1/") else path.split("/")[1], answer.status)
        self.statuses[key] = self.statuses.get(key, 0) + 1
        if answer.status >= 500:
            self._wrong(f"answered {answer.status}")
        open_ = path.startswith(OUTSIDE) and path != "/v1/sites/versions"
        if not caller.token and answer.status != 401 and not open_:
            self._wrong(f"answered nobody with {answer.status}")
        if answer.status >= 400 or given.get("format") != "xlsx":
            self._search(caller, answer.body.decode("latin-1"))
        return answer

    async def _watched(
        self, caller: Caller, path: str, query: Mapping[str, Any] | None = None, **more: Any
    ) -> Answer | None:
        """What those who watch get; None for whatever is no answer of numbers, and others must get nothing else."""
        answer = await self._get(caller, path, query, **more)
        if caller.token and not caller.watches and answer.status != 403:
            self._wrong(f"answered one who watches nothing with {answer.status}")
        return answer if answer.status == 200 else None

    # Looking

    def _wrong(self, what: str) -> None:
        self.found.append(f"{what} -- {self._asked}")

    def _search(self, caller: Caller, said: str) -> None:
        for number, n in HOUSEHOLD.findall(said):
            if int(number) not in caller.blocks and f"HH-{number}-{n}" not in caller.sent:
                self._wrong(f"gave household HH-{number}-{n}")
        own = {name.split("-")[1] for name in caller.sent}
        for number, _, _ in SUBMISSION.findall(said):
            if int(number) not in caller.blocks and f"{int(number):02d}" not in own:
                self._wrong(f"gave a submission of block {int(number)}")

    def _areas(self, caller: Caller, rows: list[Row], *, whole: bool = True) -> None:
        """Numbers of areas: of those covered, and true; of others none."""
        for row in rows:
            shown = {field for field in FIELDS if field in row and row[field] is not None}
            code = str(row["code"])
            if shown and code not in caller.covered:
                self._wrong(f"gave {sorted(shown)[0]} of {code}")
            if whole and code in caller.covered:
                true = sum(self._realm.completed[n] for n in AREAS[code].blocks)
                if row["completed"] != true:
                    self._wrong(f"gave {row['completed']} for {code}, not {true}")

    def _cells(
        self, caller: Caller, told: Mapping[int, tuple[float, float]], resolution: int, within: str | None
    ) -> None:
        """Completed and expected by cell: those of one's own blocks alone."""
        if not told:
            return
        blocks = caller.blocks & inside_of(within)
        done = self._realm.by_cell(self._realm.cells, blocks, resolution)
        wanted = self._realm.by_cell(self._realm.expected_cells, blocks, resolution)
        for cell, (completed, families) in told.items():
            if (completed, max(families, 0)) != (done[cell], wanted[cell]):
                self._wrong(f"gave {completed} of {families} for cell {cell:x}, not {done[cell]} of {wanted[cell]}")

    # What may be asked

    def _code(self) -> str | None:
        return self._chance.choice([None, None, *AREAS, "9999999"])

    def _format(self, formats: tuple[str, ...] = FORMATS) -> str:
        return self._chance.choices(formats, (5, 2, 2, 1, 1, 1)[: len(formats)])[0]

    def _limit(self, most: int) -> int | None:
        return self._chance.choice([None, 1, 7, most, most + 1])

    def _box(self) -> str | None:
        west, south = (round(start + self._chance.uniform(-2, 6) * SIDE, 5) for start in (WEST, SOUTH))
        width, height = (self._chance.choice([0, 1, 3, 100]) * SIDE for _ in range(2))
        return self._chance.choice([None, f"{west},{south},{west + width},{south + height}", "1,2,3"])

    def _household(self) -> dict[str, object]:
        return self._chance.choice(households_of(self._chance.choice(list(BLOCKS.values()))))

    async def _list(self, caller: Caller, name: str, query: dict[str, Any]) -> tuple[list[Row], dict[str, Any]]:
        """Rows of a list and what is said of all of them; nothing where the answer has none."""
        format_ = self._format(FORMATS if name == "progress" else (*PLACED, self._chance.choice(POINTS)))
        answer = await self._watched(caller, f"/v1/{name}", query | {"format": format_})
        if answer is None or format_ in POINTS:  # whose text has been searched
            return [], {}
        if format_ == "xlsx":
            self._search(caller, text_of(answer.body, format_))
        head = json.loads(answer.body) if format_ == "json" else {}
        return rows_of(answer.body, name, format_), head
