"""What is done to a service, apart from any judgement of it: once to the real one, once to each sabotaged one."""

import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import takewhile

from sqlalchemy.ext.asyncio import AsyncConnection

from app.database import Database
from geo.ground.areas import load_ground
from geo.intake import batch, fold
from geo.intake.batch import Envelope
from tests.faults.conftest import Play
from tests.faults.devices import PATIENCE
from tests.faults.rows import Row, campaign, contested, record
from tests.faults.stage import Service

#: Devices that send at once.
DEVICES = 6

#: Points at which a service can die, as `starter` names them.
POINTS = ("batch.rows", "batch.before-commit", "batch.after-commit", "fold.before-commit", "fold.after-commit")

#: Seconds a device waits for one of two services before it turns to the other: one time in six less than most answers
#: take. Not more often, for where every batch is under way in both, one waits for the other and nothing else meets.
IMPATIENT = (0.03, *[PATIENCE] * 5)

#: Rows acknowledged between two faults.
BETWEEN = 150

#: Copies of one batch under way at once.
COPIES = 32


def killed_at_random(
    play: Play, rows: int, kills: int, sabotage: str = "", *, seconds: float = 120, postgres_every: int = 0
) -> None:
    """Send a campaign while the service is killed so many times, at moments that luck decides; look after each.

    `postgres_every`: after so many kills of the service PostgreSQL is killed, too, under its hands.
    """
    play.service.start(sabotage=sabotage)
    dealt = play.uploads(campaign(play.chance, rows), DEVICES)
    with play.fleet(seconds=seconds) as fleet:
        for uploads in dealt:
            fleet.sends(uploads, play.chance.getrandbits(32))
        for kill in range(1, kills + 1):
            done = play.history.acknowledged
            fleet.until(done + (rows - done) // (kills - kill + 2))
            time.sleep(play.chance.uniform(0, 0.1))
            play.service.kill()
            play.look()
            play.service.start(sabotage=sabotage)
            if postgres_every and kill % postgres_every == 0:
                fleet.until(play.history.acknowledged + 100)
                play.stage.kill_postgres()
                play.look()
        fleet.finish()


def killed_at_points(play: Play, rows: int, points: Sequence[str], sabotage: str = "", seconds: float = 120) -> None:
    """Send a campaign while the service dies once at each of these points; look after each."""
    with play.fleet(seconds=seconds) as fleet:
        for uploads in play.uploads(campaign(play.chance, rows), DEVICES, largest=20):
            fleet.sends(uploads, play.chance.getrandbits(32))
        for point in points:
            play.service.start(stop_at=f"{point}:{play.chance.randint(2, 6)}", sabotage=sabotage)
            play.service.wait()
            play.look()
        assert fleet.busy, "the last point was not reached under load"
        play.service.start(sabotage=sabotage)
        fleet.finish()


def one_batch_many_times(play: Play, rows: int, sabotage: str = "") -> None:
    """The same batch from 32 devices at once."""
    play.service.start(sabotage=sabotage)
    upload = play.history.upload("admin", [Row(record(play.chance, f"K{n}", 1)) for n in range(rows)])
    with play.fleet(seconds=60) as fleet:
        for _ in range(COPIES):
            fleet.sends([upload], play.chance.getrandbits(32), gives_up=0)
        fleet.finish()


def two_fold_at_once(play: Play, rows: int, sabotage: str = "") -> None:
    """A campaign in large and small batches, while two services over the same database fold as fast as they can."""
    play.service.start(sabotage=sabotage, fold_seconds=0.002)
    other = play.another_service()
    other.start(sabotage=sabotage, fold_seconds=0.002)
    with play.fleet(seconds=60) as fleet:
        sent = campaign(play.chance, rows)
        large = play.uploads(sent[: rows * 3 // 4], 2, largest=600)
        for uploads in large + play.uploads(sent[rows * 3 // 4 :], DEVICES, largest=8):
            fleet.sends(uploads, play.chance.getrandbits(32))
        fleet.finish()
    time.sleep(0.3)  # the last folds
    other.stop()
    play.service.stop()
    none_failed(play)


def none_failed(play: Play) -> None:
    """Note every fold that failed: the server was always there."""
    for service in play.services:
        if failed := service.said.count("event=fold"):
            play.history.broke_the_rules(f"{failed} folds failed though nothing was broken")


def two_services(play: Play, rows: int, faults: Sequence[str], sabotage: str = "", seconds: float = 120) -> None:
    """Contested households at two services over one database, whose devices send the same batch to the other service
    where one does not answer; meanwhile one fault after the other, each at one of both. Look after each.

    `rows`: more than devices get rid of in that time.
    """
    play.another_service()
    for service in play.services:
        service.start(sabotage=sabotage)
    enough = threading.Event()
    with play.fleet(seconds=seconds) as fleet:
        fleet.patience = IMPATIENT
        for uploads in play.uploads(contested(play.chance, rows), DEVICES, largest=12):
            fleet.sends(takewhile(lambda _: not enough.is_set(), uploads), play.chance.getrandbits(32))
        for fault in faults:
            fleet.until(play.history.acknowledged + BETWEEN)
            time.sleep(play.chance.uniform(0, 0.1))
            befall(play, fault, play.chance.choice(play.services), sabotage)
            for service in play.services:
                if service.port() is None:
                    service.start(sabotage=sabotage)
        assert fleet.busy, "devices had too little to send"
        enough.set()
        fleet.finish()
    assert min(fleet.answered[at] for at in range(2)) > 0, "one service did all the work"
    if "postgresql killed" not in faults:
        none_failed(play)


def befall(play: Play, fault: str, victim: Service, sabotage: str = "") -> None:
    """Let one service, or both, or PostgreSQL die, or one service stand still, and look: `killed`, `both killed`,
    `postgresql killed`, `held`, `held and killed`, or the point at which to die.
    """
    if fault == "postgresql killed":
        play.stage.kill_postgres()
    elif fault in POINTS:
        victim.kill()
        victim.start(stop_at=f"{fault}:{play.chance.randint(2, 6)}", sabotage=sabotage)
        victim.wait()
    elif fault == "both killed":
        for service in play.services:
            service.kill()
    elif fault == "killed":
        victim.kill()
    else:
        victim.hold()
        time.sleep(play.chance.uniform(0.2, 0.8))
        play.look()
        if fault == "held":
            victim.let_go()
        else:
            victim.kill()
    play.look()


async def overtaken(play: Play, after: Callable[[AsyncConnection], Awaitable[object]] | None = None) -> None:
    """A batch whose deltas have lower numbers commits after another one, while a fold is under way. No service.

    `after`: what a sabotaged fold does at its end.
    """
    db = Database(play.logins, 3)
    early, late = db.worker.connect(), db.worker.connect()
    async with early, late:
        ground = await load_ground(early)
        await early.rollback()
        for connection in (late, early):  # in the order of their numbers
            rows = [Row(record(play.chance, f"K{connection is late}{n}", 1)) for n in range(20)]
            upload = play.history.upload("admin", rows)
            play.history.sets_out(upload)
            sent = [row.raw for row in rows]
            envelope = Envelope(1, "test", bytes.fromhex(upload.sha256), len(upload.body))
            await batch.store(connection, ground, envelope, sent, batch.judge(ground, sent))
        await early.commit()
        async with db.worker.begin() as connection:
            assert await fold.fold(connection)
            await late.commit()
            if after is not None:
                await after(connection)
    async with db.worker.begin() as connection:
        assert bool(await fold.fold(connection)) == (after is None)
    await db.close()
