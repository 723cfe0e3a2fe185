"""What runs inside a child: the service or a migration, able to die at a named point or to do without one safeguard.

Children are forked from a process that has imported everything and done nothing, so that a start takes half a second
instead of five; each is a process of its own, and no `.env` file is read, lest a test reach a real database.

Points at which one can die: `batch.rows` (submissions are written, nothing else), `batch.before-commit`,
`batch.after-commit` (hence before the answer), and the same three of `fold`, and of `freeze` and `seal` of a release.
They are found at the driver, whatever code sends the statements.
"""

import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.context import ForkServerProcess
from multiprocessing.forkserver import ensure_running
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

import migrations
from app import service
from app.database import passwords
from app.settings import Settings
from app.terminal import plain_errors, server
from tests.faults import sabotage

_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload([__name__])

#: What a statement holds that makes its transaction one of a batch, of a fold, or of a release.
MARKS = {
    "INSERT INTO intake.submission": "batch",
    "INSERT INTO intake.epoch": "fold",
    "INSERT INTO welfare.making": "freeze",
    "INSERT INTO release.release": "seal",
}

Reached = Callable[[str], None]


def stop_at(point: str, time: int) -> Reached:
    """What to call at every point: kills this process at `point` when it is reached for the `time`-th time."""
    left = time

    def reached(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return reached


def watch(reached: Reached) -> None:
    """Have `reached` called at the points of every transaction of this process."""
    kinds: WeakKeyDictionary[Any, str] = WeakKeyDictionary()
    execute, commit = psycopg.AsyncCursor.execute, psycopg.AsyncConnection.commit

    async def executed(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        done = await execute(self, query, *args, **options)
        for mark, kind in MARKS.items():
            if mark in str(query):
                kinds[self.connection] = kind
                reached(f"{kind}.rows")
        return done

    async def committed(self: Any) -> None:
        kind = kinds.pop(self, "")
        reached(f"{kind}.before-commit")
        await commit(self)
        reached(f"{kind}.after-commit")

    psycopg.AsyncCursor.execute = executed  # type: ignore[method-assign]  # where a child may stop
    psycopg.AsyncConnection.commit = committed  # type: ignore[method-assign]  # where a child may stop


def warm() -> None:
    """Let the process from which children are forked begin to import, for that takes a while."""
    ensure_running()


def child(work: Callable[..., None], said: Path, settings: dict[str, Any], *words: str) -> ForkServerProcess:
    """A child that does this with these settings; what it says is added to the file `said`."""
    made = _FORKS.Process(target=_begin, args=(work, said, settings, *words), daemon=False)
    made.start()
    return made


def _begin(work: Callable[..., None], said: Path, settings: dict[str, Any], *words: str) -> None:
    os.setsid()
    for name in [name for name in os.environ if name.startswith(("CAKUPAN", "DATABASE"))]:
        del os.environ[name]
    with said.open("ab", buffering=0) as out:
        os.dup2(out.fileno(), sys.stdout.fileno())
        os.dup2(out.fileno(), sys.stderr.fileno())
    # The guard before a full disk is off (tests/app/test_room.py has it): here the disk does become full.
    work(Settings(_env_file=None, **{"least_free_percent": 0, **settings}), *words)


def serve(settings: Settings, stop: str = "", without: str = "") -> None:
    """`./cakupan serve`. `stop`: where to die, as in `batch.before-commit:3`; `without`: a safeguard of `sabotage`."""
    if without:
        sabotage.IN_THE_SERVICE[without]()
    if stop:
        point, _, time = stop.partition(":")
        watch(stop_at(point, int(time)))
    with plain_errors():
        service.serve(settings)


def migrate(settings: Settings) -> None:
    """`./cakupan migrate`."""
    with plain_errors(), server(settings) as owner:
        migrations.upgrade(owner, passwords(settings))
