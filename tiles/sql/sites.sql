-- name: tile
-- Open sites as they were after a version, in one tile. Numbered as in geo/publish/sql/sites.sql, over all sites.
WITH known AS (
    SELECT site_id, min(version) AS first, max(version) AS version
    FROM site.revision WHERE version <= :version GROUP BY site_id
), numbered AS (
    SELECT site_id, version, row_number() OVER (ORDER BY first, site_id COLLATE "C") AS n FROM known
)
SELECT ST_AsMVT(shape, 'sites', 4096, 'geom', 'n')
FROM (
    SELECT k.n, ST_AsMVTGeom(place, ST_TileEnvelope(:z, :x, :y), 4096, 64, true) AS geom, r.site_id, r.programme, r.kind,
        r.name, r.capacity
    FROM numbered k JOIN site.revision r USING (site_id, version)
    CROSS JOIN LATERAL ST_Transform(ST_SetSRID(ST_MakePoint(r.lon, r.lat), 4326), 3857) AS place
    WHERE NOT r.closed AND abs(r.lat) < 85 AND place && ST_TileEnvelope(:z, :x, :y, margin => 64.0 / 4096)
    ORDER BY k.n
) shape
WHERE geom IS NOT NULL;

-- name: bounds
-- Where the sites of a version lie, in degrees; nulls where there are none.
SELECT min(lon) AS west, min(lat) AS south, max(lon) AS east, max(lat) AS north
FROM (
    SELECT DISTINCT ON (site_id) lon, lat, closed FROM site.revision
    WHERE version <= :version ORDER BY site_id, version DESC
) known
WHERE NOT closed;
