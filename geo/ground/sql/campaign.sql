-- name: load
-- The campaign with its current edition.
SELECT c.name, c.starts_on, c.ends_on, c.time_zone, c.edition_id, e.code AS edition, e.digest, c.series,
       c.accuracy_limit_m, c.outside_limit_m, c.simulated, c.clock
FROM ground.campaign c
JOIN ground.edition e USING (edition_id);

-- name: edition
SELECT edition_id FROM ground.edition WHERE code = :edition;

-- name: counted
-- Whether any household hangs on the current numbers.
SELECT EXISTS (SELECT 1 FROM intake.submission);

-- name: save
INSERT INTO ground.campaign (name, starts_on, ends_on, time_zone, edition_id, series, accuracy_limit_m,
                             outside_limit_m, simulated, clock)
VALUES (:name, :starts_on, :ends_on, :time_zone, :edition_id, :series, :accuracy_limit_m,
        :outside_limit_m, :simulated, :clock)
ON CONFLICT (campaign_id) DO UPDATE
SET name = excluded.name, starts_on = excluded.starts_on, ends_on = excluded.ends_on,
    time_zone = excluded.time_zone, edition_id = excluded.edition_id, series = excluded.series,
    accuracy_limit_m = excluded.accuracy_limit_m, outside_limit_m = excluded.outside_limit_m,
    simulated = excluded.simulated, clock = excluded.clock;

-- name: fingerprint
-- Row versions of the campaign and its edition, and of the newest word on expected families.
SELECT md5(coalesce((SELECT c::text || e::text FROM ground.campaign c JOIN ground.edition e USING (edition_id)), '')
    || coalesce((SELECT string_agg(n::text, ',' ORDER BY series)
        FROM (SELECT series, count(*) || ':' || sum(expected) || ':' || sum(number::bigint * expected) AS n
              FROM ground.expected JOIN ground.campaign USING (edition_id, series) GROUP BY series) s), ''));
