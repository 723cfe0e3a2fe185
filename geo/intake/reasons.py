"""Why a row was not believed. One enumeration, in the OpenAPI document and in both languages (`app/locales`)."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Reason(StrEnum):
    """Reason codes of quarantined rows. Stable: clients branch on them."""

    MALFORMED = "MALFORMED"
    NOT_AN_OBJECT = "NOT_AN_OBJECT"
    MISSING_FIELD = "MISSING_FIELD"
    BAD_ID = "BAD_ID"
    BAD_VALUE = "BAD_VALUE"
    BAD_TEXT = "BAD_TEXT"
    BAD_TIME = "BAD_TIME"
    CLOCK_AHEAD = "CLOCK_AHEAD"
    BEFORE_CAMPAIGN = "BEFORE_CAMPAIGN"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    WRONG_CRS = "WRONG_CRS"
    NULL_ISLAND = "NULL_ISLAND"
    AXES_SWAPPED = "AXES_SWAPPED"
    OUTSIDE_CAMPAIGN = "OUTSIDE_CAMPAIGN"
    UNKNOWN_BLOCK = "UNKNOWN_BLOCK"
    IDENTITY_NUMBER = "IDENTITY_NUMBER"
    CONFLICT = "CONFLICT"


@dataclass(frozen=True, slots=True)
class Fault(Exception):
    """One row that could not be believed: the reason, the field it lies in, what to do, and a proposed fix if any."""

    reason: Reason
    field: str
    detail: str
    proposal: dict[str, Any] | None = None
