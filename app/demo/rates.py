"""How often things happen in the simulated month: what is ordinary, and what is planted to be found.

Shares of families unless said otherwise. Ordinary ones follow the figures of a real registration census; planted ones
are chosen so that there is something of each kind to find. `CLEAN` plants nothing.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True)
class Ordinary:
    """What happens in every census."""

    unlisted: float = 0.035  # families that the prelist lacks
    gone: float = 0.045  # entries of the prelist with nobody behind them any more
    not_met: float = 0.13  # first visits that meet nobody
    refused: float = 0.02
    partial: float = 0.025
    gated_refused: float = 0.12  # instead of `refused`, in gated estates
    gated_not_met: float = 0.30
    corrected: float = 0.03  # completed interviews sent once more, corrected
    corrected_again: float = 0.10  # of those
    moved_within: float = 0.004  # families that moved to another block in the month's weeks before
    late_starters: float = 0.06  # enumerators who begin days late
    unsynced: float = 0.07  # enumerators whose phone uploads only every second or third day
    never_sent: float = 0.01  # enumerators whose last days are still on the phone at the end
    lost_answers: float = 0.03  # requests whose answer gets lost on the way
    lost_requests: float = 0.05  # requests that do not arrive


@dataclass(frozen=True)
class Planted:
    """What somebody should find. Shares of families, blocks or enumerators, as the comment says; 0 plants none."""

    hole: float = 0.04  # blocks: a corner that prelist and enumerator both passed over, though the block looks full
    left_out: float = 0.02  # blocks: nobody ever came
    outside_block: float = 0.010  # families: point far outside the declared block
    low_accuracy: float = 0.015  # families
    swapped_axes: float = 0.003  # families
    null_island: float = 0.003  # families
    duplicate: float = 0.004  # families recorded twice, under two ids
    copied: float = 0.004  # families: the point of another household
    repaired: float = 0.006  # families: midpoint, 5 m beside, or the block's centroid
    fabricated_cluster: float = 0.02  # enumerators: interviews made up in one place
    fabricated_strand: float = 0.02  # enumerators: interviews made up along a line
    impossible_travel: float = 0.02  # enumerators
    wrong_boundary: float = 1.0  # how many, in all: an edge of the edition that is not where the ground has it
    miscoded_batch: float = 1.0  # how many, in all: a day's interviews under another block's code
    over_reporting: float = 0.01  # blocks: families reported that do not exist

    @property
    def any(self) -> bool:
        """Whether anything is planted."""
        return any(getattr(self, field.name) > 0 for field in fields(self))


@dataclass(frozen=True)
class Rates:
    """All of it."""

    ordinary: Ordinary = Ordinary()
    planted: Planted = Planted()


CLEAN = Rates(planted=Planted(**dict.fromkeys((field.name for field in fields(Planted)), 0.0)))
