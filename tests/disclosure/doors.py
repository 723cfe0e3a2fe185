"""What an outsider has: an address, and for each local government a token. Everything here goes through HTTP.

The same questions are put to our service and to the naive ones of `tests.disclosure.naive`, which answer in its form.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.conftest import CERTIFICATES

Row = dict[str, Any]
#: Figures by (level or resolution, code or cell).
Figures = dict[tuple[str, str], Row]

PUBLIC, FIRST, SECOND = "public", "first", "second"
EVERYBODY = (PUBLIC, FIRST, SECOND)

#: Levels and resolutions that everybody may see, and the leaves, which each local government sees of its own areas.
LEVELS, LEAF = ("province", "regency", "district", "village"), "block"
RESOLUTIONS, FINEST = ("4", "5", "6", "7"), "8"

#: What a computer says of when it answered, and nothing of the answer.
NOISE = {"date"}


@dataclass
class Door:
    """An outsider before one service; `name` is `ours`, or that of a naive one."""

    name: str
    base: str
    clients: Mapping[str, httpx2.Client]
    asked: int = field(default=0)

    def get(self, path: str, who: str = PUBLIC, **query: Any) -> httpx2.Response:
        """One answer, whatever it says."""
        self.asked += 1
        self.clients[who].cookies.clear()  # no language is remembered
        return self.clients[who].get(self.base + path, params=query or None)  # none at all, lest those of `path` go

    def areas(self, release: int, level: str, who: str = PUBLIC, **query: Any) -> list[Row]:
        """Rows of a level; none where the release is not there."""
        found = self.get(f"/v1/releases/{release}/areas", who, level=level, limit=1000, **query)
        rows: list[Row] = found.json()["areas"] if found.status_code == 200 else []
        return rows

    def cells(self, release: int, resolution: str, who: str = PUBLIC) -> list[Row]:
        """Rows of a resolution, likewise."""
        found = self.get(f"/v1/releases/{release}/cells", who, res=resolution)
        rows: list[Row] = found.json()["cells"] if found.status_code == 200 else []
        return rows

    def leaves(self, release: int) -> Figures:
        """Blocks and cells of resolution 8 as the two local governments together see them."""
        found: Figures = {}
        for who in (FIRST, SECOND):
            for row in self.areas(release, LEAF, who):
                _keep(found, (LEAF, row["code"]), row)
            for row in self.cells(release, FINEST, who):
                _keep(found, (FINEST, row["cell"]), row)
        return found

    def above(self, release: int) -> Figures:
        """What everybody may see."""
        found: Figures = {}
        for level in LEVELS:
            found |= {(level, row["code"]): row for row in self.areas(release, level)}
        for resolution in RESOLUTIONS:
            found |= {(resolution, row["cell"]): row for row in self.cells(release, resolution)}
        return found


def _keep(found: Figures, key: tuple[str, str], row: Row) -> None:
    """Keep a row; one with a figure rather than one without."""
    if key not in found or found[key].get("poor") is None:
        found[key] = row


@contextlib.contextmanager
def clients(url: str, tokens: Mapping[str, str]) -> Iterator[Mapping[str, httpx2.Client]]:
    """A client for the public and for each local government, whose tokens are given by name."""
    with contextlib.ExitStack() as stack:
        yield {
            who: stack.enter_context(
                httpx2.Client(
                    base_url=url,
                    timeout=60,
                    verify=CERTIFICATES,
                    headers={"Authorization": f"Bearer {tokens[who]}"} if who in tokens else {},
                )
            )
            for who in EVERYBODY
        }


def said(answer: httpx2.Response) -> tuple[int, tuple[tuple[str, str], ...], bytes]:
    """Every byte of an answer that an outsider sees, the time of day apart."""
    headers = tuple(sorted((k, v) for k, v in answer.headers.items() if k.lower() not in NOISE))
    return answer.status_code, headers, answer.content
