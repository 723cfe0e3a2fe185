-- name: known_table
-- What is known of each household on a day, by one scale; gone with the transaction.
CREATE TEMP TABLE known (
    household_id text NOT NULL, value double precision NOT NULL, dated date NOT NULL, revision integer NOT NULL
) ON COMMIT DROP;

-- name: forget
DROP TABLE IF EXISTS pg_temp.known;

-- name: index
-- Afterwards: rows come in no order, and half of the time would go into keeping an index of them.
ALTER TABLE known ADD PRIMARY KEY (household_id);

-- name: look
ANALYZE known;

-- name: known_field
-- Field status of all households on a day: the ledger's event with the highest (dated, revision), beside what the door
-- said last. Of these the later day counts, of the same day the ledger, for whoever wrote it knew of the door. At the
-- door the highest revision captured by then says all there is to say, nothing included: its records are complete.
-- Nearly always that is the household's own row; only where that was captured later are its records looked through.
INSERT INTO known (household_id, value, dated, revision)
WITH until AS MATERIALIZED (
    SELECT CAST(CAST(:day AS date) + 1 AS timestamp) AT TIME ZONE c.time_zone AS moment, c.time_zone
    FROM ground.campaign c
), last_event AS (
    SELECT DISTINCT ON (household_id) household_id, field_status, dated, revision
    FROM welfare.event
    WHERE scale = 'field_status' AND dated <= CAST(:day AS date)
    ORDER BY household_id, dated DESC, revision DESC
), door AS (
    SELECT h.household_id, h.welfare, CAST(h.captured_at AT TIME ZONE u.time_zone AS date) AS dated, h.revision
    FROM intake.household h CROSS JOIN until u
    WHERE h.welfare IS NOT NULL AND h.captured_at < u.moment AND h.revision > 0
    UNION ALL
    SELECT * FROM (
        SELECT DISTINCT ON (s.household_id) s.household_id, s.welfare,
            CAST(s.captured_at AT TIME ZONE u.time_zone AS date) AS dated, s.revision
        FROM until u
        JOIN intake.household h ON h.captured_at >= u.moment
        JOIN intake.submission s ON s.household_id = h.household_id AND s.captured_at < u.moment
        ORDER BY s.household_id, s.revision DESC
    ) earlier
    WHERE welfare IS NOT NULL
)
SELECT household_id,
    CASE WHEN e.dated >= d.dated OR d.dated IS NULL THEN e.field_status ELSE d.welfare END,
    CASE WHEN e.dated >= d.dated OR d.dated IS NULL THEN e.dated ELSE d.dated END,
    CASE WHEN e.dated >= d.dated OR d.dated IS NULL THEN e.revision ELSE d.revision END
FROM last_event e FULL JOIN door d USING (household_id);

-- name: known_consultation
-- Consultation group of all households on a day: the event with the highest (dated, revision).
INSERT INTO known (household_id, value, dated, revision)
SELECT DISTINCT ON (household_id) household_id, consultation, dated, revision
FROM welfare.event
WHERE scale = 'consultation' AND dated <= CAST(:day AS date)
ORDER BY household_id, dated DESC, revision DESC;

-- name: known_score
-- Score of all households on a day, by the last event that gives one: ranks and deciles may come in files of their own.
INSERT INTO known (household_id, value, dated, revision)
SELECT DISTINCT ON (household_id) household_id, score, dated, revision
FROM welfare.event
WHERE scale = 'rank' AND score IS NOT NULL AND dated <= CAST(:day AS date)
ORDER BY household_id, dated DESC, revision DESC;

-- name: known_rank
-- The same of ranks.
INSERT INTO known (household_id, value, dated, revision)
SELECT DISTINCT ON (household_id) household_id, rank, dated, revision
FROM welfare.event
WHERE scale = 'rank' AND rank IS NOT NULL AND dated <= CAST(:day AS date)
ORDER BY household_id, dated DESC, revision DESC;

-- name: known_decile
-- The same of deciles.
INSERT INTO known (household_id, value, dated, revision)
SELECT DISTINCT ON (household_id) household_id, decile, dated, revision
FROM welfare.event
WHERE scale = 'rank' AND decile IS NOT NULL AND dated <= CAST(:day AS date)
ORDER BY household_id, dated DESC, revision DESC;

-- name: place
-- The block in which a household counts, else that in which it is listed, as far as the policies and the scope let the
-- caller see it.
SELECT coalesce(NULLIF(f.counted, 0), f.listed, f.counted) AS number
FROM (
    SELECT (SELECT number FROM intake.household
            WHERE household_id = :household_id AND number <@ CAST(:scope AS int4multirange)) AS counted,
        (SELECT p.number FROM ground.prelist p JOIN ground.campaign USING (edition_id)
         WHERE p.household_id = :household_id AND p.number <@ CAST(:scope AS int4multirange)) AS listed
) f;

-- name: written
-- What was written down of one household, in the ledger and at the door, in the order in which it holds. At the door a
-- record without a status counts too where an earlier one had one: it takes it back.
SELECT e.scale, e.dated, e.revision, e.field_status, e.consultation, e.before, e.score, e.rank, e.decile, e.forum,
    e.reason, a.name AS actor, e.recorded_at, 'ledger' AS source, e.number
FROM welfare.event e LEFT JOIN trust.account a ON a.account_id = e.actor
WHERE e.household_id = :household_id AND e.number <@ CAST(:scope AS int4multirange)
UNION ALL
SELECT 'field_status', CAST(s.captured_at AT TIME ZONE c.time_zone AS date), s.revision, s.welfare, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, a.name, s.received_at, 'door', s.number
FROM intake.submission s
CROSS JOIN ground.campaign c
LEFT JOIN trust.account a ON a.account_id = s.actor
WHERE s.household_id = :household_id AND s.number <@ CAST(:scope AS int4multirange)
  AND (s.welfare IS NOT NULL
       OR EXISTS (SELECT FROM intake.submission o
                  WHERE o.household_id = s.household_id AND o.revision < s.revision AND o.welfare IS NOT NULL))
ORDER BY dated, source, revision;
