-- name: blocks
-- Blocks with their figures; the policy leaves out those that whoever acts may not see.
SELECT CAST(a.number AS bigint) AS key, CAST(a.number AS bigint) AS number, CAST(f.n AS bigint) AS n,
    CAST(f.value AS bigint) AS value, CAST(f.draws AS bigint) AS draws,
    CAST(coalesce(f.expected, -1) AS bigint) AS expected, a.lon, a.lat
FROM release.area a JOIN release.area_figure f ON f.release = :release AND f.number = a.number
WHERE a.level = 'block' AND f.level = 'block' AND a.number BETWEEN :first AND :last
ORDER BY a.number;

-- name: cells
-- The same of cells of a resolution. Those `within` an area hold a leaf of its blocks, as in published.sql.
SELECT c.cell AS key, CAST(c.number AS bigint) AS number, CAST(f.n AS bigint) AS n,
    CAST(f.value AS bigint) AS value, CAST(f.draws AS bigint) AS draws,
    CAST(coalesce(f.expected, -1) AS bigint) AS expected, c.lon, c.lat
FROM release.cell c JOIN release.cell_figure f ON f.release = :release AND f.cell = c.cell
WHERE c.resolution = :resolution AND f.resolution = :resolution
  AND (:first = 0 OR c.cell IN (
      SELECT (leaf.cell & ~(15::bigint << 52)) | (CAST(:resolution AS bigint) << 52)
          | ((1::bigint << (3 * (15 - :resolution))) - 1)
      FROM release.cell leaf WHERE leaf.resolution = 8 AND leaf.number BETWEEN :first AND :last))
ORDER BY c.cell;
