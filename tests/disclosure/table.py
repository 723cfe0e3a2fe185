"""Prints what each attack gains, on naive services and on ours: `python -m tests.disclosure.table`.

It plays the campaign of the tests ten times over, and more rounds of the games: some five minutes. On a machine without
the private PostGIS it sets one up, as the tests do.
"""

import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import migrations
from app import embedded, home
from app.settings import Settings, default_home
from geo.publish import cost
from tests.conftest import closed, database_on, in_memory, logins_of
from tests.disclosure.attacks.knowledge import Attack, Guess, Measured, measured
from tests.disclosure.attacks.listed import ATTACKS
from tests.disclosure.conftest import SEED
from tests.disclosure.games import FIELD, FINAL, every_level, on_demand, only_poor, ours, play
from tests.disclosure.stage import OURS, Peopled, peopled, staged
from tests.disclosure.test_rounds import game

GAMES, NAIVE, ROUNDS, PLAYS = 40_000, 1_000, 24, 10
HEAD = ("| attack | on a naive service | on ours | bound |", "|---|---|---|---|")


def told(found: Measured) -> str:
    """An advantage with its interval; nothing was left to chance where it is 0 or 1 on every victim."""
    sure = found.advantage in {0, 1}
    return f"{found.advantage:.2f}" if sure else f"{found.advantage:.2f} ({found.low:.2f}–{found.high:.2f})"


def line(attack: Attack, naive: dict[str, Measured], guesses: Sequence[Guess]) -> str:
    """One row of the table: the worst naive service there is for it, and ours."""
    worst = max(naive, key=lambda flaw: naive[flaw].advantage)
    return f"| {attack.name} | {told(naive[worst])}, `{worst}` | {told(measured(guesses))} | {attack.bound:g} |"


def games() -> Iterator[str]:
    """The games on the noise alone."""
    naive = {
        "one table, all levels, everybody else known": (every_level, False),
        "the same, asked again and again": (on_demand, False),
        "one table, nobody else there poor": (only_poor, True),
    }
    for name, (flaw, alone) in naive.items():
        lost, mine = measured(play(flaw, NAIVE, alone=alone)), measured(play(ours, GAMES, alone=alone))
        yield f"| {name} | {told(lost)} | {told(mine)} | {cost.advantage(1):.2f} |"
    both = measured(play(ours, GAMES, (FIELD, FINAL)))
    yield f"| both tables, all levels, everybody else known | | {told(both)} | {cost.advantage(2):.2f} |"


def lines(folder: Path) -> Iterator[str]:
    """The table in Markdown."""
    settings = Settings(
        _env_file=None,
        home=Path(os.environ.get("CAKUPAN_HOME") or default_home()),
        database_url=None,
        fold_seconds=0.05,
        tile_disk_mb=0,
    )
    with embedded.running(settings.home, durable=False) as cluster:
        in_memory(cluster)
        kept = home.secrets_of(settings.home)
        words = {"worker": kept.worker, "internal": kept.internal, "release": kept.release}
        with database_on(cluster, "t_disclosure") as owner:
            migrations.upgrade(owner, words)
            closed(cluster, "t_disclosure")
            with peopled(settings, cluster, "t_disclosure", words, SEED) as before:
                yield from HEAD
                yield from _played(settings, cluster, words, before, folder)
                found = told(measured(game(settings, cluster, before, words, folder, ROUNDS)))
                yield f"| one table, end to end, made {ROUNDS} times | | {found} | {cost.advantage(1):.2f} |"
        yield from games()


def _played(settings: Settings, cluster: str, words: dict[str, str], before: Peopled, folder: Path) -> Iterator[str]:
    """Every attack, ours over several campaigns, each with keys of its own."""
    naive: dict[str, dict[str, Measured]] = {}
    mine: dict[str, list[Guess]] = defaultdict(list)
    for play_ in range(PLAYS):
        own = folder / f"{play_}"
        own.mkdir()
        with (
            database_on(cluster, "t_disclosure_played", before.template) as owner,
            staged(settings, logins_of(owner, words), own, before) as stage,
        ):
            stage.play()
            for attack in ATTACKS:
                mine[attack.name].extend(attack.run(stage.seen[OURS]))
                if not play_:
                    naive[attack.name] = {flaw: measured(attack.run(stage.seen[flaw])) for flaw in attack.naive}
    for attack in ATTACKS:
        yield line(attack, naive[attack.name], mine[attack.name])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for said in lines(Path(folder)):
            print(said, flush=True)  # noqa: T201  # that is its purpose
