-- name: in_order
-- The planner takes a policy to let next to nothing pass, and would gather all of a range to sort it: it may not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true);

-- name: by_number
-- Single households of ranges of numbers, in the order of (number, id), in each range those after an id of its first
-- number. The policy holds whatever is asked.
SELECT h.household_id, h.revision, h.block, h.number, h.located, h.cell, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat,
    h.accuracy_m, h.captured_at, h.day, h.result, h.origin, h.visit, h.revisit_at, h.welfare, h.enumerator, h.flags,
    h.closed
FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[]), CAST(:ids AS text[]))
    WITH ORDINALITY AS span (lo, hi, id, place)
CROSS JOIN LATERAL (
    SELECT * FROM intake.household
    WHERE (number, household_id) > (span.lo, span.id) AND number <= span.hi
      AND day BETWEEN :since AND :until
      AND (cardinality(CAST(:results AS text[])) = 0 OR result = ANY(CAST(:results AS text[])))
      AND (CAST(:origin AS text) IS NULL OR origin = :origin)
      AND (CAST(:flag AS text) IS NULL OR :flag = ANY(string_to_array(flags, ' ')))
      AND (CAST(:west AS double precision) IS NULL
           OR (ST_X(geom) BETWEEN :west AND :east AND ST_Y(geom) BETWEEN :south AND :north))
    ORDER BY number, household_id
    LIMIT :limit
) h
ORDER BY span.place, h.number, h.household_id
LIMIT :limit;

-- name: by_cell
-- The same of ranges of cells, in the order of (cell, id).
SELECT h.household_id, h.revision, h.block, h.number, h.located, h.cell, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat,
    h.accuracy_m, h.captured_at, h.day, h.result, h.origin, h.visit, h.revisit_at, h.welfare, h.enumerator, h.flags,
    h.closed
FROM unnest(CAST(:los AS bigint[]), CAST(:his AS bigint[]), CAST(:ids AS text[]))
    WITH ORDINALITY AS span (lo, hi, id, place)
CROSS JOIN LATERAL (
    SELECT * FROM intake.household
    WHERE (cell, household_id) > (span.lo, span.id) AND cell <= span.hi
      AND number <@ CAST(:scope AS int4multirange)
      AND day BETWEEN :since AND :until
      AND (cardinality(CAST(:results AS text[])) = 0 OR result = ANY(CAST(:results AS text[])))
      AND (CAST(:origin AS text) IS NULL OR origin = :origin)
      AND (CAST(:flag AS text) IS NULL OR :flag = ANY(string_to_array(flags, ' ')))
      AND ST_X(geom) BETWEEN :west AND :east AND ST_Y(geom) BETWEEN :south AND :north
    ORDER BY cell, household_id
    LIMIT :limit
) h
ORDER BY span.place, h.cell, h.household_id
LIMIT :limit;

-- name: one
-- One household; the policy holds.
SELECT h.household_id, h.revision, h.block, h.number, h.located, h.cell, ST_X(h.geom) AS lon, ST_Y(h.geom) AS lat,
    h.accuracy_m, h.captured_at, h.day, h.result, h.origin, h.visit, h.revisit_at, h.welfare, h.enumerator, h.flags,
    h.closed
FROM intake.household h WHERE h.household_id = :household_id;

-- name: revisions
-- What is known of its visits, in the order in which they are judged.
SELECT revision, captured_at, received_at, result, visit, revisit_at, enumerator
FROM intake.submission WHERE household_id = :household_id
ORDER BY captured_at, revision;

-- name: closings
-- Acts of closing it and of undoing that, oldest first.
SELECT c.closing_id, c.revision, c.closed, c.reason, c.note, a.name AS decided_by, c.decided_at
FROM intake.closing c LEFT JOIN trust.account a ON a.account_id = c.actor
WHERE c.household_id = :household_id
ORDER BY c.place;
