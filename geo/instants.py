"""Instants as people write them: a day, which is the campaign's, or an instant of RFC 3339 with its offset."""

import re
from datetime import date, datetime, timedelta, tzinfo

from geo.errors import BadInput

#: A day alone, also as spreadsheets give it: with a midnight that nobody typed.
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00)?)?")


def instant(said: str, zone: tzinfo, *, whole_day: bool = False) -> datetime:
    """The instant that `2022-11-01` or `2022-11-01T09:00:00+08:00` stands for.

    A day is its first instant in `zone`, or where `whole_day` the first after it, so that an end or an expiry takes the
    day in. Raises BadInput for anything else, an instant without an offset too.
    """
    try:
        if day := _DAY.fullmatch(said.strip()):
            begun = date.fromisoformat(day[1]) + timedelta(days=whole_day)
            return datetime(begun.year, begun.month, begun.day, tzinfo=zone)
        found = datetime.fromisoformat(said.strip())
    except (ValueError, OverflowError):
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput(f"{said} is no time: write 2022-11-01, or 2022-11-01T09:00:00+08:00")
    return found
