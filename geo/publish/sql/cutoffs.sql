-- name: lists
-- Families by block: in a programme's list under one cut-off and under another, and how many of them the other scales
-- call poor. Of every scale the newest word up to a day; field status also as the door said it last, where that is later
-- (see ledger.sql). Only families of closed ranges of numbers; the policy holds whatever is asked. A family lies where
-- its newest word on the asked scale, else on another one, put it.
WITH span (lo, hi) AS (
    SELECT * FROM unnest(CAST(:los AS integer[]), CAST(:his AS integer[]))
), said AS (
    (
        SELECT DISTINCT ON (household_id) household_id, 1 AS kind, number,
            CASE :measure WHEN 'score' THEN score WHEN 'rank' THEN rank ELSE decile END AS value, dated
        FROM span JOIN welfare.event ON number BETWEEN lo AND hi
        WHERE :measure <> 'consultation' AND scale = 'rank' AND dated <= :day
          AND CASE :measure WHEN 'score' THEN score WHEN 'rank' THEN rank ELSE decile END IS NOT NULL
        ORDER BY household_id, dated DESC, revision DESC
    )
    UNION ALL
    (
        SELECT DISTINCT ON (household_id) household_id, 2, number, consultation, dated
        FROM span JOIN welfare.event ON number BETWEEN lo AND hi
        WHERE scale = 'consultation' AND dated <= :day
        ORDER BY household_id, dated DESC, revision DESC
    )
    UNION ALL
    (
        SELECT DISTINCT ON (household_id) household_id, 3, number, field_status, dated
        FROM span JOIN welfare.event ON number BETWEEN lo AND hi
        WHERE scale = 'field_status' AND dated <= :day
        ORDER BY household_id, dated DESC, revision DESC
    )
    UNION ALL
    SELECT household_id, 4, number, welfare, CAST(captured_at AT TIME ZONE :zone AS date)
    FROM span JOIN intake.household ON number BETWEEN lo AND hi
    WHERE welfare IS NOT NULL
), family AS (
    SELECT
        coalesce(
            max(number) FILTER (WHERE kind = 1), max(number) FILTER (WHERE kind = 2),
            max(number) FILTER (WHERE kind = 4), max(number)
        ) AS number,
        max(value) FILTER (WHERE kind = CASE WHEN :measure = 'consultation' THEN 2 ELSE 1 END) AS value,
        coalesce(max(value) FILTER (WHERE kind = 2), 9) <= 2 AS poor_forum,
        coalesce(CASE WHEN max(dated) FILTER (WHERE kind = 4) > max(dated) FILTER (WHERE kind = 3)
                        OR max(dated) FILTER (WHERE kind = 3) IS NULL
                      THEN max(value) FILTER (WHERE kind = 4) ELSE max(value) FILTER (WHERE kind = 3) END, 9) <= 2
            AS poor_field
    FROM said
    GROUP BY household_id
), held AS (
    SELECT number, value, poor_forum, poor_field,
        coalesce(CASE WHEN :measure = 'score' THEN value < :before ELSE value <= :before END, false) AS was,
        coalesce(CASE WHEN :measure = 'score' THEN value < :after ELSE value <= :after END, false) AS is_in
    FROM family
)
SELECT number,
    count(*) AS families,
    count(*) FILTER (WHERE value IS NULL) AS unknown,
    count(*) FILTER (WHERE was) AS before,
    count(*) FILTER (WHERE is_in) AS after,
    count(*) FILTER (WHERE is_in AND NOT was) AS added,
    count(*) FILTER (WHERE was AND NOT is_in) AS dropped,
    count(*) FILTER (WHERE is_in AND NOT was AND poor_field) AS added_poor_field,
    count(*) FILTER (WHERE is_in AND NOT was AND poor_forum) AS added_poor_consultation,
    count(*) FILTER (WHERE was AND NOT is_in AND poor_field) AS dropped_poor_field,
    count(*) FILTER (WHERE was AND NOT is_in AND poor_forum) AS dropped_poor_consultation,
    count(*) FILTER (WHERE poor_field AND NOT is_in) AS outside_poor_field,
    count(*) FILTER (WHERE poor_forum AND NOT is_in) AS outside_poor_consultation
FROM held
GROUP BY number
ORDER BY number
