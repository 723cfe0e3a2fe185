-- name: here
-- Which database of which server this is. A copy has another number; a restored server is known by what it forgot.
SELECT s.system_identifier, CAST(d.oid AS bigint) AS database_oid
FROM pg_control_system() s, pg_database d WHERE d.datname = current_database();

-- name: bound
SELECT nonce_sha256, system_identifier, database_oid FROM welfare.publisher;

-- name: sealed
SELECT release, digest FROM release.release ORDER BY release;

-- name: bind
INSERT INTO welfare.publisher (nonce_sha256, system_identifier, database_oid)
VALUES (:nonce_sha256, :system_identifier, :database_oid);
