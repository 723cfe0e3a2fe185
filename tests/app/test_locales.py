"""Both languages say everything, and say the same things."""

import re
from pathlib import Path

import pytest

from app import locales
from geo.intake.batch import STATUSES
from geo.intake.reasons import Reason
from geo.intake.submissions import FIELDS
from geo.publish.judging import LedgerReason
from geo.publish.site_changes import SITE_STATUSES
from geo.publish.site_doubts import SiteDoubt
from geo.publish.site_rows import SiteReason
from geo.schema import COUNTS, ROLES, SERIES
from geo.schema_site import CHANGES
from geo.watch.coverage import STATES
from geo.watch.gaps import REASONS
from tiles.style import MEASURES

PAGES = Path(locales.__file__).parents[1] / "pages"


def test_both_languages_have_the_same_keys_in_the_same_order():
    assert list(locales.texts("id")) == list(locales.texts("en"))


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_no_text_is_empty(language):
    assert [key for key, text in locales.texts(language).items() if not text.strip()] == []


def test_both_languages_fill_in_the_same_values():
    pairs = {key: (locales.texts("id")[key], locales.texts("en")[key]) for key in locales.texts("id")}
    assert [k for k, (a, b) in pairs.items() if set(re.findall(r"{\w+}", a)) != set(re.findall(r"{\w+}", b))] == []


@pytest.mark.parametrize(
    ("section", "codes"),
    [
        ("fault", [r.value for r in Reason]),
        ("held", [r.value for r in Reason]),
        ("unfit", [r.value for r in LedgerReason]),
        ("sites", [f"{what}_{r}" for r in SiteReason for what in ("reason", "fix")]),
        ("sites", [f"{what}_{d}" for d in SiteDoubt for what in ("doubt", "todo")]),
        ("welfare", [f"todo_{r}" for r in LedgerReason]),
        ("sites", [f"{when}_{s}" for s in (*SITE_STATUSES, "closed") for when in ("would", "did")]),
        ("sites", [f"change_{c}" for c in CHANGES]),
        ("field", FIELDS),
        ("receipt", STATUSES),
        ("state", STATES),
        ("reason", REASONS.values()),
        ("role", ROLES),
        ("series", SERIES),
        ("measure", MEASURES),
        ("count", [c for c in COUNTS if c != "located"]),
    ],
)
def test_every_code_is_put_in_words(section, codes):
    assert [c for c in codes if f"{section}.{c}" not in locales.texts("id")] == []


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_every_reason_says_what_is_wrong_and_what_to_do(language):
    said = {r: locales.texts(language)[f"fault.{r}"] for r in Reason}
    assert [r for r, text in said.items() if len(re.findall(r"[.;] [A-Z]", text)) < 1 or not text.endswith(".")] == []
    assert [r for r, text in said.items() if text.startswith(f"{locales.texts(language)[f'held.{r}']}.")] == []


def test_every_key_that_a_page_names_exists():
    named = set()
    for file in [*PAGES.glob("templates/*.html"), *PAGES.glob("static/*.js")]:
        named |= set(re.findall(r"""\bt\(["']([a-z_]+\.[a-zA-Z_]+)["'],? ?""", file.read_text(encoding="utf-8")))
    assert len(named) > 50
    assert named - set(locales.texts("id")) == set()


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "expected"),
    [
        (None, None, "", "id"),
        (None, None, "id-ID,id;q=0.9,en;q=0.8", "id"),
        (None, None, "en-GB,en;q=0.9,id;q=0.5", "en"),
        (None, None, "en;q=0.2,id;q=0.9", "id"),
        (None, None, "fr,de;q=0.9", "id"),
        (None, None, "en;q=0,fr", "id"),
        (None, None, "en;q=nonsense", "id"),
        (None, "en", "id", "en"),
        ("id", "en", "en", "id"),
        ("xx", "yy", "en", "en"),
    ],
)
def test_the_link_goes_before_the_cookie_and_the_cookie_before_the_browser(asked, kept, accepted, expected):
    assert locales.choose(asked, kept, accepted) == expected
