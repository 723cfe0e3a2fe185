-- name: append
-- Nothing where the id stands already.
INSERT INTO intake.review (review_id, subject, about, number, decision, note, actor, decided_at)
VALUES (:review_id, :subject, :about, :number, :decision, :note, :actor, (SELECT ground.now()))
ON CONFLICT (review_id) DO NOTHING
RETURNING place;

-- name: known
-- What was decided under an id.
SELECT r.review_id, r.subject, r.about, r.decision, r.note, a.name AS decided_by, r.decided_at
FROM intake.review r LEFT JOIN trust.account a ON a.account_id = r.actor
WHERE r.review_id = :review_id;

-- name: standing
-- The newest act on each thing in some blocks, but for those that took one back.
SELECT review_id, about, decision, note, decided_by, decided_at
FROM (
    SELECT DISTINCT ON (r.about) r.review_id, r.about, r.decision, r.note, a.name AS decided_by, r.decided_at
    FROM intake.review r LEFT JOIN trust.account a ON a.account_id = r.actor
    WHERE r.subject = :subject AND r.number = ANY(CAST(:numbers AS integer[]))
    ORDER BY r.about, r.place DESC
) newest
WHERE decision <> 'reopened';
