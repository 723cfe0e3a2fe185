-- name: decided
-- On which proposal, as it was then, an act was; nothing where there is no such act.
SELECT about, number FROM intake.review WHERE review_id = :review_id AND subject = 'proposal';
