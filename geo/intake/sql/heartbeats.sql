-- name: store
-- The latest word of a device; whatever arrives last wins, for a word carries no number by which to order it. Its last
-- event is kept only where a submission captured then would be believed; every other one comes from a wrong clock.
INSERT INTO intake.heartbeat (actor, device, queued, blocks, last_event_at, heard_at)
SELECT :actor, :device, :queued, CAST(:blocks AS jsonb),
    (SELECT CAST(:last_event_at AS timestamptz) FROM ground.campaign c
     WHERE CAST(:last_event_at AS timestamptz)
         BETWEEN (CAST(c.starts_on - 1 AS timestamp) AT TIME ZONE c.time_zone)
         AND ground.now() + CAST(:ahead AS interval)),
    ground.now()
ON CONFLICT (actor, device) DO UPDATE
SET queued = excluded.queued, blocks = excluded.blocks, last_event_at = excluded.last_event_at,
    heard_at = excluded.heard_at;

-- name: bound
-- A device names itself; without a bound one account could fill the table with names.
DELETE FROM intake.heartbeat
WHERE actor = :actor
  AND device NOT IN (SELECT device FROM intake.heartbeat WHERE actor = :actor ORDER BY heard_at DESC, device LIMIT :most);
