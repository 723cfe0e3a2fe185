"""The tables of what people decide: closings, reviews and plans. Appended to, never changed; the newest act stands."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Date, Identity, Index, Integer, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, JSONB

from geo.schema import instant, metadata, one_of

#: Why a supervisor closes a refusal or a non-contact.
CLOSING_REASONS = (
    "refused_for_good",
    "absent_until_the_end",
    "no_access",
    "unsafe",
    "moved_away_unconfirmed",
    "other",
)
#: What a person decides on a doubt about points, on a proposal, or after visiting a family once more. `reopened` takes
#: the decision before it back.
REVIEWS = {
    "flag": ("explained", "revisit", "reopened"),
    "proposal": ("accepted", "rejected", "reopened"),
    "reinterview": ("agrees", "differs", "not_reached", "reopened"),
}

closing = Table(
    "closing",
    metadata,
    Column("closing_id", Uuid, primary_key=True, comment="made by who decides: the same act sent twice is one"),
    Column("place", BigInteger, Identity(), nullable=False, comment="order of the acts"),
    Column("household_id", Text, nullable=False),
    Column("revision", Integer, nullable=False, comment="of the household when it was decided"),
    Column("number", Integer, nullable=False, comment="block in which it counted then"),
    Column("closed", Boolean, nullable=False, comment="false: an earlier closing is undone"),
    Column("reason", Text),
    Column("note", Text, comment="in that person's words"),
    Column("actor", Integer, nullable=False),
    instant("decided_at", now=True),
    one_of("reason", CLOSING_REASONS),
    CheckConstraint("closed = (reason IS NOT NULL)", name="why"),
    Index("closing_household_ix", "household_id", "place"),
    comment="refusals and non-contacts closed by a supervisor, and undone; appended to, never changed",
    schema="intake",
)

review = Table(
    "review",
    metadata,
    Column("review_id", Uuid, primary_key=True, comment="made by who decides: the same act sent twice is one"),
    Column("place", BigInteger, Identity(), nullable=False, comment="order of the acts"),
    Column("subject", Text, nullable=False),
    Column("about", Text, nullable=False, comment="name of the flag or proposal, or the household visited once more"),
    Column("number", Integer, nullable=False, comment="block it lies in"),
    Column("decision", Text, nullable=False),
    Column("note", Text, comment="in that person's words"),
    Column("actor", Integer, nullable=False),
    instant("decided_at", now=True),
    one_of("subject", tuple(REVIEWS)),
    one_of("decision", tuple(dict.fromkeys(word for words in REVIEWS.values() for word in words))),
    Index("review_about_ix", "subject", "about", "place"),
    Index("review_number_ix", "number"),
    comment="what people decided on doubts and proposals; appended to, never changed",
    schema="intake",
)

plan = Table(
    "plan",
    metadata,
    Column("plan_id", Uuid, primary_key=True, comment="made by who saves it: the same plan sent twice is one"),
    Column("place", BigInteger, Identity(), nullable=False, comment="order of saving: the newest counts"),
    Column("supervisor", Text, nullable=False, comment="account name"),
    Column("day", Date, nullable=False),
    Column(
        "numbers",
        INT4MULTIRANGE,
        nullable=False,
        comment="blocks of the team it is for: who answers for all of them sees it",
    ),
    Column("routes", JSONB, comment="stops of each enumerator in walking order; null: the proposal stands"),
    Column("actor", Integer, nullable=False),
    instant("saved_at", now=True),
    CheckConstraint("NOT isempty(numbers)", name="numbers"),
    Index("plan_day_ix", "supervisor", "day", "place"),
    comment="plans of a day as supervisors changed them; appended to, never changed",
    schema="intake",
)
