-- name: terms
-- What was fixed before the count; no row where nothing is.
SELECT campaign, edition, series, time_zone, simulated, measure, cut_off, fixed_at FROM release.terms;

-- name: calendar
-- Every date with what became of it. A table that a later one overtook is never made.
SELECT c.release, c.kind, c.due,
    CASE WHEN r.release IS NOT NULL THEN 'sealed'
         WHEN EXISTS (SELECT FROM release.release later WHERE later.release > c.release) THEN 'passed_over'
         ELSE 'planned' END AS state
FROM release.calendar c LEFT JOIN release.release r ON r.release = c.release
ORDER BY c.release;

-- name: levels
-- Levels that the areas have, coarsest first. One probe of an index each.
SELECT level FROM unnest(CAST(:levels AS text[])) WITH ORDINALITY AS known (level, place)
WHERE EXISTS (SELECT FROM release.area a WHERE a.level = known.level)
ORDER BY place;

-- name: releases
SELECT release, kind, measure, due, as_of, sealed_at, digest FROM release.release ORDER BY release;

-- name: release
-- One release with the terms it stands under, and what whoever acts may see of it down to its leaves.
SELECT r.release, r.kind, r.measure, r.due, r.as_of, r.sealed_at, r.digest, t.edition, t.campaign, t.series,
    t.time_zone, t.simulated, t.measure AS final_measure, t.cut_off, t.fixed_at, CAST(release.scope() AS text) AS scope
FROM release.release r CROSS JOIN release.terms t
WHERE r.release = :release;

-- name: named
-- Areas of a code; several where levels share one.
SELECT number, last, level FROM release.area
WHERE code = :code AND (CAST(:level AS text) IS NULL OR level = :level);

-- name: areas
-- Areas with their figures; null where the policy shows none. In the order of the numbers, or by a figure: then those of
-- which a note warns come after all others (1), and what is not shown last (2). `key` ascends with the order.
WITH asked AS (
    SELECT a.number, a.code, a.name, a.level, a.lon, a.lat, p.code AS parent, f.n, f.value, f.draws, f.expected
    FROM release.area a
    LEFT JOIN release.area p ON p.number = a.parent
    LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
    WHERE a.level = :level AND a.number BETWEEN :first AND :last
      AND (:words = '' OR strpos(lower(a.name), lower(:words)) > 0 OR starts_with(a.code, :words))
      AND (f.number IS NOT NULL OR NOT CAST(:shown_only AS boolean))
), placed AS (
    SELECT *,
        CASE WHEN :sort = 'code' THEN 0
             WHEN n IS NULL THEN 2
             WHEN :sort = 'households' THEN 0
             WHEN draws = 0 OR n < :shown_from OR expected IS NULL OR n < :low_coverage * expected THEN 1
             ELSE 0 END AS after_all,
        CASE :sort WHEN 'poor' THEN -coalesce(value, 0)::double precision
                   WHEN 'share' THEN -coalesce(value::double precision / nullif(n, 0), 0)
                   WHEN 'households' THEN -coalesce(n, 0)::double precision
                   ELSE 0 END AS key
    FROM asked
)
SELECT * FROM placed
WHERE (after_all, key, number)
    > (CAST(:after_all AS integer), CAST(:key AS double precision), CAST(:after AS bigint))
ORDER BY after_all, key, number
LIMIT :limit;

-- name: areas_together
-- How many areas were asked for, and the sum of what of them is shown.
SELECT count(*) AS total, count(f.number) AS shown, coalesce(sum(f.n), 0) AS households,
    coalesce(sum(f.value), 0) AS poor, coalesce(sum(f.draws), 0) AS draws
FROM release.area a LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
WHERE a.level = :level AND a.number BETWEEN :first AND :last
  AND (:words = '' OR strpos(lower(a.name), lower(:words)) > 0 OR starts_with(a.code, :words));

-- name: cells
-- Cells of one resolution with their figures. `within` an area lie those that hold a leaf of its blocks: of a cell the
-- bits of its resolution are replaced, and those of the finer digits filled (`geo.ground.cells.parents`).
SELECT c.cell, c.lon, c.lat, f.n, f.value, f.draws, f.expected
FROM release.cell c LEFT JOIN release.cell_figure f ON f.release = :release AND f.cell = c.cell
WHERE c.resolution = :resolution AND c.cell > :after AND (f.cell IS NOT NULL OR NOT CAST(:shown_only AS boolean))
  AND (CAST(:first AS integer) = 0 OR c.cell IN (
      SELECT (leaf.cell & ~(15::bigint << 52)) | (CAST(:resolution AS bigint) << 52)
          | ((1::bigint << (3 * (15 - CAST(:resolution AS integer)))) - 1)
      FROM release.cell leaf WHERE leaf.resolution = 8 AND leaf.number BETWEEN :first AND :last))
  AND (CAST(:west AS double precision) IS NULL OR (
      c.geom_3857 && ST_MakeEnvelope(:west, :south, :east, :north, 3857)
      AND ST_Intersects(c.geom_3857, ST_MakeEnvelope(:west, :south, :east, :north, 3857))))
ORDER BY c.cell
LIMIT :limit;

-- name: area_shapes
-- Outlines as GeoJSON by number, simplified to about ten metres. Shapes are public.
SELECT number AS key, ST_AsGeoJSON(ST_SimplifyPreserveTopology(geom, 0.0001), 6) AS shape
FROM release.area WHERE number = ANY(:keys);

-- name: cell_shapes
SELECT cell AS key, ST_AsGeoJSON(geom, 6) AS shape FROM release.cell WHERE cell = ANY(:keys);

-- name: extent
-- Levels and resolutions of which whoever acts sees a figure, and how many of each: what a whole file holds.
SELECT 'area' AS system, level AS of, count(*) AS many FROM release.area_figure WHERE release = :release GROUP BY level
UNION ALL
SELECT 'cell', CAST(resolution AS text), count(*) FROM release.cell_figure WHERE release = :release
GROUP BY resolution;
