"""JSON from somebody unknown: one value of it, strictly.

A parser keeps the last of two entries of the same name without a word, and knows no numbers that are not finite. Here
the first is refused, and the second read as text: so it is the fault of its row, not of everybody in the same body.
"""

import json
import math
import re
from typing import Any

import orjson

from geo.errors import BadInput

_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_ALL_BUT_BRACKETS = bytes(set(range(256)) - set(b"{}[]"))
_ALIKE = bytes.maketrans(b"[]", b"{}")
_NESTING = frozenset({dict, list})
#: What a number that no float holds is written with.
_NO_NUMBER = re.compile(rb"NaN|Infinity|[0-9][eE]\+?[0-9]{3}|[0-9]{309}")


class NotJson(ValueError):
    """The bytes are not one JSON value."""

    def __init__(self, said: object) -> None:
        """`said` is what a parser said; each calls it differently when it went too deep."""
        super().__init__(str(said))
        self.too_deep = "depth" in str(said) or "recursion" in str(said).lower()


def value(content: bytes) -> Any:
    """The JSON value that the bytes are; in it NaN, Infinity and numbers as large as 1e400 stand as text.

    Raises NotJson.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as broken:
        if _NO_NUMBER.search(content):
            return _with_text_for_numbers(content)
        raise NotJson(broken) from broken


def strictly(content: bytes, deepest: int) -> Any:
    """As `value`. Raises NotJson; BadInput: `too-deep` beyond `deepest`, `duplicate-key`."""
    try:
        found = value(content)
    except NotJson as broken:
        if broken.too_deep:
            raise _too_deep(deepest) from broken
        raise
    if _is_deep(content, deepest) and _is_deep(_STRING.sub(b"", content), deepest):
        raise _too_deep(deepest)
    if suspect(content, found) and names_twice(content, found):
        raise BadInput("an object of the body names a field twice", code="duplicate-key")
    return found


def _with_text_for_numbers(content: bytes) -> Any:
    try:
        found = json.loads(content.decode(), parse_constant=str, parse_float=_finite, parse_int=_whole)
        orjson.dumps(found)  # refuses what it would not have read either, like half a surrogate pair
    except (ValueError, RecursionError, orjson.JSONEncodeError) as broken:
        raise NotJson(broken) from broken
    return found


def _finite(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


def _whole(text: str) -> int | float | str:
    return int(text) if len(text) < 19 else _finite(text)


def _too_deep(deepest: int) -> BadInput:
    return BadInput(f"the body is nested deeper than {deepest}", code="too-deep")


def _is_deep(content: bytes, deepest: int) -> bool:
    """Whether brackets lie more than `deepest` deep in each other, those inside of strings counted as well."""
    brackets = content.translate(_ALIKE, _ALL_BUT_BRACKETS)
    for _ in range(deepest):
        if not brackets:
            return False
        brackets = brackets.replace(b"{}", b"")
    return bool(brackets)


def suspect(content: bytes, value: object) -> bool:
    """Whether a field may be named twice in `content`, of which a parser keeps the last without a word.

    Each lost entry loses a colon: without escapes the value, written again, has as many as were sent, or fewer.
    """
    if b"\\" in content:
        return True
    try:
        return content.count(b":") != orjson.dumps(value).count(b":")
    except orjson.JSONEncodeError:  # deeper than is written: told of as such
        return True


def names_twice(content: bytes, value: object) -> bool:
    """Whether more colons stand outside of strings than there are entries."""
    entries = 0
    level: list[Any] = [value] if type(value) in _NESTING else []
    while level:
        entries += sum(len(part) for part in level if type(part) is dict)
        inside = (part.values() if type(part) is dict else part for part in level)
        level = [part for parts in inside for part in parts if type(part) in _NESTING]
    return _STRING.sub(b"", content).count(b":") != entries
