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
        self._shown = 0.0
        self._since = time.monotonic()
        self._running = False

    def now(self) -> float:
        """What it shows, Unix seconds."""
        gone = (time.monotonic() - self._since) * self.speed if self._running else 0.0
        return self._shown + gone

    def moment(self) -> datetime:
        """What it shows."""
        return datetime.fromtimestamp(self.now(), UTC)

    async def start(self, at: float | None = None) -> None:
        """Let it run on, or from `at`. Called now and then it also leaves a mark from which a killed demo goes on."""
        await self._set(at, running=True)

    async def stop(self, at: float | None = None) -> None:
        """Let it stand where it is, or at `at`."""
        await self._set(at, running=False)

    async def _set(self, at: float | None, *, running: bool) -> None:
        moment = None if at is None else datetime.fromtimestamp(at, UTC)
        async with self.db.worker.begin() as connection:
            shown = await campaign.set_clock(connection, moment, self.speed if running else 0.0)
        self._shown, self._running, self._since = shown.timestamp(), running, time.monotonic()
