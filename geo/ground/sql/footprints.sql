-- name: clear
DELETE FROM ground.footprint WHERE edition_id = :edition_id;
