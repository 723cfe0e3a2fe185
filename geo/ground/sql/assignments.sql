-- name: write
INSERT INTO ground.assignment (edition_id, code, enumerator, supervisor, starts_on)
VALUES (:edition_id, :code, :enumerator, :supervisor, :starts_on)
ON CONFLICT (edition_id, code) DO UPDATE
SET enumerator = excluded.enumerator, supervisor = excluded.supervisor, starts_on = excluded.starts_on;

-- name: unassigned
-- Blocks that nobody works in.
SELECT count(*) FROM ground.area a
WHERE a.edition_id = :edition_id AND a.number = a.last
  AND NOT EXISTS (SELECT FROM ground.assignment s WHERE s.edition_id = a.edition_id AND s.code = a.code);
