"""One release against an earlier one: what changed, and whether it is more than the noise makes.

Field tables add up: the later one holds every draw of the earlier, so a change carries the new draws alone. The final
table is drawn afresh and counts by another measure: against a field table all draws of both stand in a change.
"""

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput
from geo.publish.published import Question, Row, Sealed, area_of, error, figure

SQL = queries.load(__file__)

_PARTS = ("n", "value", "draws", "expected")


async def areas(
    db: AsyncConnection, before: Sealed, after: Sealed, question: Question, page: int = 0
) -> tuple[list[Row], int | None]:
    """Areas in the order of their numbers with both figures and the change, and the number behind which more follow.

    Of `question` level, area and limit count; `page` is the last number of the page before. Raises BadInput
    (`not-earlier`) where `before` is not.
    """
    if before.release >= after.release:
        raise BadInput("a release is compared with an earlier one", code="not-earlier")
    first, last = question.within
    of = {"before": before.release, "after": after.release, "level": question.level, "first": first, "last": last}
    found = (await db.execute(SQL["areas"], of | {"page": page, "limit": question.limit + 1})).mappings().all()
    adds_up = same_table(before, after)
    rows = [_row(row, adds_up) for row in found[: question.limit]]
    return rows, rows[-1]["n"] if len(found) > question.limit else None


def same_table(before: Sealed, after: Sealed) -> bool:
    """Whether the later figures hold the earlier ones: both are of the field table."""
    return bool(before.about["kind"] == after.about["kind"])


def _row(row: RowMapping, adds_up: bool) -> Row:
    told = area_of(row)
    for which in ("before", "after"):
        parts = figure({part: row[f"{which}_{part}"] for part in _PARTS})
        told |= {f"{which}_{name}": value for name, value in parts.items()}
    return told | _change(row, adds_up)


def _change(row: RowMapping, adds_up: bool) -> Row:
    """What changed, its ±, and whether it is more than that. None where a figure is hidden, or cannot be compared.

    Of the field table a leaf without a draw counts for nobody, and what came since is the change. Between two tables it
    is no figure.
    """
    old, new = row["before_draws"], row["after_draws"]
    if old is None or new is None or (not adds_up and not (old and new)):
        return {"change": None, "change_error": None, "clear": None}
    change, within = row["after_value"] - row["before_value"], error(new - old if adds_up else new + old)
    return {"change": change, "change_error": within, "clear": abs(change) > within}
