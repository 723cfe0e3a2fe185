"""Attacks by looking twice: before and after something happened, and from release to release."""

from collections.abc import Sequence

from tests.disclosure.attacks.knowledge import Guess, attack, change, left, likely, value
from tests.disclosure.city import FIELD, Family
from tests.disclosure.doors import Figures
from tests.disclosure.stage import OURS, Seen, leaves_of

LAST_FIELD, FINAL = len(FIELD), len(FIELD) + 1
ONE, BOTH = 0.19, 0.26


def _values(figures: Figures) -> dict[tuple[str, str], int | None]:
    return {leaf: row.get("poor") for leaf, row in figures.items()}


def _stepwise(seen: Seen, what: str) -> Sequence[Guess]:
    """A figure changed when one family did: then it is, or was, poor."""
    return [(step.victim.poor, _values(step.before) != _values(step.after)) for step in seen.steps.get(what, [])]


@attack("before and after one upload", "live", "cell_key", bound=0)
def one_upload(seen: Seen) -> Sequence[Guess]:
    return _stepwise(seen, "uploaded")


@attack("before and after one correction", "live", "cell_key", bound=0)
def one_correction(seen: Seen) -> Sequence[Guess]:
    return _stepwise(seen, "corrected")


@attack("before and after one deletion", "live", "cell_key", bound=0)
def one_deletion(seen: Seen) -> Sequence[Guess]:
    return _stepwise(seen, "deleted")


@attack("consecutive releases", "exact", bound=ONE)
def consecutive(seen: Seen) -> Sequence[Guess]:
    """One release less the one before, less everybody else who came in between."""
    victims = [(n, f) for n in range(2, LAST_FIELD + 1) for f in seen.city.victims(f"wave {n}")]
    watched = [(n, f) for n, f in victims if f.block.part == "watched" or seen.door.name == OURS]
    return [(f.poor, likely(change(seen, n, f, n - 1))) for n, f in watched]


@attack("an unchanged leaf is drawn anew in the final table", "undrawn", bound=BOTH)
def unchanged(seen: Seen) -> Sequence[Guess]:
    """A figure that stayed the same says that nobody was moved; unless those change too where nobody was."""
    control = ("block", seen.city.of("moved")[0].code)
    telling = value(seen.leaves[LAST_FIELD], control) == value(seen.leaves[FINAL], control)
    found = []
    for victim in seen.city.victims("moved"):
        own = leaves_of(victim)[0]
        same = value(seen.leaves[LAST_FIELD], own) == value(seen.leaves[FINAL], own)
        found.append((victim.later, not same if telling else likely(change(seen, FINAL, victim, LAST_FIELD))))
    return found


@attack("two tables differ in noise", "seeded", bound=BOTH)
def same_noise(seen: Seen) -> Sequence[Guess]:
    """The final table less the field table: what was drawn twice alike is gone."""
    return [(victim.later, likely(change(seen, FINAL, victim, LAST_FIELD))) for victim in seen.city.victims("moved")]


def _edited(seen: Seen) -> list[tuple[bool, Family]]:
    return [(what, victim) for what, name in ((True, "judged again"), (False, "judged once"))
            for victim in seen.city.victims(name)]  # fmt: skip


@attack("edits that change nothing move the gate of 20", "changed", bound=0)
def gate(seen: Seen) -> Sequence[Guess]:
    """Nineteen colluders were judged again in a block: its figure moves only if the victim was too."""
    found = []
    for again, victim in _edited(seen):
        own = leaves_of(victim)[0]
        found.append((again, seen.leaves[1].get(own) != seen.leaves[2].get(own)))
    return found


@attack("a household enters a table a second time", "corrected", bound=0)
def second_entry(seen: Seen) -> Sequence[Guess]:
    """What a block's figure changed by, less what nineteen known ones were judged otherwise by."""
    found = []
    blocks = [leaves_of(victim)[0] for _, victim in _edited(seen)]
    still = all(value(seen.leaves[1], block) == value(seen.leaves[2], block) for block in blocks)
    for again, victim in _edited(seen):
        own = leaves_of(victim)[0]
        before, after = value(seen.leaves[1], own), value(seen.leaves[2], own)
        if still or before is None or after is None:
            found.append((again, False))  # corrections do not enter at all
            continue
        known = sum(poor for f, poor in seen.truth.counted[2][own] if f is not victim)
        known -= sum(poor for f, poor in seen.truth.counted[1][own] if f is not victim)
        found.append((again, abs(after - before - known) > 0.5))
    return found


@attack("a release is made again on another input", "rerun", bound=0)
def made_again(seen: Seen) -> Sequence[Guess]:
    """The same release twice, one family judged otherwise in between: the difference is that family."""
    found = []
    for victim in seen.city.victims("in between"):
        twice = [(value(seen.unfinished, leaf), value(seen.leaves[3], leaf)) for leaf in leaves_of(victim)]
        found.append((victim.poor, likely(None if a is None or b is None else b - a for a, b in twice)))
    return found


def _known_of(seen: Seen, release: int, victim: Family) -> bool | None:
    """Whether the victim was poor by a table; None where it is not in it."""
    behind = seen.truth.entered if seen.door.name == OURS else seen.truth.counted
    return next((poor for f, poor in behind[release].get(leaves_of(victim)[0], []) if f is victim), None)


@attack("all that one table says of one family", "exact", bound=ONE)
def one_table(seen: Seen) -> Sequence[Guess]:
    """Both leaves when the family came, everybody else known: the best there is."""
    victims = [(n, f) for n in range(1, FINAL) for f in seen.city.victims(f"wave {n}")]
    found = [(_known_of(seen, n, f), likely(change(seen, n, f, n - 1 or None))) for n, f in victims]
    return [(true, said) for true, said in found if true is not None]


@attack("all that both tables say of one family", "exact", bound=BOTH)
def both_tables(seen: Seen) -> Sequence[Guess]:
    """The same with both leaves in the final table, where the forum left the family as it was."""
    found = []
    for n in range(1, FINAL):
        for victim in seen.city.victims(f"wave {n}"):
            if _known_of(seen, FINAL, victim) is not None:
                both = [left(seen, FINAL, leaf, victim) for leaf in leaves_of(victim)]
                found.append((victim.later, likely([*change(seen, n, victim, n - 1 or None), *both])))
    return found
