"""Ends of the audit's chain, written down outside of the database: whoever rebuilds the chain there is found by them.

A line a head in `audit/<database>.jsonl` in the service's folder, at most one a minute. Copies kept elsewhere, on paper
or by mail, bind whoever holds this machine as well.
"""

import time
from datetime import UTC, datetime
from pathlib import Path

import orjson

from geo.trust.seals import Head

#: Seconds between two heads that are written down.
APART = 60.0


def file_of(home: Path, database: str) -> Path:
    """Where the heads of a database are written down."""
    return home / "audit" / f"{database}.jsonl"


class Heads:
    """The heads that this process writes down."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._kept_at = -APART

    def keep(self, head: Head) -> None:
        """Write down a head, unless one was a moment ago. Raises OSError."""
        if time.monotonic() - self._kept_at < APART:
            return
        said = {"place": head.place, "digest": head.digest, "at": datetime.now(UTC).isoformat(timespec="seconds")}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(orjson.dumps(said) + b"\n")
        self._kept_at = time.monotonic()


def written(path: Path) -> list[Head]:
    """The heads written down, oldest first; a line cut short when the power failed is left out."""
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            said = orjson.loads(line)
            found.append(Head(int(said["place"]), str(said["digest"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found
