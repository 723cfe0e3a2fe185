"""What is kept from question to question: no more than so much, and only while nothing has moved."""

from geo.watch.villages import Kept


def test_what_was_used_longest_ago_goes_first() -> None:
    kept = Kept[str](2)
    for key in (1, 2, 1, 3):
        kept.put(key, f"of {key}", 7)
    assert (kept.get(1, 7), kept.get(2, 7), kept.get(3, 7)) == ("of 1", None, "of 3")
    kept.get(1, 7)
    kept.put(4, "of 4", 7)
    assert (kept.get(1, 7), kept.get(3, 7)) == ("of 1", None)


def test_what_has_moved_is_not_given() -> None:
    kept = Kept[str](2)
    kept.put("village", "as it was", 7)
    assert kept.get("village", 8) is None
    assert kept.get("village", (7, 1)) is None
    assert kept.last("village") == (7, "as it was")
    kept.put("village", "as it is", 8)
    assert kept.get("village", 8) == "as it is"
