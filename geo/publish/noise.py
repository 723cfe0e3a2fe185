"""Noise of a release: whole numbers of the discrete Gaussian, the same on every machine, and only with the key.

P(k) ∝ exp(−k² / 2σ²) over all whole numbers (Canonne, Kamath and Steinke 2020, "The discrete Gaussian for differential
privacy"). A draw is a function of what it is for: HMAC-SHA256 under the release's key gives 128 uniform bits, and the
inverse of the distribution function turns them into a number. Nothing here knows a database, a clock or a float.

The function is a list of whole thresholds out of 2¹²⁸, to the nearest, from decimal arithmetic whose results are
correctly rounded by definition. What is rarer than half of 2⁻¹²⁸ is thereby never drawn: draws lie between −39 and 39,
and all beyond has a probability below 2⁻¹²⁸ in truth. That adds nothing that counts to a δ of 10⁻⁶.
"""

import hashlib
import hmac
import secrets
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from itertools import accumulate

#: Standard deviation of one draw, in families.
SIGMA = 3

#: Length of a release's key: as long as the HMAC's own digest.
KEY_BYTES = 32

#: Bits of the HMAC that are used.
_BITS = 128
#: Draws are summed up as far as this to either side: twenty standard deviations, where e⁻²⁰⁰ is left.
_REACH = 20 * SIGMA
#: Decimal digits that are computed with; 2¹²⁸ has 39.
_DIGITS = 80


@dataclass(frozen=True)
class Purpose:
    """What a release's draws are for. `kind`: the table, field or final; `measure`: what counts as poor in it."""

    campaign: str
    edition: str
    kind: str
    measure: str
    release: int


def new_key() -> bytes:
    """A random key for one release, from the operating system; erased when the release is sealed."""
    return secrets.token_bytes(KEY_BYTES)


def content(rows: Iterable[tuple[str, int, bool]]) -> bytes:
    """SHA-256 of what newly enters a leaf: (household, revision, poor or not), in whatever order it comes."""
    found = hashlib.sha256()
    for household, revision, poor in sorted(rows):
        found.update(_fields(household.encode(), b"%d" % revision, b"1" if poor else b"0"))
    return found.digest()


def draw(key: bytes, purpose: Purpose, system: str, leaf: str, content: bytes) -> int:
    """The noise of one leaf in one release. `leaf`: the block's code, or the cell as hexadecimal text.

    `content`: of `content`, that of no rows where nobody enters. Raises `ValueError` for a key of another length.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key of noise has {KEY_BYTES} bytes")
    asked = (purpose.campaign, purpose.edition, purpose.kind, purpose.measure, str(purpose.release), system, leaf)
    digest = hmac.digest(key, _fields(*(field.encode() for field in asked), content), "sha256")
    return quantile(int.from_bytes(digest[: _BITS // 8], "big"))


def quantile(bits: int) -> int:
    """The draw that 128 uniform bits stand for: the least k with `bits` / 2¹²⁸ < P(X ≤ k)."""
    return bisect_right(THRESHOLDS, bits) - _REACH


def _fields(*fields: bytes) -> bytes:
    """Fields one after another, each behind its length in eight bytes, so that no two lists of them read alike."""
    return b"".join(len(field).to_bytes(8, "big") + field for field in fields)


def _thresholds() -> Sequence[int]:
    """P(X ≤ k) · 2¹²⁸ for k from −_REACH, to the nearest whole number."""
    exact = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN, traps=[])
    weights = [exact.exp(exact.divide(Decimal(-k * k), Decimal(2 * SIGMA**2))) for k in range(-_REACH, _REACH + 1)]
    up_to = list(accumulate(weights, exact.add))
    part = exact.divide(Decimal(2**_BITS), up_to[-1])
    return tuple(int(exact.to_integral_value(exact.multiply(part, weight))) for weight in up_to)


#: Ascending. The first ones are 0 and the last ones 2¹²⁸, which no draw reaches.
THRESHOLDS = _thresholds()
