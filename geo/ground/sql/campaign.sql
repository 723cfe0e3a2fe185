-- name: load
-- The campaign with its current edition.
SELECT c.name, c.starts_on, c.ends_on, c.time_zone, c.edition_id, e.code AS edition, e.digest, c.series,
       c.accuracy_limit_m, c.outside_limit_m, c.simulated, c.clock, c.clock_at, c.clock_speed
FROM ground.campaign c
JOIN ground.edition e USING (edition_id);

-- name: edition
SELECT edition_id FROM ground.edition WHERE code = :edition;

-- name: counted
-- Whether any household hangs on the current numbers.
SELECT EXISTS (SELECT 1 FROM intake.submission);

-- name: save
INSERT INTO ground.campaign (name, starts_on, ends_on, time_zone, edition_id, series, accuracy_limit_m,
                             outside_limit_m, simulated, clock, clock_at, clock_speed)
VALUES (:name, :starts_on, :ends_on, :time_zone, :edition_id, :series, :accuracy_limit_m,
        :outside_limit_m, :simulated, :clock, :clock_at, :clock_speed)
ON CONFLICT (campaign_id) DO UPDATE
SET name = excluded.name, starts_on = excluded.starts_on, ends_on = excluded.ends_on,
    time_zone = excluded.time_zone, edition_id = excluded.edition_id, series = excluded.series,
    accuracy_limit_m = excluded.accuracy_limit_m, outside_limit_m = excluded.outside_limit_m,
    simulated = excluded.simulated, clock = excluded.clock, clock_at = excluded.clock_at,
    clock_speed = excluded.clock_speed;

-- name: set_clock
UPDATE ground.campaign
SET clock = coalesce(CAST(:clock AS timestamptz), ground.now()), clock_at = now(), clock_speed = :speed
WHERE simulated
RETURNING clock;

-- name: fingerprint
-- Row versions of the campaign and its edition, of the newest word on expected families, and of the footprints that
-- they are spread by: an import writes all of an edition's anew, so one of them tells, and the index leads to it.
SELECT md5(coalesce((SELECT (to_jsonb(c) - '{clock,clock_at,clock_speed}'::text[])::text || e::text
        FROM ground.campaign c JOIN ground.edition e USING (edition_id)), '')
    || coalesce((SELECT string_agg(n::text, ',' ORDER BY series)
        FROM (SELECT series, count(*) || ':' || sum(expected) || ':' || sum(number::bigint * expected) AS n
              FROM ground.expected JOIN ground.campaign USING (edition_id, series) GROUP BY series) s), '')
    || coalesce((SELECT f.footprint_id::text FROM ground.footprint f
        WHERE f.edition_id = (SELECT edition_id FROM ground.campaign)
        ORDER BY f.edition_id DESC, f.number DESC, f.footprint_id DESC LIMIT 1), ''));
