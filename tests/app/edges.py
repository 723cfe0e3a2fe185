"""What contradicts the map of the tiny world: a strip across an edge, a day under a wrong code, and stray points."""

from typing import Any

from tests.world import BLOCKS, Block, submission

#: The strip lies in the second block and was declared in the first; the miscoded day was declared in the third.
DECLARED, BESIDE, WRONG = BLOCKS[0], BLOCKS[1], BLOCKS[2]
#: Who worked where.
SITI, BUDI, JOKO, EKO = "siti", "budi", "joko", "eko"
#: A metre in degrees, near the equator.
METRE = 1 / 111_000
#: Finished results of the miscoded day, and one to be visited again.
RESULTS = ("completed",) * 7 + ("not_found", "not_met")

Row = dict[str, Any]


def at(block: Block, east: float, north: float) -> dict[str, float]:
    """A place so many metres from a block's corner in the south-west."""
    return {"lon": round(block.west + east * METRE, 7), "lat": round(block.south + north * METRE, 7)}


def day(n: int) -> str:
    return f"2022-10-{n:02d}T10:00:00+08:00"


def strip(first: int = 0, many: int = 12) -> list[Row]:
    """Families along the edge, 8 to 32 metres inside of the block beside, on three days."""
    return [
        submission(
            f"strip-{n}",
            DECLARED,
            1,
            **at(BESIDE, 8 + n % 3 * 12, 60 + n * 14),
            enumerator=SITI,
            captured_at=day(17 + n % 3),
        )
        for n in range(first, first + many)
    ]


def own() -> list[Row]:
    """What people of the three blocks recorded where they should."""
    rows = []
    for block, who, west in ((DECLARED, SITI, 100), (BESIDE, BUDI, 60), (WRONG, JOKO, 100)):
        for n in range(20):
            place = at(block, west + n % 4 * 70, 40 + n // 4 * 75)
            rows.append(
                submission(f"own-{block.number}-{n}", block, 1, **place, enumerator=who, captured_at=day(16 + n % 5))
            )
    return rows


def miscoded(first: int = 0, on: int = 22) -> list[Row]:
    """A day of Joko's in the block beside, under the code of his own."""
    return [
        submission(
            f"miscoded-{first + n}",
            WRONG,
            1,
            **at(BESIDE, 150 + n % 3 * 45, 120 + n * 30),
            enumerator=JOKO,
            captured_at=day(on),
            result=result,
            visit=1,
            welfare=2,
        )
        for n, result in enumerate(RESULTS)
    ]


def strays() -> list[Row]:
    """Two far points of Eko's, in the other village."""
    return [
        submission(f"stray-{n}", BLOCKS[3], 1, **at(BLOCKS[4], 200 + n * 90, 300), enumerator=EKO, captured_at=day(18))
        for n in range(2)
    ]


def every() -> list[Row]:
    return strip() + own() + miscoded() + strays()
