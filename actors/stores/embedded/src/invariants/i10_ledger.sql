-- Accounts: 5 tenant_revenue, 6 commission_expense. Basis 2: posting.
WITH reported AS (
    SELECT tenant_id, currency, sum_micros(payout) AS payout, sum_micros(revenue) AS revenue
    FROM rollups WHERE basis = 2 AND is_test = 0 GROUP BY 1, 2
), booked AS (
    SELECT tenant_id, currency,
        sum_micros((kind = 6) * (debits - credits)) AS payout, sum_micros((kind = 5) * (credits - debits)) AS revenue
    FROM balances GROUP BY 1, 2
)
SELECT tenant_id, format('%s: payout %d in reports, %d in the ledger; revenue %d, %d', CAST(currency AS TEXT),
    ifnull(r.payout, 0), ifnull(b.payout, 0), ifnull(r.revenue, 0), ifnull(b.revenue, 0))
FROM reported AS r FULL JOIN booked AS b USING (tenant_id, currency)
WHERE ifnull(r.payout, 0) <> ifnull(b.payout, 0) OR ifnull(r.revenue, 0) <> ifnull(b.revenue, 0)
