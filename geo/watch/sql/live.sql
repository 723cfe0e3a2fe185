-- name: epoch
SELECT epoch, as_of FROM intake.epoch ORDER BY epoch DESC LIMIT 1;

-- name: blocks
-- Tallies of blocks changed since an epoch.
SELECT number, completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
    located, spent, epoch, extract(epoch FROM last_at)::double precision AS last_at
FROM intake.tally WHERE epoch > :since ORDER BY number;

-- name: pairs
SELECT number, cell AS key, completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
    located, spent, epoch
FROM intake.tally_cell WHERE epoch > :since;

-- name: days
SELECT number, CAST(day - DATE '1970-01-01' AS bigint) AS key, completed, new, partial, not_met, refused, not_found, moved, deceased,
    ineligible, dropped, closed, located, spent, epoch
FROM intake.tally_day WHERE epoch > :since;

-- name: expected
SELECT number, expected FROM ground.expected WHERE edition_id = :edition_id AND series = :series ORDER BY number;

-- name: expected_cells
SELECT number, cell, expected FROM ground.expected_cell
WHERE edition_id = :edition_id AND series = :series ORDER BY number, cell;
