"""The tables of trust: who is asking, what it may see, and what it did. The others stand in `geo.schema`."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from geo.schema import ROLES, edition, instant, metadata, one_of

account = Table(
    "account",
    metadata,
    Column("account_id", Integer, Identity(), primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("password_hash", Text),
    Column("identity", Text, unique=True, comment="issuer and subject at the log-in provider, since the first log-in"),
    Column("failures", SmallInteger, nullable=False, server_default=text("0")),
    instant("locked_until", null=True),
    instant("created_at", now=True),
    instant("disabled_at", null=True),
    schema="trust",
)

granted = Table(
    "granted",
    metadata,
    Column("granted_id", Integer, Identity(), primary_key=True),
    Column("account_id", Integer, ForeignKey(account.c.account_id, ondelete="CASCADE"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("edition_id", Integer, ForeignKey(edition.c.edition_id, ondelete="CASCADE")),
    Column("level", Text),
    Column("code", Text, comment="null: the whole campaign, or the blocks assigned"),
    Column("assigned", Boolean, nullable=False, server_default=text("false"), comment="the blocks assigned to it"),
    Column("purpose", Text, comment="what a local government may use it for"),
    Column("agreement", Text, comment="number of the agreement with a local government"),
    Column("granted_by", Integer, nullable=False, server_default=text("0"), comment="account; 0: the operator"),
    instant("created_at", now=True),
    instant("expires_at", null=True),
    instant("ended_at", null=True),
    Column("ended_by", Integer, comment="account; 0: the operator"),
    one_of("role", ROLES),
    CheckConstraint("(code IS NULL) = (level IS NULL) AND (code IS NULL) = (edition_id IS NULL)", name="area"),
    CheckConstraint("NOT assigned OR (code IS NULL AND role IN ('enumerator', 'supervisor'))", name="assigned"),
    CheckConstraint(
        "role <> 'local_government' OR (purpose IS NOT NULL AND agreement IS NOT NULL AND expires_at IS NOT NULL)",
        name="agreed",
    ),
    CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
    schema="trust",
)

credential = Table(
    "credential",
    metadata,
    Column("credential_id", Integer, Identity(), primary_key=True),
    Column("account_id", Integer, ForeignKey(account.c.account_id, ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("secret_sha256", LargeBinary, nullable=False, unique=True),
    instant("created_at", now=True),
    instant("used_at", null=True),
    instant("expires_at", null=True),
    instant("revoked_at", null=True),
    one_of("kind", ("token", "session")),
    schema="trust",
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigInteger, Identity(), primary_key=True),
    instant("at", now=True),
    Column("actor", Integer, nullable=False, comment="account; 0: the operator, or nobody known"),
    Column(
        "credential_id",
        Integer,
        server_default=text("NULLIF(current_setting('app.credential', true), '')::integer"),
        comment="token or session it was done with",
    ),
    Column("act", Text, nullable=False),
    Column("subject", JSONB, nullable=False),
    Index("audit_at_ix", "at"),
    comment="what people did; rows are only ever added",
    schema="trust",
)

unsealed = Table(
    "unsealed",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
    comment="rows of the audit that wait for their seal",
    schema="trust",
)

seal = Table(
    "seal",
    metadata,
    Column("place", BigInteger, primary_key=True, autoincrement=False, comment="in the chain, from 1 without gaps"),
    Column("audit_id", BigInteger, nullable=False, unique=True),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256 of the digest before and this row"),
    instant("sealed_at", now=True),
    comment="the audit's hash chain",
    schema="trust",
)
