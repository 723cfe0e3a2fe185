"""Grants: a role on an area of the campaign's edition, on the whole campaign, or on the blocks assigned to the account.

They end, by a date or by a person's act, and are never deleted: who could see what at some time stays known. Whoever
gives or ends one must itself hold the area as an administrator (`Scope` of that role); the operator holds everything.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from geo import queries
from geo.errors import BadInput, NotFound, Refused
from geo.schema import ROLES
from geo.scope import LAST, Scope
from geo.trust import audit

SQL = queries.load(__file__)

#: Roles that may be given for the blocks that an import of assignments names.
ASSIGNABLE = ("enumerator", "supervisor")

#: How long a local government's grant lasts where nobody says otherwise: agreements are renewed by the year.
AGREED_FOR = timedelta(days=365)

_LONGEST = 200


@dataclass(frozen=True)
class Grant:
    """A role, and on what: `area` (level, code), else the blocks `assigned` to the account, else everything.

    A local government's needs a `purpose`, the number of an `agreement` and an end.
    """

    role: str
    area: tuple[str, str] | None = None
    assigned: bool = False
    expires_at: datetime | None = None
    purpose: str | None = None
    agreement: str | None = None


async def give(db: AsyncConnection, account_id: int, grant: Grant, by: Scope) -> int:
    """Give a grant; its number.

    Raises BadInput for a grant that cannot be, NotFound for an area the campaign's edition lacks, Refused for an area
    that is not the giver's.
    """
    check(grant)
    first, last = await _extent(db, grant)
    if not by.covers(first, last):
        raise Refused("a grant reaches no further than that of the administrator who gives it", code="not-yours")
    level, code = grant.area or (None, None)
    given: int = (
        await db.execute(
            SQL["give"],
            {
                "account_id": account_id,
                "role": grant.role,
                "level": level,
                "code": code,
                "assigned": grant.assigned,
                "expires_at": grant.expires_at,
                "purpose": grant.purpose,
                "agreement": grant.agreement,
                "by": by.actor,
            },
        )
    ).scalar_one()
    said = {"area": code, "level": level, "assigned": grant.assigned, "expires_at": grant.expires_at}
    await audit.note(db, by.actor, "grant.give", grant=given, account=account_id, role=grant.role, **said)
    return given


async def end(db: AsyncConnection, granted_id: int, by: Scope) -> None:
    """End a grant at once. Raises NotFound for one that is not in force, Refused for one that is not `by`'s to end."""
    found = (await db.execute(SQL["extent"], {"granted_id": granted_id, "account_id": None})).one_or_none()
    if found is None:
        raise NotFound("there is no such grant in force", code="no-grant")
    if not _reaches(by, found.first, found.last):
        raise Refused("the grant reaches further than yours: ask an administrator above", code="not-yours")
    if found.account_id == by.actor:
        raise Refused("nobody ends a grant of its own: ask another administrator", code="own-account")
    await db.execute(SQL["end"], {"granted_id": granted_id, "by": by.actor})
    await audit.note(db, by.actor, "grant.end", grant=granted_id, account=found.account_id)


async def of_accounts(db: AsyncConnection, accounts: list[int], *, ended: bool = False) -> list[dict[str, Any]]:
    """Grants of these accounts, oldest first; those that ended or expired only where `ended`."""
    rows = await db.execute(SQL["of_accounts"], {"accounts": accounts, "ended": ended})
    return [dict(row) for row in rows.mappings()]


async def holders(db: AsyncConnection, first: int, last: int) -> list[dict[str, Any]]:
    """Who may see any of the numbers `first … last`, widest grants first: account, role, grant, whether all of them."""
    rows = await db.execute(SQL["holders"], {"first": first, "last": last, "end": LAST})
    return [dict(row) for row in rows.mappings()]


async def must_reach(db: AsyncConnection, account_id: int, by: Scope) -> None:
    """Raise Refused unless `by` is the account itself, or holds as administrator all that it was ever granted.

    What has ended counts too, and without any grant it takes everything: whoever sets a password before a wider grant
    is given (again) would enter by it.
    """
    if account_id == by.actor:
        return
    held = (await db.execute(SQL["extent"], {"granted_id": None, "account_id": account_id})).all()
    reaches = by.everything if not held else all(_reaches(by, row.first, row.last) for row in held)
    if by.role != "admin" or not reaches:
        raise Refused("the account may see more than you: ask an administrator above", code="not-yours")


def usual_end(role: str) -> datetime | None:
    """When a grant of this role ends where nobody says otherwise."""
    return datetime.now(UTC) + AGREED_FOR if role == "local_government" else None


def check(grant: Grant) -> None:
    """Raise BadInput for a grant that cannot be, wherever its area lies."""
    if grant.role not in ROLES:
        raise BadInput(f"no role {grant.role}: take one of {', '.join(ROLES)}", code="bad-grant")
    if grant.assigned and (grant.area is not None or grant.role not in ASSIGNABLE):
        raise BadInput(f"only {' and '.join(ASSIGNABLE)} go by assignment, and without an area", code="bad-grant")
    if grant.expires_at is not None and (grant.expires_at.tzinfo is None or grant.expires_at <= datetime.now(UTC)):
        raise BadInput("a grant ends in the future, at an instant with an offset", code="bad-grant")
    for said in (grant.purpose, grant.agreement):
        if said is not None and not (said.isprintable() and len(said.strip()) >= 1 and len(said) <= _LONGEST):
            raise BadInput(f"purpose and agreement have 1 to {_LONGEST} printable characters", code="bad-grant")
    if grant.role == "local_government" and not (grant.purpose and grant.agreement and grant.expires_at):
        raise BadInput("a local government's grant needs a purpose, an agreement's number and an end", code="bad-grant")


def _reaches(by: Scope, first: int | None, last: int | None) -> bool:
    """Whether `by` covers the numbers; those of another edition (None) are only everything's."""
    return by.everything or (first is not None and last is not None and by.covers(first, last))


async def _extent(db: AsyncConnection, grant: Grant) -> tuple[int, int]:
    """The numbers a grant reaches. What is assigned may come to be anywhere in the campaign."""
    if grant.area is None:
        return 0, LAST
    level, code = grant.area
    found = (await db.execute(SQL["area"], {"level": level, "code": code})).one_or_none()
    if found is None:
        raise NotFound(f"the campaign's edition has no {level} {code}", code="no-area")
    return found.number, found.last
