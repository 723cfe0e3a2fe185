"""What the brief says in sentences, and how it writes figures, classes and shares. Nothing is drawn here.

The first sentence answers the question that the meeting has: how many poor families live in how many clusters, and
which of those no site of the programme is near.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from geo.publish.bands import SHOWN_FROM
from tiles.wording import Wording

Row = Mapping[str, Any]

#: Sites over capacity that have a letter, on the map and in the table.
LETTERS = "ABCDEFGH"
#: Numbers of clusters that a sentence names.
NAMED = 6
#: How sure a cluster is: from which share of redraws each word holds.
SURE = ((0.95, "very"), (0.8, "quite"), (0.0, "hardly"))


@dataclass(frozen=True)
class Told:
    """What is told for one question, each as its route answers it: see the guide of the API, "Programmes".

    `head` stands before every answer; `leaves` are rows of cells. `placements` is None where no programme was named,
    and for who may not ask for any (`closed`).
    """

    head: Row
    clusters: Row
    leaves: Sequence[Row]
    sites: Row
    reach: Row
    placements: Row | None
    closed: bool = False

    @property
    def programme(self) -> str | None:
        """The programme asked about; None for all."""
        name = self.head["programme"]
        return None if name is None else str(name)

    @property
    def area(self) -> str | None:
        """Name of the area asked about; None for all."""
        within = self.head["within"]
        return None if within is None else str(within["name"])

    @property
    def km(self) -> int:
        """The distance asked about."""
        return int(self.head["km"])

    @property
    def partly(self) -> list[Row]:
        """Cells that are not judged because too few of those who live there are counted; not those where few live."""
        return [
            row
            for row in self.leaves
            if row["state"] == "untested"
            and not {"none_yet", "low_coverage"}.isdisjoint(row["notes"])
            and (row["expected"] is None or row["expected"] >= SHOWN_FROM)
        ]

    @property
    def judged(self) -> bool:
        """Whether it can be told which sites are over capacity: a cell of 5 km² may hold many of them."""
        return bool(self.sites["system"] == "block")

    @property
    def over(self) -> list[Row]:
        """Sites over capacity in the area asked about, those most over it first; none where that cannot be told."""
        if not self.judged:
            return []
        over = [site for site in self.sites["sites"] if site["fullness"] == "over" and site["inside"]]
        return sorted(over, key=lambda site: (site["capacity"] - site["poor"], site["site_id"]))

    @property
    def without(self) -> list[str]:
        """Clusters without a site of the programme within the distance, by their numbers."""
        return [one["cluster"] for one in self.reach["clusters"] if one["without_site"]]


def date(words: Wording, at: datetime, zone: ZoneInfo) -> str:
    """A day with its year."""
    return f"{words.day(at, zone)} {at.astimezone(zone).year}"


def about(words: Wording, many: float) -> str:
    """A number of families as one says it in a meeting: to tens from a hundred on, to hundreds from a thousand on."""
    whole = round(many)
    digits = 0 if whole < 100 else -1 if whole < 1_000 else -2
    return words.number(round(whole, digits))


def figure(words: Wording, row: Row) -> str:
    """Poor families of a figure with their ±; in words where there is no number to be shown."""
    if not row["households"] and not row["notes"]:
        return words.number(0)
    if row["poor_shown"] is None:
        return words(f"brief.{next((note for note in row['notes'] if note in _NO_NUMBER), 'none_yet')}")
    said = with_error(words, row["poor_shown"], row["error"])
    return said + "*" if "low_coverage" in row["notes"] else said


def with_error(words: Wording, many: int, error: float) -> str:
    """A number of families and its ±, rounded up; nothing is said of no error."""
    return words.number(many) if not error else f"{words.number(many)} ±{words.number(math.ceil(error))}"


_NO_NUMBER = ("none_yet", "fewer_than_10", "not_shown")


def share(words: Wording, band: str | None) -> str:
    """A band of shares; Latin-1 has no sign for "at least"."""
    if band is None:
        return "-"
    if band.startswith("<"):
        return words("brief.band_below", high=band[1:])
    if band.startswith(">="):
        return words("brief.band_from", low=band[2:])
    return f"{band.replace('-', '–')} %"


def distance(words: Wording, name: str | None) -> str:
    """A class of distances; in words where there is no site at all."""
    return words("brief.no_site") if name is None else f"{name.replace('-', '–')} km"


def site(words: Wording, programme: str | None) -> str:
    """What one site of the programme asked about is called."""
    return words("brief.site_any") if programme is None else words("brief.site_of", programme=programme)


def sure(words: Wording, part: float) -> str:
    """How sure a cluster is one, by the share of redraws in which it is."""
    return words(f"brief.sure_{next(word for least, word in SURE if part >= least)}")


def places(row: Row) -> str:
    """Names of where something lies."""
    return ", ".join(row["places"]) or "-"


def area(words: Wording, told: Told) -> str:
    """Name of the area asked about."""
    return told.area or words("brief.everywhere" if told.closed else "brief.all_open")


def answer(words: Wording, told: Told) -> str:
    """The answer in a sentence or two."""
    return capital(_answer(words, told))


def _answer(words: Wording, told: Told) -> str:
    many, where = len(told.clusters["clusters"]), area(words, told)
    if not told.clusters["tested"]:
        small = {"too_few", "alone"} & set(told.clusters["untested"])
        return words("brief.answer_small" if small else "brief.answer_untested", area=where)
    if not many:
        return words("brief.answer_none", area=where)
    key = "brief.answer_one" if many == 1 else "brief.answer_many"
    inside, of = (about(words, told.clusters[which]["poor_shown"] or 0) for which in ("inside", "families"))
    said = words(key, area=where, n=words.number(many), poor=inside, of=of)
    return f"{said} {_served(words, told, many)}".strip()


def _served(words: Wording, told: Told, many: int) -> str:
    if not told.sites["total"] and not told.reach["classes"]:
        return ""
    without = told.without
    which = "none" if not without else "all" if len(without) == many else "some"
    number = "one" if many == 1 else "many"
    if which == "some":
        return words(
            f"brief.unserved_some_{'one' if len(without) == 1 else 'many'}",
            n=words.number(len(without)),
            site=site(words, told.programme),
            km=told.km,
            which=listed(words, without),
        )
    return words(f"brief.unserved_{which}_{number}", site=site(words, told.programme), km=told.km)


def capital(said: str) -> str:
    """The same with a capital at its beginning."""
    return said[:1].upper() + said[1:]


def listed(words: Wording, names: Sequence[str]) -> str:
    """Some names in a sentence; how many more there are."""
    rest = len(names) - NAMED
    if rest > 0:
        return words("brief.and_more", names=", ".join(names[:NAMED]), n=words.number(rest))
    return words("brief.and", names=", ".join(names[:-1]), last=names[-1]) if len(names) > 1 else "".join(names)


def facts(words: Wording, told: Told) -> list[str]:
    """What else the meeting should know, most weighty first."""
    said = [
        *_reached(words, told),
        *_over(words, told),
        *_placed(words, told),
        *_changed(words, told),
        *_partly(words, told),
    ]
    return [capital(one) for one in said if one]


def _reached(words: Wording, told: Told) -> list[str]:
    reach, of = told.reach, site(words, told.programme)
    if not reach["classes"]:
        return [words("brief.fact_no_sites", site=of)]
    near, far = reach["reached"]["poor_shown"], reach["beyond"]["poor_shown"]
    if near is None and far is None:
        return []
    values = {"site": of, "km": told.km, "near": about(words, near or 0), "far": about(words, far or 0)}
    clear = (far or 0) > reach["beyond"]["error"]
    return [words("brief.fact_reach" if clear else "brief.fact_reach_all", **values)]


def _over(words: Wording, told: Told) -> list[str]:
    over = told.over
    if not told.judged:
        return []
    if not over:
        known = [one for one in told.sites["sites"] if one["capacity"] is not None]
        return [] if known or not told.sites["sites"] else [words("brief.fact_no_capacity")]
    which = _lettered(words, len(over))
    key = "brief.fact_over_one" if len(over) == 1 else "brief.fact_over"
    of = words.number(told.sites["total"])
    return [words(key, n=words.number(len(over)), of=of, site=site(words, told.programme), which=which)]


def _lettered(words: Wording, many: int) -> str:
    """Letters of so many sites: a few by themselves, more from the first to the last, and how many have none."""
    if many <= NAMED:
        return listed(words, LETTERS[:many])
    letters = f"A–{LETTERS[:many][-1]}"
    rest = many - len(LETTERS)
    return words("brief.and_more", names=letters, n=words.number(rest)) if rest > 0 else letters


def _placed(words: Wording, told: Told) -> list[str]:
    if told.placements is None:
        return [words("brief.fact_closed")] if told.closed else _unnamed(words, told)
    many = len(told.placements["placements"])
    covered = told.placements["covered"]
    gained = about(words, max(covered["after"] - covered["before"], 0))
    if not many:
        return []
    key = "brief.fact_place" if many == 1 else "brief.fact_places"
    return [words(key, n=words.number(many), gained=gained, km=told.km, site=site(words, told.programme))]


def _unnamed(words: Wording, told: Told) -> list[str]:
    return [words("brief.fact_no_programme")] if told.programme is None and told.reach["classes"] else []


def _changed(words: Wording, told: Told) -> list[str]:
    before = told.clusters["before_release"]
    if before is None:
        return []
    states = [one["state"] for one in told.clusters["clusters"]]
    counts = {"new": states.count("new"), "still": states.count("still"), "gone": len(told.clusters["gone"])}
    return [words("brief.fact_changed", release=before["release"], **counts)] if any(counts.values()) else []


def _partly(words: Wording, told: Told) -> list[str]:
    partly = len(told.partly)
    return [words("brief.fact_untested", n=words.number(partly))] if partly else []
