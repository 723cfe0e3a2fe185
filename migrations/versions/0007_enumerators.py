"""Who works where and when it was heard of last, for those who answer for the areas."""

from alembic import op

revision = "0007"
down_revision: str | None = "0006"

FUNCTIONS = """
CREATE FUNCTION trust.overseen() RETURNS int4multirange
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
SELECT trust.scope_of(trust.actor(), 'supervisor') + trust.scope_of(trust.actor(), 'coordinator')
     + trust.scope_of(trust.actor(), 'admin')
$$;
COMMENT ON FUNCTION trust.overseen IS 'The numbers that the actor answers for; not those it works in as an enumerator';

CREATE FUNCTION trust.works_in(account integer, numbers int4multirange) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$ SELECT trust.scope_of(account, 'enumerator') && numbers $$;
COMMENT ON FUNCTION trust.works_in IS 'Whether an account may work in any of some numbers, by its grants as enumerator';

CREATE FUNCTION trust.assigned(asked int4multirange, names text[])
RETURNS TABLE (number integer, enumerator text, supervisor text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
WITH seen AS MATERIALIZED (
    SELECT trust.overseen() AS numbers
), here AS (
    SELECT w.enumerator
    FROM seen s
    CROSS JOIN LATERAL unnest(assigned.asked * s.numbers) r
    CROSS JOIN ground.campaign c
    CROSS JOIN LATERAL (
        SELECT * FROM ground.area i
        WHERE i.edition_id = c.edition_id AND i.number >= lower(r) AND i.number < coalesce(upper(r), 2147483647)
          AND i.number = i.last OFFSET 0
    ) a
    JOIN ground.assignment w ON w.edition_id = a.edition_id AND w.code = a.code
    UNION
    SELECT unnest(assigned.names)
)
SELECT a.number, w.enumerator, w.supervisor
FROM here h
CROSS JOIN ground.campaign c
CROSS JOIN LATERAL (
    SELECT * FROM ground.assignment i WHERE i.edition_id = c.edition_id AND i.enumerator = h.enumerator OFFSET 0
) w
CROSS JOIN LATERAL (
    SELECT * FROM ground.area i
    WHERE i.edition_id = w.edition_id AND i.code = w.code AND i.number = i.last OFFSET 0
) a
WHERE a.number <@ (SELECT s.numbers FROM seen s)
$$;
COMMENT ON FUNCTION trust.assigned IS
    'Blocks of those who are assigned to some of the numbers asked, and of those named: as far as the actor answers for
     them. OFFSET 0 keeps the planner on the indexes; it takes the ranges to hold a third of the nation';

REVOKE ALL ON FUNCTION trust.overseen(), trust.works_in(integer, int4multirange), trust.assigned(int4multirange, text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION trust.overseen(), trust.works_in(integer, int4multirange),
    trust.assigned(int4multirange, text[]) TO cakupan_internal;

DROP POLICY own ON intake.heartbeat;
CREATE POLICY overseen ON intake.heartbeat FOR SELECT TO cakupan_internal
    USING (actor = (SELECT trust.actor()) OR trust.works_in(actor, (SELECT trust.overseen())));
"""

#: As they were before.
UNDO = """
DROP POLICY overseen ON intake.heartbeat;
CREATE POLICY own ON intake.heartbeat FOR SELECT TO cakupan_internal USING (actor = (SELECT trust.actor()));
DROP FUNCTION trust.assigned(int4multirange, text[]), trust.works_in(integer, int4multirange), trust.overseen();
"""


def upgrade() -> None:
    """Make the index by which those who sent last are found, and the rights to ask."""
    op.create_index(
        "submission_number_ix", "submission", ["number", "enumerator", "received_at"], unique=False, schema="intake"
    )
    op.execute(FUNCTIONS)


def downgrade() -> None:
    """Take them away again."""
    op.execute(UNDO)
    op.drop_index("submission_number_ix", table_name="submission", schema="intake")
