"""The brief as a meeting has it before it: what it says, and whether a copy in black and white tells it."""

import io
from dataclasses import replace

import numpy as np
import pypdfium2
import pytest
import shapely

from app import locales
from tests.tiles import briefing
from tests.tiles.drawing import DOTS, seen, texts
from tiles import brief_map, brief_tables, paper
from tiles.bearings import bar
from tiles.brief import CODE
from tiles.brief_words import LETTERS, about, figure, share
from tiles.frame import MARGIN, PAPERS, viewing
from tiles.paper import Pages
from tiles.wording import Wording

ID, EN = (Wording(language, locales.texts(language)) for language in ("id", "en"))
WIDE, HIGH = PAPERS["a4"]

#: How many clusters, what else is asked, and what the first page then says.
ANSWERS = {
    "many": (5, {}, ("sekitar 3.000 dari 9.700 keluarga miskin tinggal dalam 5 kantong kemiskinan.",
                     "2 di antaranya, nomor 2 dan 5, tidak punya lokasi PKH dalam 2 km.")),
    "one": (1, {}, ("dalam 1 kantong kemiskinan. Ada lokasi PKH dalam 2 km darinya.",)),
    "none": (0, {}, ("Di Kota Samarinda tidak tampak kantong kemiskinan", "A dan B")),
    "any": (5, {"programme": None}, ("tidak punya lokasi layanan dalam 2 km", "Pilih satu program")),
    "no sites": (3, {"sites": False}, ("Belum ada lokasi PKH yang tercatat", "belum ada lokasi layanan")),
    "public": (3, {"public": True}, ("Usulan lokasi baru hanya untuk pemerintah daerah",)),
    "compared": (4, {"compared": True}, ("Dibandingkan rilis 2: 2 kantong baru, 2 tetap ada, 1 tidak tampak lagi.",)),
    "placed": (2, {"placements": 1}, ("1 lokasi baru yang diusulkan akan menjangkau sekitar 640 keluarga",)),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_the_first_page_answers(case):
    clusters, more, said = ANSWERS[case]
    first, second = texts(briefing.briefed(briefing.told(clusters, **more)))
    for words in (*said, "DATA SIMULASI", "Rilis 3 (tabel lapangan), keadaan 12 Nov 2022", "ab12cd34ab12cd34", "1/2"):
        assert words in first, words
    for words in ("Cara membaca", "Jarak keluarga miskin", "2/2"):
        assert words in second, words


def test_it_is_in_english_too():
    of = briefing.told(5, compared=True)
    first, second = texts(briefing.briefed(of, "en"))
    for words in ("about 3,000 of 9,700 poor families live in 5 poverty clusters.", "numbers 2 and 5, have no PKH",
                  "SIMULATED DATA", "straight line", "Against release 2: 2 new clusters, 3 still there"):  # fmt: skip
        assert words in first, words
    for words in ("1,310 ±21", "40–50 %", "2–5 km, beyond 2 km", "almost certain", "How to read it", "in release 2"):
        assert words in second, words


def test_tables_say_what_was_told():
    of = briefing.told(5)
    _, said = texts(briefing.briefed(of))
    for row in of.clusters["clusters"]:
        assert f"{row['cluster']} {', '.join(row['places'])}" in said
        assert f"{ID.number(row['poor'])} ±{int(np.ceil(row['error']))}" in said
    assert len(of.over) == 2
    for letter, row in zip(LETTERS, of.over, strict=False):
        assert f"{letter} {row['name']}" in said
    for words in (
        "<1 km 5.200 ±",
        "PKH + Sembako 5.000 ±",
        "tanpa program apa pun 700 ±",
        "+1 Lempake, Tanah Merah 640 ±61",
    ):
        assert words in said, words


def test_who_sees_no_blocks_is_not_told_which_sites_are_full():
    """A cell of resolution 7 holds many sites: all its families would come to one of them."""
    of = briefing.told(2, public=True)
    assert any(row["fullness"] == "over" for row in of.sites["sites"])
    first, second = texts(briefing.briefed(of))
    assert of.over == []
    assert "melebihi kapasitasnya" not in first
    assert "Hanya dapat dinilai dari data per blok" in second


def test_land_where_hardly_anybody_lives_is_not_hatched():
    of = briefing.told(2)
    there = len(of.partly)
    assert there > 10
    assert f"{there} segi enam di peta tidak dinilai" in texts(briefing.briefed(of))[0]
    empty = [row | briefing.figure(3, 0, expected=5) for row in of.leaves if row["state"] == "untested"]
    lonely = replace(of, leaves=[row for row in of.leaves if row["state"] != "untested"] + empty)
    assert lonely.partly == []
    first = texts(briefing.briefed(lonely))[0]
    assert "segi enam di peta" not in first
    assert "jangan dibandingkan" not in first, "and the legend has no sign for it"


def test_an_area_too_small_for_clusters_is_told_from_one_not_counted_yet():
    of = briefing.told(0)
    for untested, said in (({"too_few": 11}, "terlalu kecil"), ({"none_yet": 99}, "belum cukup banyak keluarga")):
        none = briefing.differing(of, clusters={"tested": 0, "untested": untested})
        assert all(said in page for page in texts(briefing.briefed(none)))


def test_places_that_may_not_be_the_best_are_said_to_be():
    of = briefing.told(2)
    assert "Mungkin ada yang lebih baik" not in texts(briefing.briefed(of))[1]
    near = briefing.differing(of, placements={"optimal": False, "gap": 0.013, "method": "median"})
    said = texts(briefing.briefed(near))[1]
    assert "Mungkin ada yang lebih baik, paling banyak 2 %." in said
    assert "jarak terkecil bagi semua" in said


def test_the_map_shows_where_there_are_figures():
    """Who may see one district and names none is not shown the whole regency."""
    of = briefing.told(0, sites=False)
    west = [row for row in of.leaves if row["lon"] < briefing.WEST + 0.4 * briefing.SIDE]
    part = replace(of, leaves=west, head=of.head | {"within": None})
    whole, narrow = (brief_map.seen(one, briefing.outlines(), 190, 150) for one in (of, part))
    assert narrow.box[2] < whole.box[2]
    assert "semua wilayah akun ini" in texts(briefing.briefed(part))[0]
    assert "seluruh wilayah sensus" in texts(briefing.briefed(replace(part, closed=True)))[0]
    assert brief_map.seen(of, (), 190, 150).scale > 0


def test_names_of_the_finer_areas_where_there_is_one_coarser():
    of = briefing.told(1)
    for many, named in ((3, "Samarinda Ulu"), (1, "Kelurahan 4")):
        said = texts(briefing.briefed(of, outlines=briefing.outlines(many)))[0]
        assert named in said
        assert ("Kelurahan 4" in said) is (many == 1)


def test_what_cannot_be_ranked_or_shown_is_marked():
    low = briefing.figure(50, 10, expected=200)
    assert figure(ID, low).endswith("*")
    assert figure(ID, briefing.figure(8, 3)) == "<10 terdata"
    assert figure(ID, briefing.figure(40, 0, draws=0)) == "belum ada angka"
    assert figure(ID, briefing.figure(0, 0, draws=0) | {"notes": []}) == "0"
    assert [about(ID, many) for many in (7, 94, 116, 1_310, 24_961)] == ["7", "94", "120", "1.300", "25.000"]
    assert [share(EN, band) for band in ("<5", "5-10", ">=50", None)] == ["below 5 %", "5–10 %", "50 % or more", "-"]


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_the_worst_of_all_has_room(language):
    of = briefing.crowded()
    body = briefing.briefed(of, language)
    assert len(texts(body)) == 2
    words, pages = Wording(language, locales.texts(language)), Pages(io.BytesIO(), "", language)
    with pages.page((WIDE, HIGH)):
        y = brief_tables.draw(pages, of, words, WIDE - 2 * MARGIN, HIGH - 2 * MARGIN)
        assert brief_tables.rules(pages, of, words, WIDE - 2 * MARGIN, y - 3, "x" * 120) > 5
    for number in (0, 1):
        page = seen(body, number, 2) < 200
        edge = int(2 * (MARGIN - 1))
        assert not any((page[:edge].any(), page[-edge:].any(), page[:, :edge].any(), page[:, -edge:].any()))
    foot = seen(body, 0)[-round((MARGIN + 9) * DOTS) : -round((MARGIN + 4.2) * DOTS)]
    assert (foot > 200).all(), "map and legend end above the foot"


def test_nothing_is_coloured():
    for page in pypdfium2.PdfDocument(briefing.briefed(briefing.told(5))):
        shown = np.asarray(page.render(scale=1).to_pil().convert("RGB")).astype(int)
        assert (np.ptp(shown, axis=2) <= 3).all()


def test_the_code_leads_to_the_same_question():
    page = seen(briefing.briefed(briefing.told(1)))
    dark = paper.modules(briefing.ADDRESS)
    step = CODE / (len(dark) + 8)
    middle = (np.arange(len(dark)) + 4.5) * step
    rows, columns = ((start + middle) * DOTS for start in (MARGIN, WIDE - MARGIN - CODE))
    assert (page[np.ix_(rows.astype(int), columns.astype(int))] < 128).tolist() == dark.tolist()
    assert step > 0.4, "a phone must be able to read a copy"


def map_of(of, outlines=()):
    """The map alone, as it is seen, and where degrees lie on it."""
    view = brief_map.seen(of, outlines, 190, 150)
    into = io.BytesIO()
    pages = Pages(into, "", "id")
    with pages.page((view.width, view.height)):
        brief_map.draw(pages, view, of, outlines, ID)
    pages.save()
    return view, seen(into.getvalue(), dots=20)


def patch(view, page, lon, lat, half=0.7):
    """What is seen around a place, so many millimetres to each side."""
    x, y = view.at(np.array([lon]), np.array([lat]))
    rows, columns = (
        slice(round((at - half) * 20), round((at + half) * 20)) for at in (view.height - float(y[0]), float(x[0]))
    )
    return page[rows, columns]


def test_signs_differ_in_form():
    of = briefing.told(3, placements=0)
    bare = briefing.differing(of, sites={"sites": []})
    view, page = map_of(bare)
    cluster = of.clusters["clusters"][0]
    inner = [row for row in of.leaves if row["cell"] in cluster["cells"]]
    shades = [patch(view, page, row["lon"], row["lat"]) for row in inner]
    assert any((np.abs(shade.astype(int) - 255 * brief_map.SHADE) < 3).all() for shade in shades), "grey, but light"
    number = view.drawn(briefing.union(cluster["cells"])).point_on_surface()
    ringed = page[round((view.height - number.y) * 20) + 60 :: 1, round(number.x * 20)]
    assert (ringed[:40] < 100).any() or (page < 100).any(), "a bold outline around it"
    untested = [row for row in of.leaves if row["state"] == "untested"]
    hatched = [patch(view, page, row["lon"], row["lat"], 1.4) for row in untested]
    assert all(0.02 < (one < 200).mean() < 0.4 for one in hatched), "lines and not a field of grey"
    plain = [row for row in of.leaves if row["state"] == "ordinary"]
    clear = [patch(view, page, row["lon"], row["lat"], 0.5).min() for row in plain]
    assert np.mean(np.array(clear) > 250) > 0.9, "white where nothing is to be said"
    view, page = map_of(of)
    for site in of.sites["sites"]:
        middle = patch(view, page, site["lon"], site["lat"], 0.4)
        assert (middle < 60).mean() > 0.7, "a black square"


def test_nobody_is_told_a_distance_but_the_limit_asked_about():
    """Circles are around sites, which are public, and of the radius that was asked."""
    of = briefing.told(0, placements=0)
    one = next(row for row in of.sites["sites"] if row["fullness"] == "within")
    alone = briefing.differing(of, sites={"sites": [one]})
    view, page = map_of(alone)
    x, y = (float(at[0]) for at in view.at(np.array([one["lon"]]), np.array([one["lat"]])))
    radius = 2_000_000 / view.scale
    turn = np.linspace(0, 2 * np.pi, 720)
    at_x, at_y = x + radius * np.cos(turn), y + radius * np.sin(turn)
    inside = (at_x > 1) & (at_x < view.width - 1) & (at_y > 1) & (at_y < view.height - 1)
    on = page[((view.height - at_y[inside]) * 20).astype(int), (at_x[inside] * 20).astype(int)] < 160
    assert 0.35 < on.mean() < 0.75, "a dashed circle"


def test_the_scale_bar_is_as_long_as_it_says():
    of = briefing.told(3)
    body = briefing.briefed(of, outlines=())
    said = texts(body)[0]
    scale = int(said.partition("1 : ")[2].split()[0].replace(".", ""))
    assert f"{bar(scale) // 1000} km 1 : {ID.number(scale)}" in said
    for wide, high in ((190, 150), (190, 90)):
        view = viewing((117.0, -0.6, 117.2, -0.4), wide, high, 2)
        corners = view.drawn(shapely.box(117.0, -0.6, 117.2, -0.4)).bounds
        assert corners[0] >= 1.9
        assert corners[1] >= 1.9
        assert corners[2] <= wide - 1.9
        assert corners[3] <= high - 1.9


def test_names_that_cannot_be_printed_become_question_marks():
    of = briefing.told(1)
    of.clusters["clusters"][0]["places"] = ["中央 <b>", "Çelik\x07" + "x" * 90]
    assert "?? <b>, Çelik" in texts(briefing.briefed(of))[1]


def test_where_nothing_is_there_is_still_a_brief():
    of = briefing.told(0, sites=False)
    empty = briefing.differing(of, clusters={"tested": 0})
    assert "belum cukup banyak keluarga terdata" in texts(briefing.briefed(empty))[0]
    assert len(texts(briefing.briefed(empty, outlines=()))) == 2


def test_the_same_answers_give_the_same_bytes():
    of = briefing.told(2)
    assert briefing.briefed(of) == briefing.briefed(of)
    assert briefing.briefed(of) != briefing.briefed(briefing.told(3))
