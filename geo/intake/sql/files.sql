-- name: begun
SELECT rows_done, counts FROM intake.file_import WHERE file_sha256 = :sha AND edition_id = :edition_id;

-- name: so_far
-- In the same transaction as the rows themselves.
INSERT INTO intake.file_import (file_sha256, edition_id, rows_done, counts)
VALUES (:sha, :edition_id, :rows, CAST(:counts AS jsonb))
ON CONFLICT (file_sha256, edition_id) DO UPDATE
SET rows_done = excluded.rows_done, counts = excluded.counts, changed_at = now();
