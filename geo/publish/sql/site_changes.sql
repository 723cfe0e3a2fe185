-- name: lock
-- One change at a time, so that a version never changes once a later one can be read.
SELECT pg_advisory_xact_lock(hashtext('cakupan-sites'));

-- name: open
INSERT INTO site.version (change, note, actor, recorded_at)
VALUES (:change, :note, :actor, (SELECT ground.now()))
RETURNING version;

-- name: write
INSERT INTO site.revision (site_id, version, programme, kind, name, lon, lat, capacity, closed, block)
SELECT s.site_id, :version, s.programme, s.kind, s.name, s.lon, s.lat, s.capacity, s.closed, s.block
FROM jsonb_to_recordset(CAST(:sites AS jsonb)) AS s (site_id text, programme text, kind text, name text,
    lon double precision, lat double precision, capacity integer, closed boolean, block text)
ORDER BY s.site_id;
