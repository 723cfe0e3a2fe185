"""What the published tables cost in privacy: a promise in numbers that holds whatever an attacker knows besides.

Two campaigns are neighbours where they differ in one household's value, poor or not; how many households there are is
public. One table counts a household in one block and in one cell, once each, so its figures differ by 1 in two leaves:
Δ² = 2. Five releases of the field table are one table, since a household enters it once. Sums of leaves cost nothing.

Sources: Canonne, Kamath and Steinke 2020 for the discrete Gaussian (ρ = Δ² / 2σ², as for the continuous one); Bun and
Steinke 2016 for ε from ρ and for adding ρ up.
"""

from math import erf, log, sqrt

from geo.publish.noise import SIGMA

#: The probability left aside when the cost is said as ε.
DELTA = 1e-6

#: Squared distance between the figures of neighbours, for each table: one block and one cell.
DISTANCE_2 = 2

#: Half the width of an interval that holds 95 % of a normal distribution, in standard deviations.
NORMAL_95 = 1.96


def rho(tables: int) -> float:
    """Zero-concentrated differential privacy of so many tables together: ρ = Δ² / 2σ²."""
    return tables * DISTANCE_2 / (2 * SIGMA**2)


def epsilon(rho: float, delta: float = DELTA) -> float:
    """ε of (ε, δ)-differential privacy that a cost of `rho` implies: ρ + 2 √(ρ ln 1/δ)."""
    return rho + 2 * sqrt(rho * log(1 / delta))


def advantage(tables: int) -> float:
    """The most that anybody gains who knows all about everybody else, guessing at one household's value.

    0 is a tossed coin, 1 is certainty: a value that is as likely as not is guessed right in (1 + advantage) / 2 of all
    cases. It is the distance in total variation between neighbours, 2 Φ(Δ / 2σ) − 1; with whole numbers as noise it is
    a little less.
    """
    return erf(sqrt(tables * DISTANCE_2) / (2 * SIGMA) / sqrt(2))


def error(draws: int) -> float:
    """± of a figure with so many draws of noise in it, in families: 95 % of the figures are no farther off.

    Figures are whole, so what is shown is this rounded up: of a single draw 93 % lie within 5, 97 % within 6.
    """
    return NORMAL_95 * SIGMA * sqrt(draws)


def of(tables: int) -> dict[str, float]:
    """The cost of so many tables, 0 to 2: `tables`, `rho`, `epsilon` at `delta`, and `advantage`."""
    spent = rho(tables)
    return {
        "tables": tables,
        "rho": spent,
        "epsilon": epsilon(spent),
        "delta": DELTA,
        "advantage": advantage(tables),
    }
