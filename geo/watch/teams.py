"""Supervisors and their teams: who leads whom in which blocks, whose plan a caller may ask for, and for which day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from geo.errors import BadInput, NotFound
from geo.scope import Scope
from geo.watch.live import Snapshot

#: Until this local hour a plan is for today.
UNTIL = 12
#: Days ahead that can be planned for.
AHEAD = 14


class WhichSupervisor(BadInput):
    """The caller leads no team itself and named none; `names` are those it may ask for."""

    code = "which-supervisor"

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__("say whose plan in `supervisor`")
        self.names = names


@dataclass(frozen=True)
class Team:
    """A supervisor's enumerators, the numbers of their blocks, and whose each block is (a place in `names`)."""

    supervisor: str
    names: list[str]
    numbers: list[int]
    owner: Mapping[int, int]


def supervisors(live: Snapshot, scope: Scope) -> list[str]:
    """Those all of whose blocks lie in the scope, which is what the caller answers for."""
    staff = live.news.staff
    led = np.flatnonzero(staff.led >= 0)
    hidden = set(staff.led[led[~scope.mask(led, led)]].tolist())
    return sorted(staff.supervisors[at] for at in set(staff.led[led].tolist()) - hidden)


def team_of(live: Snapshot, scope: Scope, supervisor: str | None) -> Team:
    """The team of a supervisor, of the caller where none is named.

    Raises WhichSupervisor where the caller leads none itself, NotFound outside the scope.
    """
    names, wanted = supervisors(live, scope), supervisor or scope.name
    if wanted not in names:
        if supervisor is None:
            raise WhichSupervisor(names)
        raise NotFound("there is no such team, or it is not yours to plan for", code="no-team")
    staff = live.news.staff
    numbers = np.flatnonzero(staff.led == list(staff.supervisors).index(wanted))
    who = staff.who[numbers].tolist()
    people = sorted({staff.enumerators[at] for at in who if at >= 0})
    owner = {n: people.index(staff.enumerators[at]) for n, at in zip(numbers.tolist(), who, strict=True) if at >= 0}
    return Team(wanted, people, numbers.tolist(), owner)


def day_of(live: Snapshot, asked: date | None) -> date:
    """The day planned for: today until noon, else tomorrow. Raises BadInput for one that is over or far ahead."""
    now, today = live.campaign.now().astimezone(live.campaign.zone), live.campaign.today()
    if asked is None:
        return max(today if now.hour < UNTIL else today + timedelta(days=1), live.campaign.starts_on)
    if not today <= asked <= max(today, live.campaign.starts_on) + timedelta(days=AHEAD):
        raise BadInput(f"plans are made for today and the {AHEAD} days after it", code="bad-day")
    return asked
