"""The campaign's clock while a demo plays: runs fast, passes over the nights, waits when the machine cannot follow."""

import time
from datetime import UTC, datetime

from app.database import Database
from geo.ground import campaign


class Clock:
    """Runs the clock of the campaign in `db`; `speed` campaign seconds in a real one.

    It never shows more than the database does, so that nothing is ever recorded ahead of the service's time.
    """

    def __init__(self, db: Database, speed: float) -> None:
        self.db, self.speed = db, speed
        self._set_to = (0.0, 0.0, 0.0)  # replaced whole, for phones read it from threads of their own

    def now(self) -> float:
        """What it shows, Unix seconds."""
        shown, since, speed = self._set_to
        return shown + (time.monotonic() - since) * speed

    def moment(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(self.now(), UTC)

    async def start(self, at: float | None = None) -> None:
        """Let it run on, or from `at`. Called now and then it also leaves a mark from which a killed demo goes on."""
        await self._set(at, self.speed)

    async def stop(self, at: float | None = None) -> None:
        """Let it stand where it is, or at `at`."""
        await self._set(at, 0.0)

    async def _set(self, at: float | None, speed: float) -> None:
        moment = None if at is None else datetime.fromtimestamp(at, UTC)
        async with self.db.worker.begin() as connection:
            shown = await campaign.set_clock(connection, moment, speed)
        self._set_to = (shown.timestamp(), time.monotonic(), speed)
