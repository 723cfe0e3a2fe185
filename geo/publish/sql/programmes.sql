-- name: place
-- What an area is; the releases' own copy, which is public.
SELECT code, name, level, number AS n FROM release.area WHERE number = :number;

-- name: leaves
-- How many leaves there are within an area, seen or not: which there are is public.
SELECT (SELECT count(*) FROM release.area WHERE level = 'block' AND number BETWEEN :first AND :last) AS blocks,
    (SELECT count(*) FROM release.cell WHERE resolution = 8 AND number BETWEEN :first AND :last) AS cells;

-- name: leaf_cells
-- Cells of resolution 8 and the block that each belongs to: where, in words, a cluster lies.
SELECT cell, CAST(number AS bigint) AS number FROM release.cell
WHERE resolution = 8 AND (:first = 0 OR number BETWEEN :first AND :last) ORDER BY cell;

-- name: areas
-- Areas of a level with their own figures and how many blocks each holds, in the order of their numbers.
SELECT a.number, a.last, a.code, a.name, a.level, a.lon, a.lat, p.code AS parent,
    (SELECT count(*) FROM release.area b WHERE b.level = 'block' AND b.number BETWEEN a.number AND a.last) AS blocks,
    f.n, f.value, f.draws, f.expected
FROM release.area a
LEFT JOIN release.area p ON p.number = a.parent
LEFT JOIN release.area_figure f ON f.release = :release AND f.number = a.number
WHERE a.level = :level AND a.number BETWEEN :first AND :last
ORDER BY a.number;

-- name: inside
-- Which of some places lie in an area, by their position from 0.
SELECT CAST(s.place - 1 AS integer) FROM release.area a,
    unnest(CAST(:lon AS double precision[]), CAST(:lat AS double precision[])) WITH ORDINALITY AS s (lon, lat, place)
WHERE a.number = :number AND ST_Covers(a.geom, ST_SetSRID(ST_Point(s.lon, s.lat), 4326))
ORDER BY s.place;
