-- name: lead
-- One fold at a time, in whichever process gets the lock; it is given back at commit, or when the process dies.
SELECT pg_try_advisory_xact_lock(hashtext('cakupan-fold'));

-- name: fold
-- Takes the deltas this snapshot sees, the oldest numbers first, adds them to the three tallies and counts the epoch.
WITH taken AS (
    DELETE FROM intake.delta
    WHERE delta_id <= (SELECT max(delta_id) FROM (SELECT delta_id FROM intake.delta ORDER BY delta_id LIMIT :most) d)
    RETURNING *
), next AS (
    INSERT INTO intake.epoch (epoch, as_of, deltas)
    SELECT coalesce((SELECT max(epoch) FROM intake.epoch), 0) + 1, (SELECT ground.now()), count(*)
    FROM taken
    HAVING count(*) > 0
    RETURNING epoch, deltas
), blocks AS (
    INSERT INTO intake.tally AS t
        (number, completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped, closed,
            located, spent, last_at, epoch)
    SELECT number, sum(completed), sum(new), sum(partial), sum(not_met), sum(refused), sum(not_found), sum(moved),
            sum(deceased), sum(ineligible), sum(dropped), sum(closed), sum(located), sum(spent), max(last_at), (SELECT epoch FROM
            next)
    FROM taken
    GROUP BY number
    ORDER BY number
    ON CONFLICT (number) DO UPDATE
    SET completed = t.completed + excluded.completed, new = t.new + excluded.new, partial = t.partial +
            excluded.partial, not_met = t.not_met + excluded.not_met, refused = t.refused + excluded.refused,
            not_found = t.not_found + excluded.not_found, moved = t.moved + excluded.moved, deceased = t.deceased +
            excluded.deceased, ineligible = t.ineligible + excluded.ineligible, dropped = t.dropped +
            excluded.dropped, closed = t.closed + excluded.closed, located = t.located + excluded.located, spent = t.spent + excluded.spent, last_at =
            greatest(t.last_at, excluded.last_at), epoch = excluded.epoch
), pairs AS (
    INSERT INTO intake.tally_cell AS t
        (number, cell, completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped,
            closed, located, spent, epoch)
    SELECT number, cell, sum(completed), sum(new), sum(partial), sum(not_met), sum(refused), sum(not_found), sum(moved),
            sum(deceased), sum(ineligible), sum(dropped), sum(closed), sum(located), sum(spent), (SELECT epoch FROM next)
    FROM taken WHERE cell <> 0
    GROUP BY number, cell
    ORDER BY number, cell
    ON CONFLICT (number, cell) DO UPDATE
    SET completed = t.completed + excluded.completed, new = t.new + excluded.new, partial = t.partial +
            excluded.partial, not_met = t.not_met + excluded.not_met, refused = t.refused + excluded.refused,
            not_found = t.not_found + excluded.not_found, moved = t.moved + excluded.moved, deceased = t.deceased +
            excluded.deceased, ineligible = t.ineligible + excluded.ineligible, dropped = t.dropped +
            excluded.dropped, closed = t.closed + excluded.closed, located = t.located + excluded.located, spent = t.spent + excluded.spent, epoch =
            excluded.epoch
), days AS (
    INSERT INTO intake.tally_day AS t
        (number, day, completed, new, partial, not_met, refused, not_found, moved, deceased, ineligible, dropped,
            closed, located, spent, epoch)
    SELECT number, day, sum(completed), sum(new), sum(partial), sum(not_met), sum(refused), sum(not_found), sum(moved),
            sum(deceased), sum(ineligible), sum(dropped), sum(closed), sum(located), sum(spent), (SELECT epoch FROM next)
    FROM taken
    GROUP BY number, day
    ORDER BY number, day
    ON CONFLICT (number, day) DO UPDATE
    SET completed = t.completed + excluded.completed, new = t.new + excluded.new, partial = t.partial +
            excluded.partial, not_met = t.not_met + excluded.not_met, refused = t.refused + excluded.refused,
            not_found = t.not_found + excluded.not_found, moved = t.moved + excluded.moved, deceased = t.deceased +
            excluded.deceased, ineligible = t.ineligible + excluded.ineligible, dropped = t.dropped +
            excluded.dropped, closed = t.closed + excluded.closed, located = t.located + excluded.located, spent = t.spent + excluded.spent, epoch =
            excluded.epoch
)
SELECT (SELECT epoch FROM next) AS epoch, coalesce((SELECT deltas FROM next), 0) AS deltas;

-- name: tell
SELECT pg_notify(:channel, :epoch);
