-- name: areas
-- Every area, by number, with its figure in an earlier release.
SELECT a.number, a.last, coalesce(f.n, 0) AS n, coalesce(f.value, 0) AS value, coalesce(f.draws, 0) AS draws
FROM release.area a LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
ORDER BY a.number;

-- name: codes
SELECT number, code FROM release.area WHERE number = last ORDER BY number;

-- name: cells
-- Every leaf cell with its figure in an earlier release.
SELECT c.cell, coalesce(f.n, 0) AS n, coalesce(f.value, 0) AS value, coalesce(f.draws, 0) AS draws
FROM release.cell c LEFT JOIN release.cell_figure f ON f.release = :release AND f.cell = c.cell
WHERE c.resolution = 8 ORDER BY c.cell;

-- name: before
-- The release whose figures go on in this one: the last of the field table.
SELECT coalesce(max(release), 0) FROM release.release WHERE kind = 'field';

-- name: figure_table
CREATE TEMP TABLE figure (
    place bigint PRIMARY KEY, n integer NOT NULL, value integer NOT NULL, draws integer NOT NULL,
    expected integer NOT NULL
) ON COMMIT DROP;

-- name: forget_figures
DROP TABLE IF EXISTS pg_temp.figure;

-- name: write_areas
INSERT INTO release.area_figure (release, number, level, n, value, draws, expected)
SELECT :release, a.number, a.level, f.n, f.value, f.draws, nullif(f.expected, -1)
FROM figure f JOIN release.area a ON a.number = f.place;

-- name: write_cells
INSERT INTO release.cell_figure (release, cell, resolution, number, n, value, draws, expected)
SELECT :release, c.cell, c.resolution, c.number, f.n, f.value, f.draws, nullif(f.expected, -1)
FROM figure f JOIN release.cell c ON c.cell = f.place;

-- name: enter
-- In the order of the key, which is several times faster.
INSERT INTO welfare.entered (kind, system, household_id, release)
SELECT :kind, system, household_id, release FROM welfare.frozen WHERE release = :release
ORDER BY system, household_id;

-- name: seal
INSERT INTO release.release (release, kind, measure, due, as_of, digest)
VALUES (:release, :kind, :measure, :due, :as_of, :digest);

-- name: forget
-- Key and input are gone with this transaction, from the disk too.
SELECT welfare.forget();

-- name: sealed
SELECT release, kind, measure, due, as_of, sealed_at, digest FROM release.release ORDER BY release;

-- name: canonical_areas
SELECT 'area', a.level, a.code, f.n, f.value, f.draws, f.expected
FROM release.area_figure f JOIN release.area a USING (number)
WHERE f.release = :release ORDER BY f.number;

-- name: canonical_cells
SELECT 'cell', f.resolution, to_hex(f.cell), f.n, f.value, f.draws, f.expected
FROM release.cell_figure f
WHERE f.release = :release ORDER BY f.resolution, f.cell;
