-- Accounts: 5 tenant_revenue, 6 commission_expense. Basis 2: posting.
SELECT {sum}(reported), {sum}(booked)
FROM (
    SELECT tenant_id, currency, 1 AS what, payout AS reported, 0 AS booked FROM rollups WHERE basis = 2 AND is_test = 0
    UNION ALL
    SELECT tenant_id, currency, 2, revenue, 0 FROM rollups WHERE basis = 2 AND is_test = 0
    UNION ALL
    SELECT tenant_id, currency, 1, 0, debits - credits FROM balances WHERE kind = 6
    UNION ALL
    SELECT tenant_id, currency, 2, 0, credits - debits FROM balances WHERE kind = 5
) AS sides
GROUP BY tenant_id, currency, what
