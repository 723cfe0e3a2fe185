"""How printed pages say things: texts by key, numbers and instants as the reader's language writes them.

Texts come from outside, since this room knows of no languages but what it is given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any


@dataclass(frozen=True)
class Wording:
    """Texts of one language by key; a `{name}` in them is filled in. `sheet.months` holds twelve short names."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: Any) -> str:
        """The text of a key."""
        return self.texts[key].format(**values)

    def number(self, count: int | None) -> str:
        """A count, with thousands told apart; a dash where it is not known."""
        if count is None:
            return "-"
        return f"{count:,}".replace(",", "." if self.language == "id" else ",")

    def day(self, at: datetime, zone: tzinfo) -> str:
        """A day without its year."""
        local = at.astimezone(zone)
        return f"{local.day} {self.texts['sheet.months'].split()[local.month - 1]}"

    def time(self, at: datetime, zone: tzinfo) -> str:
        """An hour of the day."""
        return f"{at.astimezone(zone):%H.%M}" if self.language == "id" else f"{at.astimezone(zone):%H:%M}"

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """A day with its year, and the time."""
        return f"{self.day(at, zone)} {at.astimezone(zone).year} {self.time(at, zone)}"

    def metres(self, length: float) -> str:
        """A length on the ground."""
        return f"{self.number(round(length))} m" if length < 1000 else f"{self.number(round(length / 1000))} km"
