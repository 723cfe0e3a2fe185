"""Tiles are built once, however many wait; what is kept stays within its bound; a failure is told to everybody."""

import asyncio
import os
from pathlib import Path

import numpy as np
import pytest

from tiles import kept as kept_module
from tiles import splice
from tiles.kept import Kept, Shelf
from tiles.splice import Shape, Still


def still(size: int) -> Still:
    """A half that takes `size` bytes."""
    return Still(np.empty(0, dtype=np.int64), 1, b"x" * size, 0, b"")


async def test_five_hundred_misses_are_one_build() -> None:
    kept = Kept(8)
    built = 0

    async def build() -> Still:
        nonlocal built
        built += 1
        await asyncio.sleep(0.02)
        return still(10)

    found = await asyncio.gather(*(kept.get("e/a", build) for _ in range(500)))
    assert built == 1
    assert len({id(one) for one in found}) == 1
    assert await kept.get("e/a", build) is found[0]
    await kept.get("b", build)
    assert built == 2


async def test_memory_stays_within_its_bound_and_the_least_used_goes_first() -> None:
    kept = Kept(8)
    asked: list[int] = []

    async def get(at: int) -> None:
        async def build() -> Still:
            asked.append(at)
            return still(1_000_000)

        await kept.get(f"e/{at}", build)

    for at in range(30):
        await get(at)
        await get(0)  # asked for again and again, it stays
        assert sum(one.size for one in kept._stills.values()) == kept._size <= 8_000_000
    assert asked == list(range(30))
    await get(29)
    assert asked == list(range(30))
    await get(5)
    assert asked[-1] == 5


async def test_tiles_that_hold_nothing_take_room_too() -> None:
    kept = Kept(8)

    async def build() -> Still:
        return still(0)

    for at in range(10_000):  # a map of the sea
        await kept.get(f"e/{at}", build)
    assert len(kept._stills) <= 8_000


async def test_a_failure_reaches_every_waiter_and_is_not_kept() -> None:
    kept = Kept(8)
    tries = 0

    async def fail() -> Still:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.01)
        raise OSError("the database went away")

    found = await asyncio.gather(*(kept.get("e/a", fail) for _ in range(50)), return_exceptions=True)
    assert tries == 1
    assert [type(one) for one in found] == [OSError] * 50

    async def build() -> Still:
        return still(1)

    assert (await kept.get("e/a", build)).head == b"x"


async def test_a_waiter_that_leaves_spoils_nothing() -> None:
    kept = Kept(8)

    async def build() -> Still:
        await asyncio.sleep(0.05)
        return still(1)

    first = asyncio.create_task(kept.get("e/a", build))
    second = asyncio.create_task(kept.get("e/a", build))
    await asyncio.sleep(0.01)
    first.cancel()
    assert (await second).head == b"x"
    with pytest.raises(asyncio.CancelledError):
        await first


# On disk


def real(size: int = 10) -> Still:
    """A half as it is built, about `size` bytes and three features."""
    shapes = [Shape(2**33 + at, 3, os.urandom(size // 3)) for at in range(3)]
    return splice.compile_layer("blocks", shapes, ["gap", "coverage"], {"name": ["Jalan Kéñé", "日本", ""]})


def same(one: Still | None, other: Still) -> bool:
    return (
        one is not None
        and one.ids.tolist() == other.ids.tolist()
        and vars(one) | {"ids": 0} == vars(other) | {"ids": 0}
    )


async def never() -> Still:
    raise AssertionError("it is on disk, so it need not be built")


async def test_a_restart_builds_nothing_again(tmp_path: Path) -> None:
    built = real()

    async def build() -> Still:
        return built

    await Kept(8, Shelf(tmp_path, 8)).get("e1/blocks/13/1-2", build)
    found = await Kept(8, Shelf(tmp_path, 8)).get("e1/blocks/13/1-2", never)
    assert same(found, built)
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    tail = splice.changing(found, values)
    assert splice.gzipped(found, tail) == splice.gzipped(built, tail)
    assert splice.etag(found, tail) == splice.etag(built, tail)


async def test_other_boundaries_are_built_anew(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 8)
    before, after = real(), real()
    shelf.write("e1/blocks/13/1-2", before)

    async def build() -> Still:
        return after

    assert await Kept(8, shelf).get("e2/blocks/13/1-2", build) is after
    assert same(shelf.read("e1/blocks/13/1-2"), before)
    assert same(shelf.read("e2/blocks/13/1-2"), after)


@pytest.mark.parametrize("spoil", [
    lambda whole: whole[: len(whole) // 2], lambda whole: b"", lambda whole: whole + b"x",
    lambda whole: whole[:40] + bytes([whole[40] ^ 1]) + whole[41:], lambda whole: b"\0" * len(whole),
])  # fmt: skip
async def test_a_spoilt_file_is_built_anew(tmp_path: Path, spoil: object) -> None:
    shelf, built = Shelf(tmp_path, 8), real()
    shelf.write("e/blocks/13/1-2", built)
    path = shelf.folder / "e/blocks/13/1-2"
    path.write_bytes(spoil(path.read_bytes()))  # type: ignore[operator]  # one of the functions above
    assert shelf.read("e/blocks/13/1-2") is None

    async def build() -> Still:
        return built

    assert await Kept(8, shelf).get("e/blocks/13/1-2", build) is built
    assert same(shelf.read("e/blocks/13/1-2"), built)


async def test_a_disk_that_takes_nothing_costs_no_tile(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way of the folder")
    built = real()

    async def build() -> Still:
        return built

    assert await Kept(8, Shelf(tmp_path / "file", 8)).get("e/blocks/13/1-2", build) is built


def test_the_disk_stays_within_its_bound(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 1)
    (tmp_path / "0ld").mkdir()
    (tmp_path / "0ld" / "of another version").write_bytes(b"x" * 300_000)
    os.utime(tmp_path / "0ld" / "of another version", (1, 1))
    for at in range(30):
        shelf.write(f"e/blocks/13/{at}-0", real(50_000))
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 1_000_000
        os.utime(shelf.folder / f"e/blocks/13/{at}-0", (1000 + at, 1000 + at))
        assert same(shelf.read("e/blocks/13/0-0"), shelf.read("e/blocks/13/0-0") or real())
    assert not (tmp_path / "0ld" / "of another version").exists()
    assert shelf.read("e/blocks/13/0-0") is not None  # asked for each time, so it is young
    assert shelf.read("e/blocks/13/29-0") is not None
    assert shelf.read("e/blocks/13/1-0") is None


def test_small_files_take_a_block_of_the_disk_each(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, 1)
    for at in range(400):
        shelf.write(f"e/blocks/13/{at}-0", still(0))
    assert 0 < sum(path.is_file() for path in tmp_path.rglob("*")) <= 1_000_000 // 4096


def test_another_version_has_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = Shelf(tmp_path, 1).folder
    monkeypatch.setattr(kept_module, "_MAGIC", b"CKT9")
    assert Shelf(tmp_path, 1).folder != before
