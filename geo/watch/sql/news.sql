-- name: digest
-- Changes when assignments do.
SELECT count(*) || ':' || coalesce(sum(hashtextextended(concat_ws('|', s.code, s.enumerator, s.supervisor, s.starts_on),
    0)::numeric), 0)
FROM ground.assignment s WHERE s.edition_id = :edition_id;

-- name: assignments
SELECT a.number, s.enumerator, s.supervisor,
    extract(epoch FROM CAST(s.starts_on AS timestamp) AT TIME ZONE :zone)::double precision AS starts
FROM ground.assignment s
JOIN ground.area a ON a.edition_id = s.edition_id AND a.code = s.code AND a.number = a.last
WHERE s.edition_id = :edition_id
ORDER BY a.number;

-- name: devices
-- What the devices of each assigned enumerator last said, all of them together; `blocks` is null where one of those
-- with something waiting does not say for which blocks.
SELECT c.name, extract(epoch FROM max(h.heard_at))::double precision AS heard, sum(h.queued)::bigint AS queued,
    CASE WHEN bool_and(h.queued = 0 OR h.blocks IS NOT NULL) THEN
        coalesce(jsonb_agg(h.blocks) FILTER (WHERE h.queued > 0), '[]') END AS blocks
FROM intake.heartbeat h
JOIN trust.account c ON c.account_id = h.actor
GROUP BY c.name;
