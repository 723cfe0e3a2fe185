-- name: still
-- One snapshot for all that is frozen.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;

-- name: patient
-- A province takes minutes, and nobody waits for this transaction. It is alone, so it may use some memory; and what it
-- joins is large, whatever statistics say that are older than the last import.
SELECT set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
    set_config('work_mem', '128MB', true), set_config('enable_nestloop', 'off', true);

-- name: making
SELECT m.release, c.kind, c.due, m.as_of, m.key, m.digest
FROM welfare.making m JOIN release.calendar c USING (release);

-- name: last
-- The last release that was sealed.
SELECT coalesce(max(release), 0) FROM release.release;

-- name: now
SELECT ground.now();

-- name: candidate_table
CREATE TEMP TABLE candidate (system text, household_id text, leaf bigint, revision integer) ON COMMIT DROP;

-- name: candidates_block
-- Counted households that have not entered this table yet, by the block in which they count. Blocks are known by their
-- codes: an import of areas may have renumbered them since.
INSERT INTO candidate (system, household_id, leaf, revision)
SELECT 'block', h.household_id, l.number, h.revision
FROM intake.household h
JOIN ground.area g ON g.edition_id = :edition_id AND g.number = h.number
JOIN release.area l ON l.level = g.level AND l.code = g.code AND l.number = l.last
WHERE h.result = 'completed'
    AND NOT EXISTS (SELECT FROM welfare.entered e
                    WHERE e.kind = :kind AND e.system = 'block' AND e.household_id = h.household_id);

-- name: candidates_cell
-- The same by the cell of their point.
INSERT INTO candidate (system, household_id, leaf, revision)
SELECT 'cell', h.household_id, l.cell, h.revision
FROM intake.household h
JOIN release.cell l ON l.cell = ground.cell_parent(h.cell, 8)
WHERE h.result = 'completed'
    AND NOT EXISTS (SELECT FROM welfare.entered e
                    WHERE e.kind = :kind AND e.system = 'cell' AND e.household_id = h.household_id);

-- name: look
ANALYZE candidate;

-- name: outside
-- Counted households that stand in no leaf, and why. A household in no block may still stand in a cell.
SELECT count(*) FILTER (WHERE h.number = 0) AS unplaced,
    count(*) FILTER (WHERE h.number <> 0 AND l.number IS NULL) AS unlisted_block,
    count(*) FILTER (WHERE h.cell IS NULL) AS without_point,
    count(*) FILTER (WHERE h.cell IS NOT NULL AND c.cell IS NULL) AS unlisted_cell
FROM intake.household h
LEFT JOIN ground.area g ON g.edition_id = :edition_id AND g.number = h.number
LEFT JOIN release.area l ON l.level = g.level AND l.code = g.code AND l.number = l.last
LEFT JOIN release.cell c ON c.cell = ground.cell_parent(h.cell, 8)
WHERE h.result = 'completed';

-- name: wait
-- Households of leaves that too few newly enter wait. (Taken out here, and not in the join below, whose rows would be
-- guessed to be few.)
DELETE FROM candidate c
USING (SELECT system, leaf FROM candidate GROUP BY system, leaf HAVING count(*) < :gate) s
WHERE c.system = s.system AND c.leaf = s.leaf;

-- name: freeze_households
-- All others, poor where what is known of them (temporary table `known`) lies below a limit. Whoever nothing is known of
-- counts as not poor. In the order of the key, which is faster.
INSERT INTO welfare.frozen (release, system, household_id, leaf, revision, poor)
SELECT :release, c.system, c.household_id, c.leaf, c.revision, coalesce(k.value < :below, false)
FROM candidate c
LEFT JOIN known k USING (household_id)
ORDER BY c.system, c.household_id;

-- name: freeze_blocks
-- Families expected in each block. Where nobody lives, none are.
INSERT INTO welfare.frozen_leaf (release, system, leaf, expected)
SELECT :release, 'block', a.number, coalesce(e.expected, CASE WHEN a.uninhabited THEN 0 END)
FROM release.area a
LEFT JOIN ground.area g ON g.edition_id = :edition_id AND g.level = a.level AND g.code = a.code
LEFT JOIN ground.expected e ON e.edition_id = :edition_id AND e.series = :series AND e.number = g.number
WHERE a.number = a.last;

-- name: freeze_cells
-- And in each cell: those of the finer cells in it. Unknown where it is of the block that the cell belongs to.
INSERT INTO welfare.frozen_leaf (release, system, leaf, expected)
SELECT :release, 'cell', c.cell, CASE WHEN a.uninhabited OR e.expected IS NOT NULL THEN coalesce(s.expected, 0) END
FROM release.cell c
JOIN release.area a ON a.number = c.number
LEFT JOIN ground.area g ON g.edition_id = :edition_id AND g.level = a.level AND g.code = a.code
LEFT JOIN ground.expected e ON e.edition_id = :edition_id AND e.series = :series AND e.number = g.number
LEFT JOIN (
    SELECT ground.cell_parent(cell, 8) AS cell, CAST(sum(expected) AS integer) AS expected
    FROM ground.expected_cell WHERE edition_id = :edition_id AND series = :series GROUP BY 1
) s ON s.cell = c.cell
WHERE c.resolution = 8;

-- name: contents
-- What enters each leaf: households, those of them that are poor, and the SHA-256 of (household, revision, value) in
-- the order of the households, each field behind its length in eight bytes, as geo.publish.noise says it in Python.
-- Null where nobody enters. A household frozen into a leaf that is none comes along, so that it is missed by no digest.
SELECT coalesce(l.system, f.system) AS system, coalesce(l.leaf, f.leaf) AS leaf, l.expected,
    l.leaf IS NOT NULL AS listed,
    count(f.household_id) AS n, count(f.household_id) FILTER (WHERE f.poor) AS poor,
    sha256(string_agg(
        int8send(octet_length(f.household_id)) || convert_to(f.household_id, 'UTF8')
            || int8send(length(CAST(f.revision AS text))) || convert_to(CAST(f.revision AS text), 'UTF8')
            || int8send(1) || CASE WHEN f.poor THEN '\x31'::bytea ELSE '\x30'::bytea END,
        ''::bytea ORDER BY f.household_id COLLATE "C"
    )) AS content
FROM (SELECT * FROM welfare.frozen_leaf WHERE release = :release) l
FULL JOIN (SELECT * FROM welfare.frozen WHERE release = :release) f USING (system, leaf)
GROUP BY 1, 2, l.expected, l.leaf
ORDER BY 1, 2;

-- name: begin
INSERT INTO welfare.making (release, key, as_of, digest) VALUES (:release, :key, :as_of, :digest);
