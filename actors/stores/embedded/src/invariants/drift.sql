-- Pairs of sums that must be the same. Statuses: 3 rejected. Accounts: 5 tenant_revenue, 6 commission_expense.
-- Bases: 0 click, 1 conversion, 2 posting.
WITH entries (tenant_id, kind, owner, currency, debits, credits) AS (
    SELECT tenant_id, debit_kind, debit_owner, currency, amount, 0 FROM transfers
    UNION ALL
    SELECT tenant_id, credit_kind, credit_owner, currency, 0, amount FROM transfers
), summed AS (
    SELECT tenant_id, kind, owner, currency, sum_micros(debits) AS debits, sum_micros(credits) AS credits
    FROM entries GROUP BY 1, 2, 3, 4
), counting AS (
    SELECT tenant_id, currency, sum_micros((status <> 3) * payout) AS payout, sum_micros((status <> 3) * revenue) AS revenue
    FROM conversions GROUP BY 1, 2
), reported AS (
    SELECT tenant_id, currency, basis, sum_micros(payout) AS payout, sum_micros(revenue) AS revenue
    FROM rollups GROUP BY 1, 2, 3
), posted AS (
    SELECT tenant_id, currency, sum_micros(payout) AS payout, sum_micros(revenue) AS revenue
    FROM rollups WHERE basis = 2 AND is_test = 0 GROUP BY 1, 2
), booked AS (
    SELECT tenant_id, currency, sum_micros((kind = 6) * (debits - credits)) AS payout,
        sum_micros((kind = 5) * (credits - debits)) AS revenue
    FROM balances GROUP BY 1, 2
)
SELECT sum_micros(debits), sum_micros(credits) FROM balances GROUP BY tenant_id, currency
UNION ALL
SELECT ifnull(e.debits, 0), ifnull(b.debits, 0) FROM summed AS e FULL JOIN balances AS b USING (tenant_id, kind, owner, currency)
UNION ALL
SELECT ifnull(e.credits, 0), ifnull(b.credits, 0) FROM summed AS e FULL JOIN balances AS b USING (tenant_id, kind, owner, currency)
UNION ALL
SELECT ifnull(p.payout, 0), ifnull(b.payout, 0) FROM posted AS p FULL JOIN booked AS b USING (tenant_id, currency)
UNION ALL
SELECT ifnull(p.revenue, 0), ifnull(b.revenue, 0) FROM posted AS p FULL JOIN booked AS b USING (tenant_id, currency)
UNION ALL
SELECT ifnull(c.payout, 0), ifnull(r.payout, 0)
FROM counting AS c FULL JOIN (SELECT * FROM reported WHERE basis = 0) AS r USING (tenant_id, currency)
UNION ALL
SELECT ifnull(c.revenue, 0), ifnull(r.revenue, 0)
FROM counting AS c FULL JOIN (SELECT * FROM reported WHERE basis = 0) AS r USING (tenant_id, currency)
UNION ALL
SELECT ifnull(c.payout, 0), ifnull(r.payout, 0)
FROM counting AS c FULL JOIN (SELECT * FROM reported WHERE basis = 1) AS r USING (tenant_id, currency)
UNION ALL
SELECT ifnull(c.revenue, 0), ifnull(r.revenue, 0)
FROM counting AS c FULL JOIN (SELECT * FROM reported WHERE basis = 1) AS r USING (tenant_id, currency)
