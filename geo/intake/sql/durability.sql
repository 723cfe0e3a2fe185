-- name: wanting
-- Without these an acknowledged row can vanish in a power cut.
SELECT name FROM pg_settings
WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off' ORDER BY name;
