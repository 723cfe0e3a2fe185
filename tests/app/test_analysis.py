"""Calculations apart: made once, kept, bounded, and survived."""

import asyncio
import contextlib
import dataclasses
import math
import operator
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from app import analysis
from app.analysis import Analysis
from geo.errors import BadInput, NotReady
from geo.ground import cells
from geo.publish.leaves import Leaves


@pytest.fixture
async def apart() -> AsyncIterator[Analysis]:
    made = Analysis()
    async with made.living():
        yield made


def gone(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, 0)
        return False
    return True


async def test_what_is_asked_twice_is_calculated_once(apart: Analysis) -> None:
    assert apart.pid is None, "begun when first asked"
    found = await asyncio.gather(*(apart.run(time.time_ns) for _ in range(5)))
    assert len({*found, await apart.run(time.time_ns)}) == 1
    assert await apart.run(operator.add, 2, 3) == 5
    first = apart.pid
    assert await apart.run(math.sqrt, 2.0) == math.sqrt(2.0)
    assert apart.pid == first, "one process for all"


async def test_arrays_and_dataclasses_come_and_go(apart: Analysis) -> None:
    points = np.array([117.1, 117.2]), np.array([-0.5, -0.4])
    assert await apart.run(cells.index, *points, 8) == cells.index(*points, 8).tolist()
    column = np.array([1, 2], np.int64)
    one = Leaves("block", 0, column, column, *points, column, column, column, column)
    told = await apart.run(dataclasses.replace, one)
    assert (told["system"], told["lon"], told["n"]) == ("block", [117.1, 117.2], [1, 2])


async def test_every_part_of_a_question_makes_another(apart: Analysis) -> None:
    asked = [(1, 2), (12,), ("1", 2), (1, "2"), (1.0, 2), ((1, 2),), (np.array([1, 2]),), (np.array([1, 2], np.int8),),
             (np.array([[1, 2]]),), (True, 2), (None,), ("12",), (("1", "2"),), (("12",),)]  # fmt: skip
    keys = {analysis._key(max, arguments) for arguments in asked} | {analysis._key(operator.add, (1, 2))}
    assert len(keys) == len(asked) + 1
    with pytest.raises(TypeError):
        analysis._key(max, ({1, 2},))


async def test_an_error_of_ours_comes_back_as_itself(apart: Analysis) -> None:
    with pytest.raises(BadInput, match="not an H3 cell") as raised:
        await apart.run(cells.from_hex, "x")
    assert raised.value.code == "bad-input"
    with pytest.raises(NotReady) as unforeseen:
        await apart.run(operator.truediv, 1, 0)
    assert unforeseen.value.code == "analysis-failed"
    assert await apart.run(operator.truediv, 1, 2) == 0.5


async def test_a_process_that_dies_is_survived(apart: Analysis) -> None:
    first = await apart.run(os.getpid)
    with pytest.raises(NotReady) as raised:
        await apart.run(os._exit, 3)
    assert raised.value.code == "analysis-failed"
    assert gone(first)
    assert await apart.run(operator.add, 1, 1) == 2
    assert apart.pid != first


async def test_one_that_never_answers_is_stopped() -> None:
    apart = Analysis(patience=0.5)
    async with apart.living():
        with pytest.raises(NotReady):
            await apart.run(time.sleep, 600)
        assert apart.pid is None


async def test_whoever_comes_when_many_wait_is_told_to_come_again(apart: Analysis) -> None:
    waiting = [asyncio.create_task(apart.run(time.sleep, 600 + n)) for n in range(analysis.MOST)]
    await asyncio.sleep(0)
    with pytest.raises(NotReady) as raised:
        await apart.run(operator.add, 1, 1)
    assert raised.value.code == "busy"
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_the_end_of_the_service_waits_for_nothing() -> None:
    apart = Analysis()
    async with apart.living():
        task = asyncio.create_task(apart.run(time.sleep, 600))
        while apart.pid is None:
            await asyncio.sleep(0.01)
        pid = apart.pid
    assert gone(pid)
    assert (await asyncio.gather(task, return_exceptions=True))[0] is not None


async def test_an_idle_process_is_ended() -> None:
    apart = Analysis(idle=0.01)
    async with apart.living():
        await apart.run(operator.add, 1, 1)
        while apart.pid is not None:
            await asyncio.sleep(0.01)
        assert await apart.run(operator.add, 1, 2) == 3


async def test_answers_outlast_the_service(tmp_path: Path) -> None:
    folder = tmp_path / "analysis"
    found = []
    for _ in range(2):
        apart = Analysis(folder)
        async with apart.living():
            found.append(await apart.run(time.time_ns))
    assert found[0] == found[1]
    assert folder.stat().st_mode & 0o077 == 0
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1] + b"9")  # a broken one is calculated anew
    apart = Analysis(folder)
    async with apart.living():
        assert await apart.run(time.time_ns) not in found


async def test_the_process_is_told_no_secret(apart: Analysis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    assert await apart.run(os.getenv, "DATABASE_URL") is None
