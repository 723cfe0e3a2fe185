-- name: incoming
-- Batches on their way in; kept for the connection, emptied at each commit, gone when its first transaction fails.
CREATE TEMP TABLE IF NOT EXISTS incoming (
    place integer, "row" integer, batch_id uuid, actor integer, submission_id uuid, household_id text, revision integer,
    block text, number integer, located integer, lon double precision, lat double precision, cell bigint,
    accuracy_m real, captured_at timestamptz, day date, result text, origin text, visit smallint,
    revisit_at timestamptz, welfare smallint, started_at timestamptz, finished_at timestamptz, enumerator text,
    flags text, digest bytea, stored boolean DEFAULT true
) ON COMMIT DELETE ROWS;

-- name: clear
-- What an earlier batch of the same transaction brought.
DELETE FROM incoming;

-- name: glance
SELECT set_config('default_statistics_target', '1', true);

-- name: look
ANALYZE incoming;
