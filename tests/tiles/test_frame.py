"""Which part of the ground a sheet shows, and where its signs go."""

import math

import numpy as np
import pytest
import shapely

from tests.tiles.drawing import place, square
from tiles import signs
from tiles.frame import MARGIN, PAPERS, ROOM, fitting
from tiles.signs import Wanted


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize(
    ("wide", "high"), [(5, 5), (90, 140), (400, 90), (1_000, 1_100), (10_000, 7_000), (300_000, 10)]
)
def test_a_block_lies_inside_its_map_at_a_round_scale(paper, wide, high):
    shape = square(wide, high)
    found = fitting(tuple(shapely.bounds(shape).tolist()), paper)
    drawn = found.drawn(shape)
    room = ROOM * found.cell - 0.01
    assert shapely.box(room, room, found.width - room, found.height - room).contains(drawn)
    digits = str(found.scale).rstrip("0")
    assert digits in {"1", "125", "15", "2", "25", "3", "4", "5", "75"}
    assert found.scale >= 500
    west, south, east, north = drawn.bounds
    assert (east - west, north - south) == pytest.approx(
        (wide * 1000 / found.scale, high * 1000 / found.scale), rel=0.01
    )
    # and with the panel it has room on the paper
    assert found.page[0] >= found.width + 2 * MARGIN
    assert found.page[1] >= found.height + 2 * MARGIN
    if found.across:
        assert wide > high


def test_what_is_shown_is_said_in_degrees():
    found = fitting(tuple(shapely.bounds(square(200, 300)).tolist()), "a4")
    west, south, east, north = found.box
    x, y = found.at(np.array([west, east]), np.array([south, north]))
    assert [*x, *y] == pytest.approx([0, found.width, 0, found.height], abs=1e-6)


def test_squares_are_lettered_from_the_upper_left():
    found = fitting(tuple(shapely.bounds(square(120, 160)).tolist()), "a4")
    assert (found.columns, found.rows, found.across) == (7, 8, False)
    assert found.square(1, found.height - 1) == "A1"
    assert found.square(found.width - 1, 1) == "G8"
    assert found.square(found.cell * 2.5, found.height - found.cell * 3.5) == "C4"
    assert found.square(-0.1, 5) is None
    assert found.square(5, found.height + 0.1) is None


def test_where_nothing_is_known_there_is_still_a_map():
    found = fitting((math.nan,) * 4, "a4")
    assert found.scale == 750
    assert np.isfinite(found.box).all()


def test_codes_are_written_outside_along_the_edges_they_share():
    own = shapely.box(50, 50, 130, 150)
    shapes = {
        "east": shapely.box(130, 40, 180, 160),
        "north": shapely.box(40, 150, 140, 190),
        "far": shapely.box(10, 10, 20, 20),
        "corner": shapely.box(130, 160, 180, 200),
    }
    wanted = [Wanted(shape, [(f"{name} long", 20.0, 3.0), (name, 8.0, 3.0)]) for name, shape in shapes.items()]
    found = signs.along(own, wanted, shapely.box(0, 0, 189, 216), [], 1000)
    assert {one.words for one in found} == {"east long", "north long"}
    by = {one.words.split()[0]: one for one in found}
    assert by["east"].x > 131
    assert abs(by["east"].angle) == pytest.approx(90)
    assert by["north"].y > 151
    assert by["north"].angle == pytest.approx(0)
    # where only little is shared the short form stands there, and nothing upon what is taken
    taken = [shapely.box(131, 0, 150, 216)]
    assert "east long" not in {
        one.words for one in signs.along(own, wanted, shapely.box(0, 0, 189, 216), taken, 1000) if one.x < 150
    }


def test_rings_of_one_house_move_apart_and_stay_near():
    x = y = np.full(40, 90.0)
    to_x, to_y = signs.apart(x, y, 2.2)
    away = np.hypot(to_x[:, None] - to_x, to_y[:, None] - to_y)[~np.eye(40, dtype=bool)]
    assert away.min() >= 4.4
    assert np.hypot(to_x - 90, to_y - 90).max() < 30
    alone = signs.apart(np.array([5.0, 50.0]), np.array([5.0, 50.0]), 2.2)
    assert [part.tolist() for part in alone] == [[5.0, 50.0], [5.0, 50.0]]


def test_places_are_metres_from_the_middle():
    assert place(0, 0) == (117.1, -0.5)
