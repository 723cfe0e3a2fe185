-- name: areas
-- Areas of a level with their figures in two releases; null where the policy shows none.
SELECT a.number, a.code, a.name, a.level, a.lon, a.lat, p.code AS parent,
    b.n AS before_n, b.value AS before_value, b.draws AS before_draws, b.expected AS before_expected,
    f.n AS after_n, f.value AS after_value, f.draws AS after_draws, f.expected AS after_expected
FROM release.area a
LEFT JOIN release.area p ON p.number = a.parent
LEFT JOIN release.area_figure b ON b.release = :before AND b.number = a.number
LEFT JOIN release.area_figure f ON f.release = :after AND f.number = a.number
WHERE a.level = :level AND a.number BETWEEN :first AND :last AND a.number > :page
ORDER BY a.number
LIMIT :limit;
