"""Plays the month: people, the ordinary weeks, the planted faults, and what a phone sends of each visit."""

from datetime import datetime
from uuid import uuid5

import numpy as np
from numpy.typing import NDArray

from app.demo import draft, hours, people, planted, visits
from app.demo.city import City
from app.demo.draft import People, stream
from app.demo.fieldwork import PLANTED, Fieldwork, Plant, Prelist, Staff, Visits
from app.demo.plane import over
from app.demo.rates import Rates
from geo.schema import ORIGINS, RESULTS

__all__ = ["PLANTED", "Fieldwork", "Plant", "Prelist", "Staff", "Visits", "plan", "submission"]


def plan(
    city: City, rates: Rates | None = None, seed: int | None = None, status: NDArray[np.int8] | None = None
) -> Fieldwork:
    """The month of `city`. The same `seed` (the city's where none is given) and rates give the same month.

    `status` (F,): field status 1–3 of every family; 3 where none are given.
    """
    rates, seed = rates or Rates(), city.seed if seed is None else seed
    entries, found = people.prelist(city, stream(seed, "prelist"), rates.ordinary)
    staff = people.staff(city, entries)
    crew = hours.crew(stream(seed, "crew"), len(staff.enumerators), rates.ordinary)
    ground = planted.ground(city, staff, crew, rates.planted, stream(seed, "ground"))
    entries = people.without(city, entries, ground.passed_over)
    found = people.Found(found.listed, found.found & ~ground.passed_over[city.families.building])
    plane = over(city.families.lon, city.families.lat)
    every = visits.stops(city, plane, entries, found, staff, set(ground.holes))
    every = every.take(np.flatnonzero(~np.isin(every.block, ground.left_out)))
    made = draft.ordinary(city, People(entries, staff, crew, every, plane), rates.ordinary, seed)
    areas = planted.plant(made, ground, rates.planted)
    sync_enumerator, sync_at = hours.syncs(stream(seed, "syncs"), crew)
    return Fieldwork(
        prelist=entries,
        staff=staff,
        household_id=entries.household_id + made.new,
        family=np.array(made.family, dtype=np.int32),
        visits=made.visits(status),
        sync_enumerator=sync_enumerator,
        sync_at=sync_at,
        planted=made.plants,
        areas=areas,
        seed=seed,
    )


def submission(city: City, fieldwork: Fieldwork, i: int) -> dict[str, object]:
    """What the phone sends of visit `i`: the contract's fields, ready for JSON."""
    seen = fieldwork.visits
    household, revision = fieldwork.household_id[seen.case[i]], int(seen.revision[i])
    finished = float(seen.captured_at[i])
    revisit_at, welfare = float(seen.revisit_at[i]), int(seen.welfare[i])
    made: dict[str, object] = {
        "submission_id": str(uuid5(people.NAMESPACE, f"{fieldwork.seed}/{household}/{revision}")),
        "household_id": household,
        "revision": revision,
        "block": city.blocks.code[seen.block[i]],
        "lon": float(seen.lon[i]),
        "lat": float(seen.lat[i]),
        "accuracy_m": round(float(seen.accuracy_m[i]), 1),
        "captured_at": _instant(finished),
        "result": RESULTS[seen.result[i]],
        "origin": ORIGINS[seen.origin[i]],
        "visit": int(seen.visit[i]),
        "started_at": _instant(finished - round(float(seen.minutes[i]) * 60)),
        "finished_at": _instant(finished),
        "enumerator": fieldwork.staff.enumerators[seen.enumerator[i]],
    }
    if np.isfinite(revisit_at):
        made["revisit_at"] = _instant(revisit_at)
    if welfare > 0:
        made["welfare"] = welfare
    return made


def _instant(moment: float) -> str:
    """Unix seconds as RFC 3339 with the offset of the campaign's zone."""
    return datetime.fromtimestamp(round(moment), hours.ZONE).isoformat()
