"""National and family-card numbers, which are never stored: how they are told, and masked."""

import re

_SIXTEEN = re.compile(r"(?<![0-9])[0-9]{6}([0-9]{2})([0-9]{2})[0-9]{6}(?![0-9])")

#: What stands where a number looked like an identity.
MASK = "*" * 16


def sixteen_digits(text: str) -> bool:
    """Whether a number of sixteen digits stands in it, whatever they say."""
    return _SIXTEEN.search(text) is not None


def identity_number(text: str) -> bool:
    """Whether a number of sixteen digits with a plausible date of birth stands in it."""
    return len(text) >= 16 and any(_plausible(m) for m in _SIXTEEN.finditer(text))


def masked_text(text: str) -> str:
    """`text` with numbers that look like identities masked."""
    return _SIXTEEN.sub(lambda m: MASK if _plausible(m) else m.group(), text)


def _plausible(found: re.Match[str]) -> bool:
    """Places 7-10 of a national number are day (women: + 40) and month of birth."""
    day, month = int(found.group(1)), int(found.group(2))
    return (1 <= day <= 31 or 41 <= day <= 71) and 1 <= month <= 12
