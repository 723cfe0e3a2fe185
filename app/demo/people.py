"""Who is expected and who counts them: the list of families, partly wrong, and the staff with their blocks."""

from dataclasses import dataclass
from uuid import UUID, uuid5

import numpy as np
import shapely
from numpy.typing import NDArray

from app.demo.city import City
from app.demo.fieldwork import Prelist, Staff
from app.demo.rates import Ordinary
from geo.schema import RESULTS

#: Families of an enumerator (of real ones 250–300), enumerators of a supervisor, supervisors of a coordinator (5–13).
LOAD = 275
LED = 4
COORDINATED = 13

#: Families listed under the neighbouring block.
NEXT_DOOR = 0.005
#: As what entries without a family are found.
GONE = {"not_found": 0.45, "moved": 0.30, "deceased": 0.08, "ineligible": 0.17}
#: Entries not found whose very house is gone.
HOUSE_GONE = 0.3

NAMESPACE = UUID("0d1fa0aa-6bb5-5d52-9a3c-7c6d04a1f1a5")
Places = NDArray[np.int32]


@dataclass(frozen=True)
class Found:
    """Families (F,) on the list or not, and whether an enumerator will come upon them."""

    listed: NDArray[np.bool_]
    found: NDArray[np.bool_]


#: Unlisted families that the enumerator notices next door.
NOTICED = 0.9


def new_id(seed: int, what: str) -> str:
    """Identifier of a household that the prelist lacks, always the same for the same `what`."""
    return f"SIM-{uuid5(NAMESPACE, f'{seed}/{what}')}"


def prelist(city: City, rng: np.random.Generator, ordinary: Ordinary) -> tuple[Prelist, Found]:
    """The list before any fault is planted, and which families it has."""
    families = city.families
    count = len(families)
    moved = rng.random(count) < ordinary.moved_within
    listed = ~moved & (rng.random(count) >= ordinary.unlisted)
    found = Found(listed, listed | (rng.random(count) < NOTICED))
    real = np.flatnonzero(listed).astype(np.int32)
    block = families.block[real].copy()
    strayed = np.flatnonzero(rng.random(len(real)) < NEXT_DOOR)
    block[strayed] = next_to(city, block[strayed], rng)
    old = _elsewhere(city, np.flatnonzero(moved), rng)
    gone_block, gone_building, gone = _gone(city, round(ordinary.gone * count), rng)
    none = np.full(len(old) + len(gone), -1, dtype=np.int32)
    entries = {
        "block": np.concatenate([block, city.buildings.block[old], gone_block]),
        "building": np.concatenate([families.building[real], old, gone_building]),
        "family": np.concatenate([real, none]),
        "gone": np.concatenate(
            [np.full(len(real), -1), np.full(len(old), RESULTS.index("moved")), gone], dtype=np.int8, casting="unsafe"
        ),
    }
    return _numbered(city, entries), found


def without(city: City, entries: Prelist, passed_over: NDArray[np.bool_]) -> Prelist:
    """The list without the buildings (U,) that whoever drew it up `passed_over`."""
    kept = (entries.building < 0) | ~passed_over[entries.building]
    return _numbered(city, {name: getattr(entries, name)[kept] for name in ("block", "building", "family", "gone")})


def next_to(city: City, blocks: Places, rng: np.random.Generator) -> Places:
    """For each of `blocks` an inhabited one beside it; itself where it has none."""
    inhabited = np.unique(city.families.block)
    tree = shapely.STRtree(city.blocks.outline[inhabited])
    chosen = blocks.copy()
    wanted, back = np.unique(blocks, return_inverse=True)
    at, beside = tree.query(city.blocks.outline[wanted], predicate="intersects")
    luck = rng.random(len(blocks))
    for i in range(len(wanted)):
        others = np.setdiff1d(inhabited[beside[at == i]], wanted[i])
        if len(others):
            here = back == i
            chosen[here] = others[(luck[here] * len(others)).astype(int)]
    return chosen


def _elsewhere(city: City, families: NDArray[np.intp], rng: np.random.Generator) -> Places:
    """The buildings that these families left: any of the city, in another block than theirs."""
    building = rng.integers(0, len(city.buildings), len(families))
    same = city.buildings.block[building] == city.families.block[families]
    kept: Places = building[~same].astype(np.int32)
    return kept


def _gone(city: City, count: int, rng: np.random.Generator) -> tuple[Places, Places, NDArray[np.int8]]:
    """Block, building and finding of entries with nobody behind them."""
    model = rng.integers(0, len(city.families), count)
    kind = rng.choice([RESULTS.index(name) for name in GONE], size=count, p=list(GONE.values())).astype(np.int8)
    building = city.families.building[model].copy()
    building[(kind == RESULTS.index("not_found")) & (rng.random(count) < HOUSE_GONE)] = -1
    return city.families.block[model], building, kind


def _numbered(city: City, entries: dict[str, NDArray[np.int32]]) -> Prelist:
    """The entries in the order of the list, with identifiers and their sequence in the building."""
    last = np.where(entries["building"] < 0, len(city.buildings), entries["building"])
    order = np.lexsort((entries["family"], last, entries["block"]))
    block, building = entries["block"][order].astype(np.int32), entries["building"][order].astype(np.int32)
    sequence = np.where(building < 0, 1, rank(building) + 1).astype(np.int32)
    village = [code[:10] for code in city.blocks.code]
    place = rank(np.unique(village, return_inverse=True)[1]) + 1
    stem = [f"SIM-{code}-{at:03d}-" for code, at in zip(village, place.tolist(), strict=True)]
    entry = (rank(block) + 1).tolist()
    ids = [f"{stem[b]}{n:04d}" for b, n in zip(block.tolist(), entry, strict=True)]
    return Prelist(ids, block, building, sequence, entries["family"][order], entries["gone"][order].astype(np.int8))


def rank(values: NDArray[np.int32] | NDArray[np.intp]) -> NDArray[np.intp]:
    """How many equal values stand before each."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.searchsorted(ordered, ordered, side="left")
    places = np.empty(len(values), dtype=np.intp)
    places[order] = np.arange(len(values)) - first
    return places


def staff(city: City, entries: Prelist) -> Staff:
    """Enumerators with about three neighbouring blocks each; four to a supervisor, within a district."""
    weight = np.bincount(entries.block, minlength=len(city.blocks))
    worked = np.union1d(np.flatnonzero(weight), city.families.block)
    centre = shapely.get_coordinates(shapely.centroid(city.blocks.outline))
    district = np.array([code[:7] for code in city.blocks.code])
    enumerator = np.full(len(city.blocks), -1, dtype=np.int32)
    supervisor: list[int] = []
    coordinator: list[int] = []
    for code in np.unique(district[worked]):
        here = worked[district[worked] == code]
        people = max(1, min(len(here), round(int(weight[here].sum()) / LOAD)))
        for share in _divided(here, people, weight, centre):
            enumerator[share] = len(supervisor)
            supervisor.append(0)
        first = len(supervisor) - people
        leaders = max(1, round(people / LED))
        above = -(-leaders // COORDINATED)
        base, top = len(coordinator), (max(coordinator) + 1 if coordinator else 0)
        supervisor[first:] = [base + at * leaders // people for at in range(people)]
        coordinator += [top + at * above // leaders for at in range(leaders)]
    return Staff(
        [f"ppl-{n + 1:04d}" for n in range(len(supervisor))],
        [f"pml-{n + 1:03d}" for n in range(len(coordinator))],
        [f"koseka-{n + 1:02d}" for n in range(max(coordinator, default=-1) + 1)],
        enumerator,
        np.array(supervisor, dtype=np.int32),
        np.array(coordinator, dtype=np.int32),
    )


def _divided(
    blocks: NDArray[np.intp], people: int, weight: NDArray[np.intp], centre: NDArray[np.float64]
) -> list[NDArray[np.intp]]:
    """`blocks` in as many compact shares of like weight as there are `people`, neighbours one after another."""
    if people == 1:
        return [blocks]
    longer = int(np.argmax(np.ptp(centre[blocks], axis=0)))
    ordered = blocks[np.argsort(centre[blocks, longer], kind="stable")]
    fewer = people // 2
    sums = np.cumsum(weight[ordered])
    cut = int(np.argmin(np.abs(sums - sums[-1] * fewer / people))) + 1
    cut = min(max(cut, fewer), len(ordered) - (people - fewer))
    return _divided(ordered[:cut], fewer, weight, centre) + _divided(ordered[cut:], people - fewer, weight, centre)
