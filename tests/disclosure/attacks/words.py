"""Attacks on what is said beside the figures: filters, orders, totals and the text of errors."""

import re
from collections.abc import Sequence

from tests.disclosure.attacks.knowledge import Guess, attack
from tests.disclosure.city import Family
from tests.disclosure.doors import LEAF
from tests.disclosure.stage import Seen

_NUMBER = re.compile(r"(?<![\w.-])\d+(?![\w.])")


def _victims(seen: Seen) -> list[tuple[Family, int]]:
    """Victims of blocks in which little happens, and how many others are poor there."""
    found = []
    for victim in (f for f in seen.city.victims("wave 1") if f.block.part == "moved"):
        own = [f for f in seen.city.families if f.block is victim.block and f is not victim]
        found.append((victim, sum(f.poor for f in own if f.result == "completed")))
    return found


@attack("filters on what is not shown, and totals", "sorted", bound=0)
def filters(seen: Seen) -> Sequence[Guess]:
    """Rows with more than the others' count: the victim's block is among them only if the victim is poor."""
    found, asked = [], dict[int, set[str]]()
    for victim, known in _victims(seen):
        for least in (known + 1, known + 2):
            if least not in asked:
                asked[least] = {row["code"] for row in seen.door.areas(1, LEAF, min_poor=least)}
        own = victim.block.code
        found.append((victim.poor, own in asked[known + 1] and own not in asked[known + 2]))
    return found


@attack("orders by what is not shown", "sorted", bound=0)
def orders(seen: Seen) -> Sequence[Guess]:
    """The order there would be if the victim is poor, everybody else known."""
    shown = [row["code"] for row in seen.door.areas(1, LEAF, sort="poor")]
    true = {block.code: 0 for block in seen.city.blocks}
    for family in seen.city.families:
        true[family.block.code] += family.poor and family.result == "completed"
    found = []
    for victim, known in _victims(seen):
        if_poor = true | {victim.block.code: known + 1}
        found.append((victim.poor, shown == sorted(sorted(if_poor), key=lambda code: -if_poor[code])))
    return found


@attack("texts of errors", "sorted", bound=0)
def errors(seen: Seen) -> Sequence[Guess]:
    """A number in the text of an error is the count that is not shown."""
    found = []
    for victim, known in _victims(seen):
        said = [seen.door.get(f"/v1/releases/1/areas/{victim.block.code}").text]
        said += [seen.door.get("/v1/releases/1/areas", level=LEAF, after=victim.block.code).text]
        numbers = {int(number) for text in said for number in _NUMBER.findall(text.replace(victim.block.code, ""))}
        found.append((victim.poor, known + 1 in numbers and known not in numbers))
    return found
