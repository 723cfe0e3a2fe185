-- name: waiting
-- How many households would newly enter each leaf.
SELECT system, leaf, count(*) AS n FROM candidate GROUP BY system, leaf;

-- name: frozen
-- The same of what is frozen already.
SELECT system, leaf, count(*) AS n FROM welfare.frozen WHERE release = :release GROUP BY system, leaf;

-- name: villages
SELECT number, last FROM release.area WHERE level = 'village' ORDER BY number;

-- name: kinds
-- Tables of which a release was sealed.
SELECT DISTINCT kind FROM release.release;

-- name: judged
-- Households of which the final table's measure says anything at all; what it says is not looked at.
SELECT count(DISTINCT household_id) FROM welfare.event
WHERE CASE WHEN :measure = 'score' THEN scale = 'rank' AND score IS NOT NULL ELSE scale = :measure END;
