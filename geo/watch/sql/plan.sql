-- name: households
-- Which of some households there are in a team's blocks: a stop that names another one is none of this team's.
SELECT household_id FROM intake.household
WHERE household_id = ANY(CAST(:ids AS text[])) AND number = ANY(CAST(:numbers AS integer[]));
