"""Every text a person reads on a page, in both languages; the same keys in each.

Indonesian comes first: it is taken where neither the link, the cookie nor the browser asks for English.
"""

import json
from functools import cache
from pathlib import Path

LANGUAGES = ("id", "en")

#: The cookie in which a page keeps the language that was chosen.
COOKIE = "cakupan_lang"


@cache
def texts(language: str) -> dict[str, str]:
    """All texts of one of LANGUAGES by key. A `{name}` in a text is filled in by whoever shows it."""
    found: dict[str, str] = json.loads((Path(__file__).parent / f"{language}.json").read_text(encoding="utf-8"))
    return found


def choose(asked: str | None, kept: str | None, accepted: str) -> str:
    """The language of a page: asked for in the link, else kept in the cookie, else by Accept-Language (RFC 9110)."""
    for wish in (asked, kept):
        if wish in LANGUAGES:
            return wish
    ranked = sorted((_ranked(part) for part in accepted.split(",")), key=lambda found: -found[0])
    return next((language for weight, language in ranked if weight > 0 and language in LANGUAGES), LANGUAGES[0])


def _ranked(part: str) -> tuple[float, str]:
    """Weight and language of one part of an Accept-Language header, like `en-GB;q=0.7`."""
    tag, _, parameter = part.strip().partition(";")
    try:
        weight = float(parameter.strip().removeprefix("q=") or 1)
    except ValueError:
        weight = 0.0
    return weight, tag.partition("-")[0].strip().lower()
