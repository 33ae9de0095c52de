-- How many conversions stand at each status, and what are they worth? Tests are conversions too.
SELECT l.status, count(*), sum(c.payout), sum(c.revenue)
FROM conversion AS c JOIN last_move AS l ON l.tenant = c.tenant AND l.conversion = c.seq
WHERE c.tenant = :tenant GROUP BY l.status;
