-- What must every account hold, by what the conversions stand at? Tests make no entries; house traffic earns nobody a payout.
WITH held AS (
    SELECT c.affiliate, c.advertiser, c.currency, c.payout, c.revenue, l.status FROM conversion AS c
    JOIN last_move AS l ON l.tenant = c.tenant AND l.conversion = c.seq
    WHERE c.tenant = :tenant AND NOT c.is_test AND l.status <> 'rejected'
)
SELECT affiliate AS owner, iif(status = 'pending', 'pending', 'payable') AS account, currency, sum(payout) FROM held
WHERE affiliate IS NOT NULL GROUP BY 1, 2, 3 HAVING sum(payout) <> 0
UNION ALL
SELECT advertiser, iif(status = 'pending', 'pending', 'receivable'), currency, sum(revenue) FROM held
GROUP BY 1, 2, 3 HAVING sum(revenue) <> 0;
