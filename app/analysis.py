"""Calculations that take seconds and much memory, made in one process apart: clusters, and places for new sites.

So that nobody who uploads or looks at a map waits for them, and so that libraries of 250 MB are loaded where somebody
asks, and only then. The process is begun with the first question and ended after ten idle minutes, or with the service.
An answer is a function of its arguments alone, so each is calculated once, and kept in memory and on disk by the
SHA-256 of what was asked. Nothing personal comes here: arguments are published figures and public places.
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import os
import socket
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import structlog

from app import apart
from geo import errors
from geo.errors import CakupanError, NotReady

log = structlog.get_logger()

#: Part of every key: another number wherever a function comes to something else of the same arguments.
_FORM = b"1"

#: Questions that wait or are answered at once; whoever comes then is told to come again.
MOST = 8
#: Seconds after which an idle process is ended, and after which one that answers nothing is stopped.
IDLE, PATIENCE = 600.0, 180.0
#: Bytes of answers kept in memory, and on disk.
IN_MEMORY, ON_DISK = 48_000_000, 128_000_000

_BUSY = "many are asking for clusters and new places at this moment; try again"
_FAILED = "the calculation broke off; try again"


class Analysis:
    """The calculations of one process of the service."""

    def __init__(self, folder: Path | None = None, patience: float = PATIENCE, idle: float = IDLE) -> None:
        self._kept = _Answers(folder)
        self._patience, self._idle = patience, idle
        self._under_way: dict[str, asyncio.Task[bytes]] = {}
        self._turn = asyncio.Lock()
        self._apart: _Apart | None = None
        self._end: asyncio.TimerHandle | None = None
        self._closed = False

    async def run(self, function: Callable[..., object], *arguments: object) -> Any:
        """What `function` gives for these arguments, as JSON of it reads: dataclasses are objects, NaN is None.

        A function is found by its name in its module; arguments are dataclasses, arrays, numbers, texts and rows of
        them. Raises what of CakupanError the function raises, and NotReady (`busy`, `analysis-failed`).
        """
        key = _key(function, arguments)
        found = self._kept.get(key)
        if found is None:
            task = self._under_way.get(key)
            if task is None:
                if self._closed or len(self._under_way) >= MOST:
                    raise NotReady(_BUSY, code="busy")
                task = asyncio.create_task(self._answer(key, function, arguments))
                self._under_way[key] = task
            found = await asyncio.shield(task)
        return orjson.loads(found)

    @property
    def pid(self) -> int | None:
        """Of the process apart, if there is one."""
        return self._apart.pid if self._apart else None

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
        """At the end of the block the process is gone, whatever it was about."""
        try:
            yield
        finally:
            self._closed = True
            self._stop()
            tasks = list(self._under_way.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _answer(self, key: str, function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
        try:
            answer = await asyncio.to_thread(self._kept.read, key)
            if answer is None:
                async with self._turn:
                    answer = await self._ask(function, arguments)
                await asyncio.to_thread(self._kept.write, key, answer)
            self._kept.put(key, answer)
            return answer
        finally:
            del self._under_way[key]

    async def _ask(self, function: Callable[..., object], arguments: tuple[object, ...]) -> bytes:
        """Ask the process, which is begun if there is none; it is ended where it does not answer."""
        if self._end is not None:
            self._end.cancel()
        if self._apart is None:
            self._apart = _Apart()  # not in a thread: nobody may stop listening before it is known
        call = (function.__module__, function.__qualname__, arguments)
        try:
            async with asyncio.timeout(self._patience):
                said = await self._apart.ask(call)
        except (TimeoutError, EOFError, OSError) as error:
            self._stop()
            log.error("analysis", kind=type(error).__name__)
            raise NotReady(_FAILED, code="analysis-failed") from None
        except asyncio.CancelledError:
            self._stop()
            raise
        self._end = asyncio.get_running_loop().call_later(self._idle, self._stop)
        return _told(said)

    def _stop(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self._apart is not None:
            self._apart.end()
            self._apart = None


class _Apart:
    """One process apart, and a thread that waits for it."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  # our own interpreter on our own module
                [sys.executable, "-m", apart.__name__, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C on the terminal is for the service, which ends this one
                env=_environment(),
            )
        self._other_end = Connection(ours.detach())
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="analysis")

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ask(self, call: tuple[str, str, tuple[object, ...]]) -> bytes:
        """Send a call, wait for the answer. Raises EOFError or OSError where the process ended instead."""

        def asked() -> bytes:
            self._other_end.send(call)
            return self._other_end.recv_bytes()

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)

    def end(self) -> None:
        """Kill the process; the thread that waits for it is told by the socket."""
        self._process.kill()
        self._process.wait()
        self._thread.shutdown(wait=True)
        self._other_end.close()


class _Answers:
    """Answers by key, in memory and in a folder that processes of one installation may share; oldest thrown out first.

    A disk that is full or broken costs time and nothing else.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0

    def get(self, key: str) -> bytes | None:
        """From memory."""
        if key in self._memory:
            self._memory.move_to_end(key)
        return self._memory.get(key)

    def put(self, key: str, answer: bytes) -> None:
        """Into memory."""
        self._memory[key] = answer
        self._size += len(answer)
        while self._size > IN_MEMORY and len(self._memory) > 1:
            self._size -= len(self._memory.popitem(last=False)[1])

    def read(self, key: str) -> bytes | None:
        """From disk; what is not whole is not there."""
        if self._folder is None:
            return None
        path = self._folder / key
        try:
            checked = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        told, answer = checked[:32], checked[32:]
        return answer if hashlib.sha256(answer).digest() == told else None

    def write(self, key: str, answer: bytes) -> None:
        """To disk, whole or not at all; then make room."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
                file.write(hashlib.sha256(answer).digest() + answer)
            Path(file.name).replace(self._folder / key)
            self._make_room(self._folder)
        except OSError as error:
            log.warning("an answer cannot be kept on disk", kind=type(error).__name__)

    @staticmethod
    def _make_room(folder: Path) -> None:
        found = []
        for path in folder.iterdir():
            with contextlib.suppress(OSError):  # another process may throw it out first
                told = path.stat()
                found.append((told.st_mtime, told.st_size, path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= ON_DISK:
                return
            path.unlink(missing_ok=True)
            size -= each


def _environment() -> dict[str, str]:
    """What the process apart is told: where modules lie, one thread for each library; no setting, no secret of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    modules = os.pathsep.join(os.path.abspath(part) for part in sys.path)
    return kept | threads | {"PYTHONPATH": modules, "PYTHONSAFEPATH": "1"}


def _told(said: bytes) -> bytes:
    """The answer in what the process said. Raises the error in it."""
    sort, body = said[:1], said[1:]
    if sort == apart.ANSWER:
        return body
    about = orjson.loads(body)
    if sort == apart.ERROR:
        kind = getattr(errors, about["kind"], CakupanError)
        raise kind(about["message"], code=about["code"])
    log.error("analysis", kind=about["kind"], where=about["where"])
    raise NotReady(_FAILED, code="analysis-failed")


def _key(function: Callable[..., object], arguments: tuple[object, ...]) -> str:
    """SHA-256 of what is asked, hexadecimal."""
    digest = hashlib.sha256(_FORM)
    _add(digest, (function.__module__, function.__qualname__, *arguments))
    return digest.hexdigest()


def _add(digest: Any, value: object) -> None:
    """Add a value, its type and its length, so that no two questions are written alike."""
    if isinstance(value, np.ndarray):
        digest.update(f"array {value.dtype.str} {value.shape} ".encode())
        digest.update(np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(f"{type(value).__qualname__} {len(dataclasses.fields(value))} ".encode())
        for one in dataclasses.fields(value):
            _add(digest, one.name)
            _add(digest, getattr(value, one.name))
    elif isinstance(value, tuple | list):
        digest.update(f"row {len(value)} ".encode())
        for part in value:
            _add(digest, part)
    elif value is None or isinstance(value, str | bool | int | float):
        said = repr(value).encode()
        digest.update(f"{type(value).__name__} {len(said)} ".encode() + said)
    else:
        raise TypeError(f"a question cannot hold a {type(value).__name__}")
