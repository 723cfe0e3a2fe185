"""Codes stay the text they are, whatever the file made of them."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from geo.errors import BadInput
from geo.ground.columns import check_given, code_text, identify, text
from geo.ground.levels import parent_code


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("6472030001", "6472030001"),
        (" 0123 ", "0123"),
        (6472030001.0, "6472030001"),
        (np.float32(64.0), "64"),
        (np.int64(6472030001), "6472030001"),
        ("6472030001.0", "6472030001"),
        ("ID1571010003", "1571010003"),
        ("IDLE", "IDLE"),
        ("64.72.01.1001", "64.72.01.1001"),
        ("3171010001-RW01", "3171010001-RW01"),
        ("3171010001-NAN", None),
        ("nan", None),
        ("NULL", None),
        ("", None),
        (None, None),
        (float("nan"), None),
        (pd.NA, None),
    ],
)
def test_a_code_is_text(value: object, code: str | None) -> None:
    assert code_text(value) == code


def test_a_name_may_be_a_word_that_is_no_code() -> None:
    assert text(" Nan ") == "Nan"
    assert text(12.0) == "12"
    assert text(pd.NaT) is None


@pytest.mark.parametrize(
    ("level", "code", "parent"),
    [
        ("block", "6472030001000100", "6472030001"),
        ("block", "64720300010001", "6472030001"),
        ("block", "6472030001-RW01", None),
        ("village", "6472030001", "6472030"),
        ("village", "64.72.03.1001", "64.72.03"),
        ("village", "64.72.1001", None),
        ("district", "6472030", "6472"),
        ("regency", "6472", "64"),
        ("province", "64", None),
    ],
)
def test_parents_are_read_from_codes(level: str, code: str, parent: str | None) -> None:
    assert parent_code(level, code) == parent


def frame(**columns: list[object]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns)


def test_bps_parts_are_joined_and_get_their_zeros_back() -> None:
    parts = frame(KDPROV=[64.0], KDKAB=[72], KDKEC=["030"], KDDESA=[1], KDSLS=[7], KDSUBSLS=["0"], NMSLS=["RT 007"])
    found = identify("block", parts, {})
    assert found.codes == ["6472030001000700"]
    assert found.names == ["RT 007"]
    assert found.above == {"village": ["6472030001"], "district": ["6472030"], "regency": ["6472"], "province": ["64"]}


def test_bps_parts_may_repeat_the_code_so_far_but_not_miss_a_part() -> None:
    parts = frame(kdprov=["64", "64"], kdkab=["6472", "72"], kdkec=["6472030", None], nmkec=["Samarinda Ulu", None])
    found = identify("district", parts, {})
    assert found.codes == ["6472030", None]


def test_the_finer_identifier_wins_over_the_parts() -> None:
    both = frame(idsubsls=["6472030001000701"], idsls=["64720300010007"], kdprov=["64"])
    assert identify("block", both, {}).codes == ["6472030001000701"]


def test_hdx_columns_give_the_whole_ancestry() -> None:
    hdx = frame(
        ADM4_EN=["Simpang III Sipin"], ADM4_PCODE=["ID1571010003"], ADM3_EN=["Kota Baru"], ADM3_PCODE=["ID1571010"],
        ADM2_EN=["Kota Jambi"], ADM2_PCODE=["ID1571"], ADM1_EN=["Jambi"], ADM1_PCODE=["ID15"],
    )  # fmt: skip
    found = identify("village", hdx, {})
    assert found.codes == ["1571010003"]
    assert found.above["district"] == ["1571010"]
    assert [found.above_names[level] for level in ("district", "regency", "province")] == [
        ["Kota Baru"], ["Kota Jambi"], ["Jambi"],
    ]  # fmt: skip


def test_names_cut_by_a_shapefile_are_recognised() -> None:
    cut = frame(village_co=[6472010001.0], village=["Simpang Pasir"], district_c=["6472010"])
    found = identify("village", cut, {})
    assert found.codes == ["6472010001"]
    assert found.above["district"] == ["6472010"]


def test_options_win_and_a_column_wins_over_the_prefix() -> None:
    odd = frame(village_code=["6472010001"], my=["X1"], belongs=["9999999"], titel=["Here"])
    found = identify("village", odd, {"code": "my", "parent": "belongs", "name": "titel"})
    assert (found.codes, found.names, found.above["district"]) == (["X1"], ["Here"], ["9999999"])
    assert identify("village", odd, {"parent": "belongs"}).above["regency"] == ["9999"]


def test_a_frame_without_codes_says_which_columns_it_has() -> None:
    with pytest.raises(BadInput, match="titel") as error:
        identify("village", frame(titel=["Here"]), {})
    assert error.value.code == "no-code-column"


@pytest.mark.parametrize(
    ("given", "code"), [({"code": "absent"}, "no-such-column"), ({"colour": "titel"}, "no-such-option")]
)
def test_options_are_checked(given: dict[str, str], code: str) -> None:
    with pytest.raises(BadInput) as error:
        check_given(given, [frame(titel=["Here"])])
    assert error.value.code == code
