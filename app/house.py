"""What one process of the service holds while it runs: pools, the ground, the mirror, kept tiles; and its two loops.

One loop folds, one moves the mirror on and notices when campaign, areas or expected families were changed, one seals
the audit.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import psycopg
import structlog
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from app import room
from app.database import Database
from app.group import Together
from app.heads import Heads
from app.settings import Settings
from geo.errors import NotReady
from geo.ground.areas import Ground, load_ground
from geo.ground.campaign import fingerprint
from geo.ground.campaign import load as load_campaign
from geo.intake import fold
from geo.trust import seals
from geo.watch import live
from geo.watch.live import Snapshot
from tiles.kept import Kept

log = structlog.get_logger()

NO_CAMPAIGN = "there is no campaign yet: import areas, then run ./cakupan campaign set"

#: Pause between two sealings of the audit, seconds.
SEAL_SECONDS = 1.0

#: How often a process looks whether campaign, areas or expected families changed, seconds.
LOOK_SECONDS = 2.0

#: How often a process asks what is known of the devices in the field, seconds.
HEAR_SECONDS = 15.0


@dataclass
class House:
    """The state of one process. `ground` and `snapshot` are replaced whole, never changed in place."""

    settings: Settings
    db: Database
    kept: Kept
    heads: Heads | None = None
    ground: Ground | None = None
    snapshot: Snapshot | None = None
    fingerprint: str | None = None
    closing: bool = False
    _moved: asyncio.Condition = field(default_factory=asyncio.Condition)
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        """Small uploads of this process are stored `together`."""
        self.together = Together(self.db.worker)

    @property
    def current(self) -> Snapshot:
        """The newest snapshot. Raises NotReady before there is a campaign with areas."""
        if self.snapshot is None:
            raise NotReady(NO_CAMPAIGN, code="no-campaign")
        return self.snapshot

    async def intake(self) -> Ground:
        """What intake needs to know. Raises NotReady: no campaign with areas yet, or no room on the disk.

        A simulation may have set the clock a moment ago, and what was recorded since must not seem to lie ahead of it.
        """
        ground = self.ground
        if ground is None:
            raise NotReady(NO_CAMPAIGN, code="no-campaign")
        room.require(self.settings)
        if not ground.campaign.simulated:
            return ground
        async with self.db.worker.connect() as connection:
            campaign = await load_campaign(connection)
        return ground if campaign == ground.campaign else replace(ground, campaign=campaign)

    async def newer(self, than: Snapshot, timeout: float) -> Snapshot | None:
        """The newest snapshot once it is another than `than`, None when `timeout` seconds have passed before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._moved:
                await self._moved.wait_for(lambda: self.snapshot is not than or self.closing)
        return None if self.snapshot is than else self.snapshot

    async def look(self) -> None:
        """Load ground and mirror anew where campaign, areas or expected families changed."""
        async with self._moving:
            async with self.db.worker.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                seen = await fingerprint(connection)
                if seen == self.fingerprint:
                    await self._look_at_the_clock(connection)
                    return
                try:
                    ground = await load_ground(connection)
                    self.snapshot = await live.load(connection, ground.campaign, ground.tree)
                    self.ground = ground
                except NotReady as missing:
                    log.info("waiting", why=missing.code)
                self.fingerprint = seen
            await self._tell()

    async def _look_at_the_clock(self, connection: AsyncConnection) -> None:
        """A simulation sets the campaign's clock, which changes nothing else: a new one is put in place of the old."""
        if self.ground is None or self.snapshot is None or not self.ground.campaign.simulated:
            return
        campaign = await load_campaign(connection)
        if campaign != self.ground.campaign:
            self.ground = replace(self.ground, campaign=campaign)
            self.snapshot = replace(self.snapshot, campaign=campaign)

    async def hear(self) -> None:
        """Ask what is known of the devices, now and then. A simulation's clock may run: then at every look."""
        if self.snapshot is None:
            return
        wait = 0.0 if self.snapshot.campaign.clock_speed else HEAR_SECONDS
        if time.monotonic() - self.snapshot.news.at < wait:
            return
        async with self._moving:
            async with self.db.worker.connect() as connection:
                after = await live.hear(connection, self.snapshot)
            moved = after.news.latest > self.snapshot.news.at
            self.snapshot = after
            if moved:
                await self._tell()

    async def move_on(self) -> None:
        """Bring the mirror to the newest epoch."""
        if self.snapshot is None:
            return
        async with self._moving:
            async with self.db.worker.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                after = await live.advance(connection, self.snapshot)
            if after is self.snapshot:
                return
            self.snapshot = after
            await self._tell()

    async def close_streams(self) -> None:
        """Be ready no longer, and let every stream end."""
        self.closing = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    async def fold_forever(self) -> None:
        """Fold a few times a second, in whichever process gets the lock."""
        while True:
            folded = None
            try:
                async with self.db.worker.begin() as connection:
                    folded = await fold.fold(connection)
                if folded:
                    await self.move_on()
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                log.warning("fold", kind=type(error).__name__)
            await asyncio.sleep(self.settings.fold_seconds)

    async def listen_forever(self) -> None:
        """Move on when another process folded, and look at the ground now and then."""
        url = make_url(self.db.logins.worker).set(drivername="postgresql")
        while True:
            try:
                async for _ in fold.epochs(url.render_as_string(hide_password=False), LOOK_SECONDS):
                    await self.move_on()
                    await self.look()
                    await self.hear()
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                log.warning("listen", kind=type(error).__name__)
                await asyncio.sleep(1)

    async def seal_forever(self) -> None:
        """Seal the audit every second, in whichever process gets the lock, and write its head down now and then."""
        while True:
            try:
                async with self.db.worker.begin() as connection:
                    head = await seals.seal(connection)
                if head and self.heads:
                    self.heads.keep(head)
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                log.warning("seal", kind=type(error).__name__)
            await asyncio.sleep(SEAL_SECONDS)

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """Run the loops for the time of the block."""
        await self.look()
        await self.move_on()
        loops = [asyncio.create_task(self.fold_forever()), asyncio.create_task(self.listen_forever())]
        loops.append(asyncio.create_task(self.seal_forever()))
        try:
            yield
        finally:
            await self.close_streams()
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await self.together.close()
            await self.db.close()
