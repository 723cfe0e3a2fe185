"""The levels of areas and how their official codes nest. Touches nothing; everybody may import it."""

LEVELS = ("province", "regency", "district", "village", "block")
"""From the coarsest to the finest."""

DIGITS: dict[str, tuple[int, ...]] = {
    "province": (2,),
    "regency": (4,),
    "district": (7,),
    "village": (10,),
    "block": (14, 16),
}
"""Digits of a BPS code at each level: a village code begins with its district's code. Blocks: SLS 14, sub-SLS 16."""


def coarser(level: str) -> str | None:
    """The level that contains `level`; None above provinces."""
    place = LEVELS.index(level)
    return LEVELS[place - 1] if place else None


def parent_code(level: str, code: str) -> str | None:
    """The code of the area that contains `code`, read from the code alone; None where it does not nest.

    BPS codes nest by prefix (`6472030001` in `6472030`), Kemendagri codes by dots (`64.72.03` in `64.72`).
    """
    above = coarser(level)
    if above is None:
        return None
    parts = code.split(".")
    if len(parts) == LEVELS.index(level) + 1 and all(part.isdigit() for part in parts):
        return ".".join(parts[:-1])
    if code.isdigit() and len(code) in DIGITS[level]:
        return code[: DIGITS[above][0]]
    return None
