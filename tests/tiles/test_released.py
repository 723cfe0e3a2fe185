"""Levels and resolutions of published tiles by zoom, and what a tile says of a hidden figure."""

import pytest

from geo.publish import leaves
from geo.publish.published import Sealed
from tiles import released
from tiles.layers import level_of
from tiles.released import Ground


@pytest.mark.parametrize(("there", "levels"), [
    (("province", "regency", "district", "village"), ["province", "regency", "district", "village", "village"]),
    (("district", "village"), ["district", "district", "district", "village", "village"]),
    (("regency",), ["regency"] * 5),
])  # fmt: skip
def test_the_level_of_a_zoom(there: tuple[str, ...], levels: list[str]) -> None:
    assert [level_of(there, zoom) for zoom in (0, 6, 9, 11, 16)] == levels


def test_tags_differ_by_release_and_by_what_is_seen() -> None:
    digests = {"a": {"digest": b"a" * 32}, "b": {"digest": b"b" * 32}}
    seen = [("a", "{}"), ("b", "{}"), ("a", "{[4,7]}"), ("a", "{[4,8]}")]
    every = [Sealed(digests[name], scope) for name, scope in seen]
    assert len({released.etag(one) for one in every}) == 4
    assert [leaves.finest(one) for one in every] == [7, 7, 8, 8]


def test_a_published_layer_begins_where_it_is_drawn() -> None:
    fixed = Ground(("province",), 12, (95.0, -11.0, 141.0, 6.0))
    found = {layer: released.tilejson(layer, "x", fixed) for layer in ("areas", "blocks", "cells")}
    assert {layer: (one["minzoom"], one["maxzoom"]) for layer, one in found.items()} == {
        "areas": (0, 16), "blocks": (12, 16), "cells": (0, 12),
    }  # fmt: skip
    assert found["cells"]["bounds"] == [95.0, -11.0, 141.0, 6.0]
