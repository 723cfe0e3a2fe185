-- name: load
SELECT campaign, edition, series, time_zone, simulated, measure, cut_off, fixed_at FROM release.terms;

-- name: calendar
SELECT release, kind, due FROM release.calendar ORDER BY release;

-- name: fixed
SELECT EXISTS (SELECT FROM release.terms);

-- name: alone
-- Whoever fixes terms, freezes or seals does so alone. It comes before the transaction's first look at the database, so
-- that it sees what the one before it did.
LOCK TABLE welfare.making IN SHARE ROW EXCLUSIVE MODE;

-- name: begun
-- Whether a release was begun: from then on nothing of the terms changes.
SELECT EXISTS (SELECT FROM release.release) OR EXISTS (SELECT FROM welfare.making);

-- name: forget_calendar
DELETE FROM release.calendar;

-- name: forget_cells
DELETE FROM release.cell;

-- name: forget_areas
DELETE FROM release.area;

-- name: forget_terms
DELETE FROM release.terms;

-- name: write
INSERT INTO release.terms (campaign, edition, series, time_zone, simulated, measure, cut_off, fixed_at)
VALUES (:campaign, :edition, :series, :time_zone, :simulated, :measure, :cut_off, ground.now());

-- name: write_slot
INSERT INTO release.calendar (release, kind, due) VALUES (:release, :kind, :due);

-- name: write_areas
-- The areas as they are now: no later import renumbers what was published.
INSERT INTO release.area (number, last, parent, level, code, name, uninhabited, lon, lat, geom, geom_3857)
SELECT number, last, parent, level, code, name, uninhabited, lon, lat, geom, geom_3857
FROM ground.area WHERE edition_id = :edition_id;

-- name: leaves
-- Areas with nothing below them, by number.
SELECT number, ST_AsBinary(geom) AS geom FROM release.area WHERE number = last ORDER BY number;

-- name: forget_arriving
DROP TABLE IF EXISTS pg_temp.arriving_cell;

-- name: arriving
CREATE TEMP TABLE arriving_cell (
    cell bigint, resolution smallint, number integer, lon double precision, lat double precision, wkb bytea
) ON COMMIT DROP;

-- name: write_cells
INSERT INTO release.cell (cell, resolution, number, lon, lat, geom, geom_3857)
SELECT cell, resolution, number, lon, lat, ST_GeomFromWKB(wkb, 4326),
    ST_Transform(ST_GeomFromWKB(wkb, 4326), 3857)
FROM arriving_cell;
