-- name: edition
-- Locked as `areas import` locks it, so that no import goes by numbers that another one changes meanwhile.
SELECT edition_id FROM ground.edition WHERE code = :edition FOR NO KEY UPDATE;

-- name: codes
SELECT number, last, level, code FROM ground.area WHERE edition_id = :edition_id;
